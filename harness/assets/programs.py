"""Files of weights that are programs: TorchScript. None is run unless the user trusts it.

A TorchScript archive reads and writes files, by its own code, as soon as torch opens it. It may be
called ``weights.pth``: what is inside says what a file is.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from harness.assets.switches import switched_on
from harness.errors import UserError


class UntrustedError(UserError):
    """A program was not run, because the user did not say that it may."""


VARIABLE = "HARNESS_TRUST_CODE"

_CODE = ("constants.pkl", "model.json")
"""What an archive with code has in its folder; by the second, files of before torch 1.0."""


def code_trusted() -> bool:
    """Whether the user trusts programs: ``--trust-code``, or ``HARNESS_TRUST_CODE=1``."""
    return switched_on(VARIABLE)


def trust_code() -> None:
    """Let files that are programs run, in this process and those that it starts."""
    os.environ[VARIABLE] = "1"


@contextlib.contextmanager
def trusting(wanted: bool) -> Iterator[None]:
    """Let files that are programs run meanwhile, if ``wanted``; otherwise change nothing."""
    before = os.environ.get(VARIABLE)
    if wanted:
        trust_code()
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, by its content; loads no torch."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _has_code(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def compressed_bytes(path: Path) -> int:
    """What the compressed members of a zip archive declare that they inflate to; 0 of other files.

    Torch and zipfile inflate no more than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [m for m in archive.infolist() if m.compress_type != zipfile.ZIP_STORED]
            return sum(member.file_size for member in packed)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return 0


def torch_would_run(path: Path) -> bool:
    """`is_torchscript` as torch's own reader of archives sees a file."""
    import torch

    try:
        return _has_code(torch._C.PyTorchFileReader(str(path)).get_all_records())
    except RuntimeError:
        return False


def check_trusted(path: Path) -> None:
    """Refuse a file that is about to run as TorchScript, unless the user trusts it.

    Raises:
        UntrustedError: nobody said so.
    """
    if code_trusted():
        return
    what = "is" if is_torchscript(path) else "is to run as"
    raise UntrustedError(
        f"{path} {what} TorchScript, a program that can read and write your files as soon as it is "
        "loaded, so it is not. If you trust whoever made it: --trust-code (from Python, "
        "trust_code=True). Otherwise ask for its weights alone, a state_dict."
    )


def _has_code(names: list[str]) -> bool:
    return any(name.rpartition("/")[2] in _CODE for name in names)
