"""Writing files so that a failure is one sentence and a kill leaves the old file or the new one."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.assets.disk import writing


def finite(value: Any) -> Any:
    """``value`` with non-finite floats as the strings ``inf``, ``-inf``, ``nan``: JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file in one step, its folder made if need be.

    For what is raised see `harness.assets.disk.writing`. A link is followed. What is neither a file
    nor a folder (/dev/null, a pipe) is written into: root could otherwise put a file in its place.
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
