"""Files of a data set: which are here, what identifies them, how large the images are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.assets.cards import file_sha256
from harness.assets.reading import read_regular
from harness.errors import UserError

MOST_TEXT = 64 << 20
"""Bytes of a list, a file of names or an XML file."""


def present(paths: Iterable[Path]) -> set[Path]:
    """Those of ``paths`` that are there, by listing each folder once and asking no file."""
    listings: dict[Path, set[str]] = {}
    here = set()
    for path in paths:
        if path.parent not in listings:
            try:
                listings[path.parent] = set(os.listdir(path.parent))  # noqa: PTH208 - names suffice
            except OSError:
                listings[path.parent] = set()
        if path.name in listings[path.parent]:
            here.add(path)
    return here


def contents_sha256(named: Iterable[tuple[str, Sequence[Path]]]) -> str:
    """The sha256 over ids and the contents of the files that go with each; not where they lie.

    A file that cannot be read is marked so: the run then names it and counts it as failed.
    """
    digest = hashlib.sha256()
    for name, paths in named:
        contents = []
        for path in paths:
            try:
                contents.append(file_sha256(path))
            except OSError:
                contents.append("unreadable")
        # File names need not be UTF-8 on Linux.
        digest.update("\0".join([name, *contents, "\n"]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def upright_size(path: Path) -> tuple[int, int] | None:
    """See `harness.plugins.upright_size`, which is not imported before it is needed."""
    from harness.plugins.image_files import upright_size as size

    return size(path)


def turned_by_tag(path: Path) -> bool:
    """Whether an image has an EXIF orientation that exchanges its width and height."""
    from harness.plugins.image_files import turned_by_tag as turned

    return turned(path)


def size_advice(image: Path, size: tuple[int, int], stated: tuple[int, int]) -> str:
    """Why annotations may say another size than an image has, and what to do: half a sentence.

    Args:
        image: the file.
        size: its width and height, upright.
        stated: those of the annotations.
    """
    if size != stated[::-1]:
        return "use the images that the annotations were made for"
    if not turned_by_tag(image):
        return (
            "width and height are exchanged in the annotations, and the image has no tag that "
            "turns it: exchange them back, or use the images that the annotations were made for"
        )
    return (
        "its EXIF orientation turns it, and every reader here follows that, so that width and "
        "height are exchanged: take the tag away if the annotations are of the image as it is "
        "stored, or else exchange the two in them"
    )


def read_text(path: Path, what: str) -> str:
    """The text of a small file, line ends as they are.

    Args:
        path: the file; UTF-8.
        what: it is, for the message.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return read_regular(path, MOST_TEXT).decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"Cannot read {what} {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"Cannot read {what} {path}: it is no text in UTF-8.") from error


def size_text(size: Sequence[int]) -> str:
    """Width and height for people."""
    return f"{size[0]}×{size[1]}"
