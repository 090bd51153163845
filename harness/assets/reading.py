"""Files of strangers, read within bounds: regular files alone, and no more bytes than stated."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

IRREGULAR = "it is no regular file, but a pipe, a device or a socket"


def check_regular(path: Path) -> None:
    """Refuse what is no regular file, which may have no end, or wait for ever.

    Links are followed: one that leads to a regular file is one.

    Raises:
        OSError: it is none, is a folder, or is not there; `strerror` says which.
    """
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, IRREGULAR, str(path))


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened to be read.

    Raises:
        OSError: see `check_regular`; it cannot be opened.
    """
    check_regular(path)
    return path.open("rb")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file.
        most: bytes that it may have; None: any number.

    Raises:
        OSError: see `open_regular`; it has more bytes.
    """
    with open_regular(path) as file:
        if most is None:
            return file.read()
        data = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if data is None or len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes, which is all that is read")
    return data
