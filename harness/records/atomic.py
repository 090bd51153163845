"""Writing files so that a failure is one sentence and a kill leaves the old file or the new one."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UserError


def finite(value: Any) -> Any:
    """``value`` with non-finite floats as the strings ``inf``, ``-inf``, ``nan``: JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write into one sentence that says what happened and that nothing is lost.

    Raises:
        UserError: ``path`` is in a place that cannot be written to.
        HarnessError: the disk is full, or anything else failed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"The disk is full: cannot write {path}. Free some space"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise UserError(
                f"Cannot write {path}: {error.strerror}. Choose another --output."
            ) from error
        else:
            message = f"Cannot write {path}: {error.strerror}. Mend it"
        raise HarnessError(f"{message} and run the same command: it goes on here.") from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file in one step, its folder made if need be; see `writing` for what is raised.

    A link is followed. What is neither a file nor a folder (/dev/null, a pipe) is written into:
    root could otherwise put a file in its place.
    """
    with writing(path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            path.write_bytes(data)
            return
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # before the name: what it replaces may be deleted next
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk, too: a power cut could otherwise bring the old file back."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):  # not every file system
            raise
    finally:
        os.close(handle)
