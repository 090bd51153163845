"""State dicts as ``torch.save`` writes them, read as data: no code in them is ever run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets.pickles import load_pickle
from harness.assets.prefixes import prefix_hint, unwrapped
from harness.errors import UserError
from harness.plugins import Json

if TYPE_CHECKING:
    from torch import Tensor, nn

_KEYS = ("model", "state_dict")
"""Where training scripts keep the weights: torchvision's references, most others."""

_HEAD = 4
"""Tensors of a head at most: weights and biases of the classes and of their boxes."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The weights in a file, by name, on the CPU; a safetensors file's halves in float32.

    They may stand alone or under `_KEYS`; the prefix ``module.`` of parallel training is taken
    away. What torch keeps beside them (``_metadata``, by which modules read older layouts) stays.

    Args:
        path: what ``torch.save`` writes, or safetensors.

    Raises:
        UserError: no such file, a damaged one, or one that holds no weights.
    """
    return read_checkpoint(path)[0]


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Json]:
    """The weights in a file as `read_state_dict` gives them, and mmsegmentation's ``meta``.

    What training keeps beside them (mmengine its logs, torchvision its command line) is left out,
    and never loaded.

    Raises:
        UserError: as `read_state_dict`.
    """
    if path.suffix.lower() == ".safetensors":
        return weights_in(_safetensors(path), path), {}
    content = load_pickle(path, stand_ins=True)
    meta = content.get("meta") if isinstance(content, Mapping) else None
    return weights_in(content, path), dict(meta) if isinstance(meta, Mapping) else {}


def weights_in(content: object, path: Path) -> dict[str, Tensor]:
    """The weights of a loaded file, out of what holds them.

    Args:
        content: what was loaded.
        path: from where, for messages.

    Raises:
        UserError: there are none.
    """
    import torch
    from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

    if isinstance(content, Mapping):
        inner = next(
            (content[key] for key in _KEYS if isinstance(content.get(key), Mapping)), content
        )
        if inner and all(isinstance(value, torch.Tensor) for value in inner.values()):
            weights: dict[str, Tensor] = inner  # type: ignore[assignment]
            consume_prefix_in_state_dict_if_present(weights, "module.")
            return weights
    raise UserError(
        f"{path} holds no weights by name. Save a network's state_dict: "
        "torch.save(network.state_dict(), path)."
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, halves widened to float32: models compute in nothing else."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror or error}.") from error
    except SafetensorError as error:
        raise UserError(f"{path} is no safetensors file, or a damaged one: {error}.") from error
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()}


def named_as(
    weights: dict[str, Tensor], fits: Callable[[Collection[str]], bool]
) -> dict[str, Tensor]:
    """The weights without the prefixes that wrappers of training add, where the rest fits.

    Args:
        weights: see `read_state_dict`.
        fits: whether names are those that are wanted.
    """
    found = unwrapped(weights, lambda given: fits(given.keys()))
    # The very same ones where nothing is taken away: torch keeps more beside them.
    return weights if found.keys() == weights.keys() else found


def _counters(names: Collection[str]) -> list[str]:
    """Batch counters, which some files leave out and evaluation does not need."""
    return [name for name in names if name.endswith("num_batches_tracked")]


def fill(module: nn.Module, weights: dict[str, Tensor], path: Path, what: str) -> None:
    """Load ``weights``, all of them and nothing missing, into ``module``; set it to evaluation.

    Args:
        module: the network.
        weights: see `read_state_dict`.
        path: where they are from, for messages.
        what: the network's name, for messages.

    Raises:
        UserError: they are another network's, or no numbers.
    """
    wanted = module.state_dict().keys()
    weights = named_as(weights, lambda names: wanted == {*names, *_counters(wanted)})
    try:
        odd = module.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # shapes differ; torch lists every one on a line of its own
        shape = re.search(r"size mismatch for ([^:]+): .*?\[(.*?)\].*?\[(.*?)\]", str(error))
        reason = (
            f"'{shape[1]}' is of shape [{shape[2]}], not [{shape[3]}]"
            if shape
            else str(error).splitlines()[0]
        )
        hint = _head_hint(weights, module.state_dict())
        raise UserError(f"The weights {path} do not fit {what}: {reason}.{hint}") from error
    if odd.missing_keys:
        raise UserError(
            f"The weights {path} do not fit {what}: they lack '{odd.missing_keys[0]}'."
            f"{prefix_hint(weights)}"
        )
    if odd.unexpected_keys:
        raise UserError(
            f"The weights {path} do not fit {what}: it has no '{odd.unexpected_keys[0]}'."
            f"{prefix_hint(weights)}"
        )
    check_numbers(module, path)
    module.eval()


def check_numbers(module: nn.Module, path: Path) -> None:
    """See that weights are numbers; a detector with others finds nothing, and says no word.

    Args:
        module: filled with them.
        path: where they are from, for the message.

    Raises:
        UserError: a parameter holds NaN or infinite values.
    """
    for name, value in module.named_parameters():
        count = int((~value.isfinite()).sum())
        if count:
            raise UserError(
                f"The weights {path} are damaged: '{name}' holds {count} of {value.numel()} values "
                "that are no numbers (NaN or infinite). Fetch or train them again."
            )


def _head_hint(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What to say of the same network with a head of other classes; nothing of another network."""
    odd = [key for key in wanted if key in weights and weights[key].shape != wanted[key].shape]
    rows = [(len(weights[key]), len(wanted[key])) for key in odd if weights[key].ndim]
    alike = all(weights[key].shape[1:] == wanted[key].shape[1:] for key in odd)
    if not (alike and 0 < len(rows) <= _HEAD):
        return ""
    return (
        f" Only the head differs ({rows[0][0]} outputs, not {rows[0][1]}): it was trained on other "
        "classes, which the file does not name. Export the network as TorchScript or ONNX and name "
        "a card with its classes (docs/guides/model_cards.md)."
    )
