"""Opening image files: of the formats allowed alone, and PNG files with long texts, too.

An image is opened by its content, whatever its name. Image editors and generators keep their
history in text chunks. Pillow expands no more than a megabyte of one, and raises as if the file
were damaged; nobody here reads them.
"""

from __future__ import annotations

import threading
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets.reading import check_regular, max_pixels
from harness.errors import ImageError

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


_PILLOWS_LIMIT = threading.Lock()
"""It is one of the whole process; it is off only while a header is read."""


def load_image(data: bytes) -> Image.Image:
    """An image of a file's bytes, its pixels loaded; texts that Pillow refuses are left out.

    Raises:
        ImageError: it has more pixels than `max_pixels`; none is decoded. The message lacks the
            file's name.
    """
    try:
        image = _checked(data)
        image.load()
    except ValueError:
        bare = _without_texts(data)
        if len(bare) == len(data):
            raise
        image = _checked(bare)
        image.load()
    return image


def open_image(path: Path) -> Image.Image:
    """An image of a file, its header read; texts that Pillow refuses are left out.

    Raises:
        OSError: it cannot be read, is no regular file, or no image.
        ImageError: see `load_image`.
    """
    check_regular(path)
    try:
        return _checked(path)
    except ValueError:
        return _checked(_without_texts(path.read_bytes()))


def open_own(data: bytes, *formats: str) -> Image.Image:
    """An image of bytes that were made here, its header read: of any number of pixels."""
    return _opened(BytesIO(data), formats)


def _checked(source: Path | bytes) -> Image.Image:
    image = _opened(BytesIO(source) if isinstance(source, bytes) else source, _formats())
    most, (width, height) = max_pixels(), image.size
    if most is not None and width * height > most:
        image.close()
        raise ImageError(
            f"it has {width}×{height} pixels, more than the {most} that are read, which looks like "
            "a decompression bomb; shrink or crop it, or raise --max-pixels."
        )
    return image


def _opened(source: Path | BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """An image, its header read, without Pillow's own check, which none of its arguments moves."""
    from PIL import Image

    with _PILLOWS_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(source, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


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
