"""PNG files with long texts in them, which Pillow refuses as if they were damaged.

Image editors and generators keep their history in text chunks. Pillow expands no more than a
megabyte of one, and raises; nobody here reads them.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_ORIENTATION = b"Raw profile type exif"
"""The text that turns an image."""


def load_image(data: bytes) -> Image.Image:
    """An image of a file's bytes, its pixels loaded; texts that Pillow refuses are left out."""
    from PIL import Image

    try:
        image = Image.open(BytesIO(data))
        image.load()
    except ValueError:
        bare = _without_texts(data)
        if len(bare) == len(data):
            raise
        image = Image.open(BytesIO(bare))
        image.load()
    return image


def open_image(path: Path) -> Image.Image:
    """An image of a file, its header read; texts that Pillow refuses are left out."""
    from PIL import Image

    try:
        return Image.open(path)
    except ValueError:
        return Image.open(BytesIO(_without_texts(path.read_bytes())))


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
