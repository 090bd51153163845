"""Downloads: resumable, checked, and under their name only when they are whole."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from harness.assets.addresses import check_address
from harness.assets.offline import offline
from harness.assets.transfer import BrokenError, DownloadJob, Progress, receive, start_over
from harness.errors import HarnessError, UserError

TRIES = 4
"""Failures in a row, without a byte gained between them, after which a download gives up."""


RESTARTS = 200
"""Failures in all, however many bytes came between them."""


def fetch(
    url: str,
    target: Path,
    size: int | None = None,
    sha256: str = "",
    progress: Progress = lambda here, total: None,
    tries: int = TRIES,
    wait: float = 1.0,
    md5: str = "",
    setting: str = "HARNESS_CACHE",
) -> str:
    """Download a file. One that is there already is checked, and nothing is downloaded.

    What an interrupted call has received is kept beside ``target`` (``.part``); the next one goes
    on from there, if the server can. ``target`` appears in one step when all of it is checked.
    Proxies are taken from the environment (``https_proxy``).

    Args:
        url: of the file, see `harness.assets.addresses`.
        target: where the file goes; folders are made.
        size: of the file, bytes, if known.
        sha256: lower-case hex, if known; its beginning, if no more is.
        progress: called as bytes come.
        tries: see `TRIES`.
        wait: seconds before the second try; doubled before each further one.
        md5: lower-case hex, if known.
        setting: what names another place for the file, for messages.

    Returns:
        The file's sha256.

    Raises:
        UserError: ``target`` is another file, or cannot be written; the URL is none; it is not
            here and the user wants no network.
        HarnessError: the file cannot be had, or is not the one expected; the disk is full.
    """
    check_address(url, sha256)
    job = DownloadJob(url, target, size, sha256, progress, md5, setting)
    if offline() and not target.exists():
        raise UserError(
            f"Offline: {url} is not downloaded. Run without --offline (and HARNESS_OFFLINE), "
            f"{job.by_hand}"
        )
    with disk_errors(job.target, setting):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Looked at again under the lock: another process may have finished in between.
        if not target.exists():
            with job.part.open("ab") as file, _locked(job, file):
                if not target.exists():
                    _receive_all(job, file, tries, wait)
                    return _finished(job, file)
        return _already_there(job)


def _already_there(job: DownloadJob) -> str:
    sha256, wrong = _compared(job, job.target)
    if wrong:
        raise UserError(f"{job.target} is there, but {wrong}. Delete it and fetch it again.")
    return sha256


def _compared(job: DownloadJob, path: Path) -> tuple[str, str]:
    """The sha256 of a file, and in what it is not the one expected."""
    size = path.stat().st_size
    digests = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            for digest in digests[: 2 if job.md5 else 1]:
                digest.update(chunk)
    sha256, md5 = (digest.hexdigest() for digest in digests)
    if job.size is not None and size != job.size:
        return sha256, f"it has {size} bytes, expected {job.size}"
    if not sha256.startswith(job.sha256):
        return sha256, f"its sha256 is {sha256[:12]}…, expected {job.sha256[:12]}…"
    if job.md5 and md5 != job.md5:
        return sha256, f"its md5 is {md5[:12]}…, expected {job.md5[:12]}…"
    return sha256, ""


def _finished(job: DownloadJob, file: IO[bytes]) -> str:
    """Check the complete part and give it its name; one that is wrong is deleted."""
    file.flush()
    os.fsync(file.fileno())
    sha256, wrong = _compared(job, job.part)
    if wrong:
        start_over(file)
        raise HarnessError(
            f"{job.url} gave another file than expected: {wrong}. It was deleted: fetch it again; "
            "if that does not help, the file was changed where it comes from."
        )
    job.part.replace(job.target)
    return sha256


def _receive_all(job: DownloadJob, file: IO[bytes], tries: int, wait: float) -> None:
    """Fill the part, going on after failures."""
    if not (job.sha256 or job.md5 or job.tag.is_file()):
        start_over(file)  # nothing could tell that it belongs to what comes now
    failures = restarts = 0
    while True:
        before = file.tell()
        try:
            receive(job, file)
            return
        except BrokenError as error:
            failures = 1 if file.tell() > before else failures + 1
            restarts += 1
            job.check_time(None)
            if failures >= tries or restarts >= RESTARTS:
                raise HarnessError(
                    f"Cannot download {job.url}: {error}. Check the network, or the proxy in "
                    "https_proxy, and run the same command: it goes on where it stopped; "
                    f"{job.by_hand}"
                ) from error
            time.sleep(wait * 2 ** (failures - 1))


@contextmanager
def _locked(job: DownloadJob, file: IO[bytes]) -> Iterator[None]:
    """Keep a second process from writing to the same part; leave nothing that is of no use."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"Another harness is downloading {job.target}. Wait for it.") from error
    try:
        yield
    finally:
        file.flush()
        if job.target.exists() or file.tell() == 0:
            job.part.unlink(missing_ok=True)
            job.tag.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: Path, setting: str) -> Iterator[None]:
    """Turn what the disk refuses into one sentence.

    Args:
        path: what is written.
        setting: what names another place for it.

    Raises:
        UserError: it cannot be written there.
        HarnessError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HarnessError(
                f"The disk is full: cannot write {path}. Free some space, or set {setting} to "
                "another disk, and run the same command: it goes on."
            ) from error
        raise UserError(
            f"Cannot write {path}: {error.strerror or error}. Set {setting} to a folder "
            "that can be written."
        ) from error
