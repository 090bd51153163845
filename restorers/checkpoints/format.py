"""Checkpoint files that say what they are: safetensors with the network's name and size inside.

Filters and matrices are stored in 8 or 16 bits a value if wanted, vectors (biases, the statistics
of normalisation) and integers always as they are. Networks *compute* in float32, whatever their
file holds. Eight bits a value are round(value / scale) with one scale a row, that is for what makes
one output channel, so that the largest value of a row is 127: Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference", 2018 (arXiv 1806.08342), section 3.1.2, weights
alone. The scales are stored beside, in float32.

Networks that were given the same frozen modules need them once: `share` leaves them to another file
of the same folder, which the file names with its sha256.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.assets.cards import file_sha256
from harness.assets.disk import writing
from harness.assets.reading import load_json
from harness.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "restoration-harness/1"

Storage = Literal["float32", "float16", "int8"]
"""What a value of a filter or a matrix is stored in."""

SCALE = ":scale"
"""What the name of a tensor in 8 bits ends with where its scales are."""

BASE = "base"
"""Where the metadata of a file names the one that holds the rest of its tensors, see `share`."""

LEAST_ROW = 16
"""Rows of fewer values are stored in float16 where 8 bits are wanted: their scale would outweigh
what they save, and a rounded value of so few says much."""


@dataclass(frozen=True)
class Header:
    """What a file says of its network.

    Attributes:
        restorer: registry name of the restorer it is for.
        config: the network's size, as the restorer's ``build`` takes it.
    """

    restorer: str
    config: Any


def save(path: Path, network: nn.Module, header: Header, storage: Storage = "float32") -> None:
    """Write a network's parameters and buffers.

    Args:
        path: of the safetensors file.
        network: on any device.
        header: what it is.
        storage: of filters and matrices, see this module.
    """
    from safetensors.torch import save as serialise

    tensors: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        tensors.update(_stored(key, value.detach().cpu().contiguous(), storage))
    metadata = {
        "format": FORMAT,
        "restorer": header.restorer,
        "config": json.dumps(header.config, sort_keys=True),
    }
    _write(path, serialise(tensors, metadata))


def _stored(key: str, value: Tensor, storage: Storage) -> dict[str, Tensor]:
    """A tensor as it is stored, with its scales if it has any."""
    import torch

    if storage == "float32" or value.ndim < 2 or value.dtype != torch.float32:
        return {key: value}
    if storage == "float16" or value[0].numel() < LEAST_ROW:
        half = value.half()
        return {key: half if half.isfinite().all() else value}
    rows = value.flatten(1)
    scale = rows.abs().amax(1) / 127
    scale[scale == 0] = 1.0  # a row of zeros
    steps = (rows / scale[:, None]).round().to(torch.int8)
    return {key: steps.reshape(value.shape), key + SCALE: scale}


def _widened(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file for computing with: halves and values in 8 bits become float32."""
    import torch

    tensors = {}
    for key, value in stored.items():
        scale = stored.get(key + SCALE)
        if value.dtype == torch.int8 and scale is not None:
            value = (value.flatten(1) * scale[:, None]).reshape(value.shape)
        if not key.endswith(SCALE):
            tensors[key] = value.float() if value.dtype == torch.float16 else value
    return tensors


def _write(path: Path, content: bytes) -> None:
    """Put a file where another one may be, which processes that read it have mapped to memory."""
    new = path.with_name(f"{path.name}.new")
    try:
        with writing(path):
            new.write_bytes(_ordered(content))
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order.

    The library writes it in an order of chance, and the same weights would have another sha256
    each time.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of 8
    return len(text).to_bytes(8, "little") + text + content[end:]


def read_header(path: Path) -> Header | None:
    """What a safetensors file written by `save` says; None for any other file. Loads no torch."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < 100_000_000:
                return None
            metadata = load_json(file.read(length)).get("__metadata__", {})
        if metadata.get("format") != FORMAT:
            return None
        return Header(str(metadata["restorer"]), load_json(metadata["config"]))
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, what is stored in fewer bits widened to float32.

    Raises:
        UserError: it is no such file.
    """
    stored, metadata = _contents(path)
    if metadata.get("format") == FORMAT and BASE in metadata:
        stored |= _shared(path, json.loads(metadata[BASE]))
    return _widened(stored)


def share(path: Path, base: Path) -> list[str]:
    """Leave to ``base`` the modules that it holds bit for bit, and write ``path`` without them.

    Args:
        path: a file of `save`, in the folder of ``base``; it has another sha256 afterwards.
        base: another one, with all its modules.

    Returns:
        The names of the modules left out: children of the network itself, none or all of each.

    Raises:
        UserError: one of them is no such file, or they are in two folders.
    """
    import torch
    from safetensors.torch import save as serialise

    if path.parent.resolve() != base.parent.resolve():
        raise UserError(f"{path} and {base} are in two folders: move them into one.")
    (stored, metadata), (other, _) = _contents(path), _contents(base)
    own = {
        _module(key)
        for key, value in stored.items()
        if key not in other or other[key].dtype != value.dtype or not torch.equal(other[key], value)
    }
    left = sorted({_module(key) for key in stored} - own)
    kept = {key: value for key, value in stored.items() if _module(key) in own}
    reference = {"file": base.name, "sha256": file_sha256(base), "modules": left}
    metadata[BASE] = json.dumps(reference, sort_keys=True)
    _write(path, serialise(kept, metadata))
    return left


def _module(key: str) -> str:
    return key.partition(".")[0]


def _shared(path: Path, reference: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors that a file leaves to the one beside it that ``reference`` names."""
    base = path.with_name(reference["file"])
    modules = ", ".join(reference["modules"])
    if not base.is_file() or file_sha256(base) != reference["sha256"]:
        raise UserError(
            f"{path} leaves {modules} to a file {base.name} with sha256 {reference['sha256']}: "
            f"put that beside it, in {path.parent}."
        )
    return {k: v for k, v in _contents(base)[0].items() if _module(k) in reference["modules"]}


def _contents(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file as they are stored, and its metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no safetensors file: {reason}.") from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Load ``tensors`` into ``network``.

    Args:
        network: changed in place.
        tensors: its parameters and buffers, all of them and no others.
        path: where they are from, for the message.
        what: the network in words, for the message.

    Raises:
        UserError: they are another network's.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} holds no {what}: {reason} Name the restorer the file was made for."
        ) from error
