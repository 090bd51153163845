"""Checkpoints as training scripts write them, read as data: no code in them is ever run."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from tasks.torch_files import read_state_dict


class _Inert:
    """Stands in for an object of a checkpoint that is no tensor: made, and never looked at."""

    def __init__(self, *_: Any) -> None:
        """Take what the object would have been made of."""

    def __setstate__(self, state: Any) -> None:
        """Take what the object would have held."""


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights in a checkpoint, and mmsegmentation's ``meta`` (classes, config, versions).

    What training keeps beside them (mmengine its logs, torchvision its command line) is left out:
    the classes of such objects are never loaded, let alone run, `_Inert` stands in for each.

    Raises:
        UserError: no such file, a damaged one, or one that cannot be read as data.
    """
    with _inert_objects(path):
        weights = read_state_dict(path)
        meta: Any = None
        if path.suffix.lower() != ".safetensors":
            # The second time, for all but the weights, so without reading those where it can be.
            whole = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
            meta = whole.get("meta")
    return weights, dict(meta) if isinstance(meta, Mapping) else {}


@contextlib.contextmanager
def _inert_objects(path: Path) -> Iterator[None]:
    """Let every class and function that a file names be `_Inert`."""
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the format of before 2020, which holds no such list, or no checkpoint
        named = []
    with torch.serialization.safe_globals([(_Inert, name) for name in named]):
        yield
