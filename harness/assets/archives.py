"""Archives, unpacked so that nothing lands outside the folder and no file is there half."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from harness.assets.cards import megabytes
from harness.assets.download import disk_errors
from harness.assets.transfer import CHUNK, Progress
from harness.errors import HarnessError, UserError

_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error),
    *(lzma.LZMAError, RuntimeError, NotImplementedError, ValueError),
)
"""What the libraries raise on an archive that is damaged, encrypted or packed in a strange way."""

MOST_MEMBERS = 1_000_000
"""Of a tar archive, at most: what is packed may be as small as nothing, the list of it is not."""

_MOST_EXTENDED = 1 << 20
"""Bytes of a tar header's extension (a long name, attributes), which is read as a whole."""


class _TarEntry(tarfile.TarInfo):
    """A header of a tar archive, refused before what reading it would take is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarEntry:
        """See tarfile's."""
        entry = super().frombuf(buf, encoding, errors)
        if entry.type not in _PLAIN_TYPES and entry.size > _MOST_EXTENDED:
            raise _TooLargeError(f"a header of {entry.size} bytes")
        if entry.type == tarfile.GNUTYPE_SPARSE:
            raise _TooLargeError("a file with holes")
        return entry

    def _proc_gnusparse_10(self, *_: object) -> None:
        raise _TooLargeError("a file with holes")


class _TooLargeError(Exception):
    """An archive has what is not read."""


_PLAIN_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE)


@dataclass(frozen=True)
class _Member:
    """One file of an archive.

    Attributes:
        name: its path, relative, with ``/``.
        size: bytes, as the archive declares.
        open: gives its contents.
    """

    name: str
    size: int
    open: Callable[[], Any]


def unpack(
    archive: Path,
    folder: Path,
    members: Sequence[str] = (),
    progress: Progress = lambda here, total: None,
    setting: str = "HARNESS_CACHE",
) -> int:
    """Unpack a zip or tar archive.

    All names are looked at before anything is written. Each file is written beside its place and
    gets its name when it is whole; one that is there with the right size is passed over, so that
    a call that was killed can be made again.

    Args:
        archive: the file; it stays.
        folder: where its members go; made if need be.
        members: only those whose names begin with one of these; all by default.
        progress: called with the bytes that are done and the bytes there are.
        setting: what names another place, for messages.

    Returns:
        The number of files written now.

    Raises:
        UserError: the folder cannot be written to; another process is unpacking the archive.
        HarnessError: it is no archive, is damaged, lacks ``members``, or has members that lead
            out of the folder or are no plain files; the disk is full.
    """
    with (
        disk_errors(folder, setting),
        _locked(archive) as file,
        _reading(archive),
        _opened(archive, file) as (kind, opened),
    ):
        every = list(_members(archive, kind, opened))
        wanted = [m for m in every if not members or m.name.startswith(tuple(members))]
        missing = [start for start in members if not any(m.name.startswith(start) for m in wanted)]
        if missing:
            raise HarnessError(
                f"{archive} has no {missing[0]}: it is another archive than expected. "
                "Delete it and fetch it again."
            )
        return _write_all(archive, folder, wanted, progress, setting)


def _write_all(
    archive: Path, folder: Path, wanted: Sequence[_Member], progress: Progress, setting: str
) -> int:
    new = [member for member in wanted if not _is_there(folder / member.name, member.size)]
    total, needed = sum(m.size for m in wanted), sum(m.size for m in new)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise HarnessError(
            f"The disk is full: unpacking {archive.name} into {folder} needs {megabytes(needed)}, "
            f"and {megabytes(free)} are free. Free some space, or set {setting} to another disk, "
            "and run the same command: it goes on."
        )
    done = total - needed
    for member in new:
        _write(archive, folder / member.name, member)
        done += member.size
        progress(done, total)
    return len(new)


def _write(archive: Path, target: Path, member: _Member) -> None:
    """One file, under its name only when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.unpacking")
    try:
        with member.open() as source, part.open("wb") as file:
            left = member.size
            while left and (chunk := source.read(min(CHUNK, left))):
                file.write(chunk)
                left -= len(chunk)
            # The end of a zip's member is where its checksum is compared.
            if left or source.read(1):
                raise _damaged(archive, f"{member.name} is not of the size it declares")
        part.replace(target)
    finally:
        with suppress(OSError):  # gone by now, unless something failed
            part.unlink(missing_ok=True)


def _members(archive: Path, kind: str, opened: Any) -> Iterator[_Member]:
    """The plain files of an archive.

    Raises:
        HarnessError: a member leads out of the folder, or is a link or a device.
    """
    for number, entry in enumerate(opened.infolist() if kind == "zip" else opened):
        if number == MOST_MEMBERS:
            raise _TooLargeError(f"more than {MOST_MEMBERS} members")
        name, size, plain = _described(kind, entry)
        parts = re.split(r"[/\\]", name)
        if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
            raise _evil(archive, f"{name!r} leads out of the folder it is unpacked into")
        if not plain:
            raise _evil(archive, f"{name!r} is a link or a device")
        place = str(PurePosixPath(name))
        if size is not None and place != ".":
            reader = opened.open if kind == "zip" else opened.extractfile
            yield _Member(place, size, partial(reader, entry))


def _described(kind: str, entry: Any) -> tuple[str, int | None, bool]:
    """Name, size (None: a folder), and whether it is a plain file or a folder."""
    if kind == "tar":
        return entry.name, None if entry.isdir() else entry.size, entry.isfile() or entry.isdir()
    mode = entry.external_attr >> 16
    plain = stat.S_IFMT(mode) in (0, stat.S_IFREG, stat.S_IFDIR)
    return entry.filename, None if entry.is_dir() else entry.file_size, plain


@contextmanager
def _opened(archive: Path, file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as packed:
            yield "zip", packed
        return
    file.seek(0)
    try:
        opened = tarfile.open(fileobj=file, tarinfo=_TarEntry)  # noqa: SIM115 - closed below
    except tarfile.ReadError as error:
        raise HarnessError(
            f"{archive} is neither a zip nor a tar archive. Delete it and fetch it again."
        ) from error
    with opened:
        yield "tar", opened


@contextmanager
def _locked(archive: Path) -> Iterator[IO[bytes]]:
    """The archive, opened, while no other process unpacks it."""
    import fcntl

    with archive.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"Another harness is unpacking {archive}. Wait for it.") from error
        yield file


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except _TooLargeError as error:
        raise HarnessError(
            f"{archive} is not unpacked: it has {error}, which is not read. Nothing was written; "
            "see where the archive comes from."
        ) from error
    except _DAMAGE as error:
        raise _damaged(archive, " ".join(str(error).split()).rstrip(".")) from error


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size
    except (OSError, ValueError):
        return False


def _damaged(archive: Path, why: str) -> HarnessError:
    return HarnessError(f"{archive} is damaged ({why}). Delete it and fetch it again.")


def _evil(archive: Path, why: str) -> HarnessError:
    return HarnessError(
        f"{archive} is not unpacked: its member {why}. Nothing was written; see where the archive "
        "comes from."
    )
