"""State dicts of files in the layouts that authors publish; a pickle's code is never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from spandrel import canonicalize_state_dict
from torch import Tensor, nn

from harness.assets.pickles import load_pickle
from harness.assets.prefixes import HOLDERS, candidates, prefix_hint
from harness.errors import UserError
from restorers.checkpoints.format import fill, read_tensors

_UNFIT = (
    UserError,
    LookupError,
    ValueError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
)
"""How weights of other names and shapes fail."""

Config = TypeVar("Config")
Network = TypeVar("Network", bound=nn.Module)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    Weights may stand alone or under one of the usual keys (``params``, ``params_ema``,
    ``state_dict``, ``net_g``, ...); prefixes that training wrappers add (``module.``) are taken
    away where all names have them; for others see `harness.assets.prefixes`.

    Args:
        path: safetensors, or what ``torch.save`` writes.

    Raises:
        UserError: the file is damaged, no such file, or holds more than tensors.
    """
    if path.suffix.lower() == ".safetensors":
        return _canonical(read_tensors(path), path)
    return _canonical(load_pickle(path), path)


def network_from(
    path: Path,
    config_from_tensors: Callable[[Mapping[str, Tensor]], Config],
    build: Callable[[Config], Network],
    what: str,
    rename: Callable[[Mapping[str, Tensor], Config], dict[str, Tensor]] | None = None,
) -> Network:
    """A network from a file in its authors' layout.

    Args:
        path: see `read_state_dict`.
        config_from_tensors: infers the network's size from the shapes of its weights.
        build: makes an untrained network of that size.
        what: the network in words, for messages.
        rename: gives the weights the names that ``build``'s network has; None: they have them.

    Raises:
        UserError: the file holds another network.
    """
    tensors = read_state_dict(path)
    failure: Exception | None = None
    for candidate in candidates(tensors):
        try:
            config = config_from_tensors(candidate)
            network = build(config)
            weights = candidate if rename is None else rename(candidate, config)
            fill(network, weights, path, what)
        except _UNFIT as error:
            failure = failure or error  # of the names as they are
        else:
            return network
    if isinstance(failure, UserError):
        raise failure
    reason = f"; {failure}" if type(failure) is ValueError else ""
    raise UserError(
        f"{path} holds no {what}: its weights have other names or shapes{reason}. Name the "
        f"restorer the file was made for, or give the path alone.{prefix_hint(tensors)}"
    ) from failure


def _canonical(content: object, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        held = (content.get(key) for key in HOLDERS)
        content = next((inner for inner in held if isinstance(inner, Mapping)), content)
    weights = canonicalize_state_dict(content) if isinstance(content, Mapping) else {}
    tensors = {
        name: value
        for name, value in weights.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise UserError(
            f"{path} holds no weights by name ({type(content).__name__}). Save a network's "
            "state_dict: torch.save(network.state_dict(), path)."
        )
    return tensors
