"""Opening image files: of the formats allowed alone, and PNG files with long texts, too.

An image is opened by its content, whatever its name. Image editors and generators keep their
history in text chunks. Pillow expands no more than a megabyte of one, and raises as if the file
were damaged; nobody here reads them.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

FORMATS = (
    "PNG", "JPEG", "MPO", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "TGA",
    "PCX", "HEIF",
)  # fmt: skip
"""What is opened as an image, by Pillow's names. Not what needs a program to be run: EPS, say."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_ORIENTATION = b"Raw profile type exif"
"""The text that turns an image."""


def load_image(data: bytes) -> Image.Image:
    """An image of a file's bytes, its pixels loaded; texts that Pillow refuses are left out."""
    from PIL import Image

    try:
        image = Image.open(BytesIO(data), formats=_formats())
        image.load()
    except ValueError:
        bare = _without_texts(data)
        if len(bare) == len(data):
            raise
        image = Image.open(BytesIO(bare), formats=_formats())
        image.load()
    return image


def open_image(path: Path) -> Image.Image:
    """An image of a file, its header read; texts that Pillow refuses are left out."""
    from PIL import Image

    try:
        return Image.open(path, formats=_formats())
    except ValueError:
        return Image.open(BytesIO(_without_texts(path.read_bytes())), formats=_formats())


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow knows."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _without_texts(data: bytes) -> bytes:
    """A PNG without its texts and its colour profile; other files and what is no chunk as is."""
    if not data.startswith(_SIGNATURE):
        return data
    kept, at = [_SIGNATURE], len(_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        text = data[at + 4 : at + 8] in _TEXTS
        if not text or data.startswith(_ORIENTATION, at + 8):
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])
