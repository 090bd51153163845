"""Writing to a disk that may be full: one sentence that says what happened, and that it goes on."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError, UserError

_TORCH_CANNOT_WRITE = re.compile(
    r"iostream error|unexpected pos|PytorchStreamWriter|file write failed"
)
"""What ``torch.save`` says where a write fails, whatever the reason."""

_ROOM = 1 << 20


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write into one sentence that says what happened and that nothing is lost.

    Args:
        path: what is written, by Python itself or by ``torch.save``.

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
    except RuntimeError as error:
        if not _TORCH_CANNOT_WRITE.search(str(error)):
            raise
        full = "the disk is full" if _is_full(path) else "the disk is full or failing"
        raise HarnessError(
            f"Cannot write {path}: {full}. Free some space and run the same command: it goes on "
            "here."
        ) from error


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _ROOM
    except OSError:
        return False
