"""What ``torch.save`` writes, read as data: no code in it is ever run."""

from __future__ import annotations

import contextlib
import pickle
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.assets.programs import compressed_bytes, is_torchscript, torch_would_run
from harness.errors import UserError

MOST_INFLATED = 1 << 30
"""Bytes of what is compressed in a file of weights. ``torch.save`` compresses nothing."""


class _StandIn:
    """Takes the place of an object of a checkpoint that is no tensor: made, and never looked at."""

    def __init__(self, *_: Any) -> None:
        """Take what the object would have been made of."""

    def __setstate__(self, state: Any) -> None:
        """Take what the object would have held."""


def load_pickle(path: Path, stand_ins: bool = False) -> Any:
    """The content of a file of ``torch.save``, its tensors on the CPU.

    Args:
        path: of the file.
        stand_ins: let nothings take the place of objects that are no tensors (torchvision keeps its
            command line beside the weights, mmengine its logs), instead of refusing the file. Their
            classes are not loaded either way.

    Raises:
        UserError: no such file, a damaged one, or one that holds more than tensors.
    """
    import torch

    refuse_programs(path)
    try:
        with _stand_ins(path) if stand_ins else contextlib.nullcontext():
            # Mapped where the format allows it: reading the names then costs nothing.
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from error
    except Exception as error:  # damaged files fail in torch in many ways
        raise UserError(_damaged(path)) from error


def refuse_programs(path: Path) -> None:
    """Refuse what torch reads by other means, some of its releases whatever they are told.

    Raises:
        UserError: the file is a TorchScript archive, a tar archive of torch's first years, or one
            that inflates to more than `MOST_INFLATED`.
    """
    if is_torchscript(path) or torch_would_run(path):
        raise UserError(
            f"{path} is TorchScript, a program, and no weights alone, so it is not loaded here: "
            "ask for its state_dict. Whoever trusts it runs it by its path alone, --trust-code."
        )
    if compressed_bytes(path) > MOST_INFLATED:
        raise UserError(
            f"{path} inflates to more than {MOST_INFLATED} bytes, so it is not loaded: torch.save "
            "compresses nothing. Load it where you trust it, and save it again."
        )
    if path.is_file() and tarfile.is_tarfile(path):
        raise UserError(
            f"{path} is of before torch 0.2 (a tar archive), whose reading could run code, so it "
            "is not loaded. Load it where you trust it, and save it again with torch.save."
        )


@contextlib.contextmanager
def _stand_ins(path: Path) -> Iterator[None]:
    """Let every class and function that a file names be `_StandIn`."""
    import torch

    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the format of before 2020, which holds no such list, or no checkpoint
        named = []
    with torch.serialization.safe_globals([(_StandIn, name) for name in named]):
        yield


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
