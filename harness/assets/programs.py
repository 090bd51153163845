"""Files that are programs: TorchScript, and Python. None is run unless the user trusts it.

A Python file is trusted where the user names it, on the command line or from Python; one that a
study's file or a run directory names is not. A TorchScript archive reads and writes files, by its
own code, as soon as torch opens it. It may be called ``weights.pth``: what is inside says what a
file is.
"""

from __future__ import annotations

import contextlib
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

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


class PythonSpec(NamedTuple):
    """What ``FILE.py``, ``FILE.py:NAME`` or ``FILE.py:NAME@WEIGHTS`` says.

    Attributes:
        file: the Python file.
        name: of a class or function in it; empty: its only network.
        weights: for it; empty: none.
    """

    file: str
    name: str
    weights: str

    @property
    def label(self) -> str:
        """What tables call it."""
        label = self.name or Path(self.file).stem
        return f"{label}-{Path(self.weights).stem}" if self.weights else label

    def located(self, find: Callable[[str], str]) -> str:
        """The same with its paths as ``find`` has them."""
        weights = f"@{find(self.weights)}" if self.weights else ""
        return find(self.file) + (f":{self.name}" if self.name else "") + weights


_PYTHON = re.compile(r"(.+?\.py)(?::([^:@/]+))?(?:@(.+))?", re.DOTALL)

_named: set[str] = set()


def python_spec(text: str) -> PythonSpec | None:
    """The parts of what names Python code; None for anything else."""
    found = _PYTHON.fullmatch(text)
    return None if found is None else PythonSpec(*(part or "" for part in found.groups()))


def name_code(specs: Iterable[str]) -> None:
    """Trust the Python files that the user names: ``net.py``, ``net.py:MyNet@weights.pth``."""
    for spec in map(python_spec, specs):
        if spec is not None:
            _named.add(os.path.realpath(Path(spec.file.strip()).expanduser()))


def check_named_code(path: Path) -> None:
    """Refuse a Python file that is about to run, unless the user named it or trusts programs.

    Raises:
        UntrustedError: neither.
    """
    if code_trusted() or os.path.realpath(path) in _named:
        return
    raise UntrustedError(
        f"{path} is Python, a program that can read and write your files, and it was not you who "
        "named it here. If you trust whoever wrote it: --trust-code (from Python, "
        "trust_code=True), or name it with --restorers."
    )


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
