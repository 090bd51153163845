"""State dicts of files in the layouts that authors publish; a pickle's code is never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from spandrel import canonicalize_state_dict
from torch import Tensor, nn

from harness.assets.pickles import load_pickle
from harness.errors import UserError
from restorers.checkpoints.format import fill, read_tensors

Config = TypeVar("Config")
Network = TypeVar("Network", bound=nn.Module)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    Weights may stand alone or under one of the usual keys (``params``, ``params_ema``,
    ``state_dict``, ...); prefixes that training wrappers add (``module.``) are taken away.

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
    try:
        config = config_from_tensors(tensors)
        network = build(config)
        if rename is not None:
            tensors = rename(tensors, config)
    except (LookupError, ValueError, AssertionError, ArithmeticError, RuntimeError) as error:
        reason = f"; {error}" if type(error) is ValueError else ""
        raise UserError(
            f"{path} holds no {what}: its weights have other names or shapes{reason}. "
            "Name the restorer the file was made for, or give the path alone."
        ) from error
    fill(network, tensors, path, what)
    return network


def _canonical(content: object, path: Path) -> dict[str, Tensor]:
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
