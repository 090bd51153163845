"""State dicts as ``torch.save`` writes them, read as data: no code in them is ever run."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

_KEYS = ("model", "state_dict")
"""Where training scripts keep the weights: torchvision's references, most others."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The weights in a file, by name, on the CPU.

    They may stand alone or under `_KEYS`; the prefix ``module.`` of parallel training is taken
    away. What torch keeps beside them (``_metadata``, by which modules read older layouts) stays.

    Args:
        path: what ``torch.save`` writes, or safetensors.

    Raises:
        UserError: no such file, a damaged one, or one that holds more than tensors.
    """
    import torch
    from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

    found: Any
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from error
    except Exception as error:  # damaged files fail in torch in many ways
        raise UserError(_damaged(path)) from error
    if isinstance(found, Mapping):
        inner = next((found[key] for key in _KEYS if isinstance(found.get(key), Mapping)), found)
        if inner and all(isinstance(value, torch.Tensor) for value in inner.values()):
            weights: dict[str, Tensor] = inner  # type: ignore[assignment]
            consume_prefix_in_state_dict_if_present(weights, "module.")
            return weights
    raise UserError(
        f"{path} holds no weights by name. Save a network's state_dict: "
        "torch.save(network.state_dict(), path)."
    )


def fill(module: nn.Module, weights: dict[str, Tensor], path: Path, what: str) -> None:
    """Load ``weights``, all of them and nothing missing, into ``module``; set it to evaluation.

    Args:
        module: the network.
        weights: see `read_state_dict`.
        path: where they are from, for messages.
        what: the network's name, for messages.

    Raises:
        UserError: they are another network's.
    """
    try:
        odd = module.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # shapes differ; torch lists every one on a line of its own
        shape = re.search(r"size mismatch for ([^:]+): .*?\[(.*?)\].*?\[(.*?)\]", str(error))
        reason = (
            f"'{shape[1]}' is of shape [{shape[2]}], not [{shape[3]}]"
            if shape
            else str(error).splitlines()[0]
        )
        raise UserError(f"The weights {path} do not fit {what}: {reason}.") from error
    if odd.missing_keys:
        raise UserError(f"The weights {path} do not fit {what}: they lack '{odd.missing_keys[0]}'.")
    if odd.unexpected_keys:
        raise UserError(
            f"The weights {path} do not fit {what}: it has no '{odd.unexpected_keys[0]}'."
        )
    module.eval()


def _refusal(path: Path, reason: str) -> str:
    """Why a pickle was not loaded: it asks for something else than tensors, or is none."""
    asked = re.search(r"[Uu]nsupported (?:global: )?GLOBAL (\S+)", reason)
    if asked:
        return (
            f"{path} holds more than weights ({asked[1]}), and loading that could run code, so it "
            "is not loaded. Save the state_dict alone: torch.save(network.state_dict(), path)."
        )
    return _damaged(path)


def _damaged(path: Path) -> str:
    return (
        f"{path} is no checkpoint, or a damaged one. Download or copy it again, and compare its "
        "size with the original's."
    )
