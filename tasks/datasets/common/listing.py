"""The files of a folder: which are images, and which are passed over and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assets.reading import open_regular

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
    *(".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k"),
)
"""What counts as an image, in lower or upper case."""

_UNREAD = (
    *(".heic", ".heif", ".hif", ".avif", ".jxl", ".psd", ".svg", ".exr", ".hdr", ".tga", ".ico"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".npy", ".npz"),
)
"""Pictures, or what holds them, that are not read here."""

_BEGINNINGS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\x00", b"MM\x00*", b"8BPS"),
    *(b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51", b"\xff\x0a"),
)
"""The first bytes of pictures, whatever they are called."""

UNREAD = "files of a kind that is not read"
UNNAMED = "images whose names do not end as an image's"
HIDDEN = "hidden images"
LOOP = "links to folders that are read anyhow"
IRREGULAR = "pipes, devices and sockets"
"""Why a file is passed over."""


@dataclass(frozen=True)
class Listing:
    """The images below a folder.

    Attributes:
        images: their paths by those relative to the folder, with ``/``, in the order of these.
        folders: every folder below it that is not hidden, likewise.
        passed_over: relative paths by the reason why they are no images of it.
    """

    images: Mapping[str, Path]
    folders: tuple[str, ...]
    passed_over: Mapping[str, tuple[str, ...]]


def list_images(folder: Path) -> Listing:
    """The images in a folder and below it, in linked folders too.

    Hidden files and folders (a leading dot) are passed over. A link that leads nowhere is listed,
    so that the run names it. Linked folders that lie in the folder anyhow are not read twice.
    """
    images: dict[str, Path] = {}
    folders: list[str] = []
    passed_over: dict[str, list[str]] = {}
    for path, entry, looping in _walk(folder):
        relative = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if looping:
            passed_over.setdefault(LOOP, []).append(relative)
        elif entry.is_dir():
            folders += [] if hidden else [relative]
        elif (reason := _reason(entry, hidden)) is None:
            images[relative] = path
        elif reason:
            passed_over.setdefault(reason, []).append(relative)
    return Listing(
        images=dict(sorted(images.items())),
        folders=tuple(sorted(folders)),
        passed_over={reason: tuple(sorted(names)) for reason, names in passed_over.items()},
    )


def files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder and below it that are not hidden, in linked folders too; sorted."""
    for path, entry, _ in sorted(_walk(folder), key=lambda found: found[0]):
        parts = path.relative_to(folder).parts
        if not (entry.is_dir() or any(part.startswith(".") for part in parts)):
            yield path


def passed_over_notice(name: str, passed_over: Mapping[str, Iterable[str]]) -> str:
    """One line about what is passed over: the count and the first of each reason; or nothing.

    Args:
        name: of the data set.
        passed_over: what, by the reason.
    """
    parts = []
    for reason, names in passed_over.items():
        listed = list(names)
        if listed:
            parts.append(f"{reason}, {len(listed)} ({listed[0]} first)")
    return f"{name}: passed over: {'; '.join(parts)}." if parts else ""


def _reason(entry: os.DirEntry[str], hidden: bool) -> str | None:
    """Why a file is passed over; None: it is not; empty: it has nothing to do with images."""
    suffix = Path(entry.name).suffix.lower()
    if suffix in SUFFIXES:
        # "._a.jpg" is what macOS keeps about a.jpg on foreign disks, no picture.
        if hidden:
            return "" if entry.name.startswith("._") else HIDDEN
        dangling = entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110
        return None if entry.is_file() or dangling else IRREGULAR
    if hidden:
        return ""
    if suffix in _UNREAD:
        return UNREAD
    return UNNAMED if _begins_as_image(Path(entry.path)) else ""


def _begins_as_image(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            start = file.read(16)
    except OSError:
        return False
    return start.startswith(_BEGINNINGS) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def _walk(folder: Path) -> Iterator[tuple[Path, os.DirEntry[str], bool]]:
    """Everything below a folder: its path, what it is, whether it is a folder not gone into."""
    root = folder.resolve()
    waiting, followed = [folder], {root}
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError:  # no right to read it, so nobody knows what is in it
            continue
        for entry in entries:
            path, looping = here / entry.name, False
            if entry.is_dir():
                if entry.is_symlink():
                    target = path.resolve()
                    inside = root in target.parents or target in root.parents
                    looping = inside or target in followed
                    followed.add(target)
                if not looping:
                    waiting.append(path)
            yield path, entry, looping
