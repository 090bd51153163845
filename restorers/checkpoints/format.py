"""Checkpoint files that say what they are: safetensors with the network's name and size inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "restoration-harness/1"


@dataclass(frozen=True)
class Header:
    """What a file says of its network.

    Attributes:
        restorer: registry name of the restorer it is for.
        config: the network's size, as the restorer's ``build`` takes it.
    """

    restorer: str
    config: Any


def save(path: Path, network: nn.Module, header: Header, half: bool = False) -> None:
    """Write a network's parameters and buffers.

    Args:
        path: of the safetensors file.
        network: on any device.
        header: what it is.
        half: store matrices and filters in float16, half the size; vectors (biases, the
            statistics of normalisation) stay as they are. Networks always *compute* in float32.
    """
    import torch
    from safetensors.torch import save as serialise

    tensors = {}
    for key, value in network.state_dict().items():
        stored = value.detach().cpu().contiguous()
        if half and stored.ndim > 1 and stored.dtype == torch.float32:
            stored = stored.half()
        tensors[key] = stored
    metadata = {
        "format": FORMAT,
        "restorer": header.restorer,
        "config": json.dumps(header.config, sort_keys=True),
    }
    path.write_bytes(_ordered(serialise(tensors, metadata)))


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
            metadata = json.loads(file.read(length)).get("__metadata__", {})
        if metadata.get("format") != FORMAT:
            return None
        return Header(str(metadata["restorer"]), json.loads(metadata["config"]))
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, halves widened to float32.

    Raises:
        UserError: it is no such file.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: Mapping[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no safetensors file: {reason}.") from error
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()}


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
