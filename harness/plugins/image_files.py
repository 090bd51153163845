"""Image files in: every file becomes the RGB array the usual loaders would give.

Evaluation, training, masks and panels all read by it. The policy of `read_image`, that of Pillow's
``convert("RGB")``, detectron2 and torchvision:

- EXIF orientation is applied.
- Grey is replicated to three channels; 1-bit becomes 0 and 255; a palette is looked up.
- Alpha is dropped, not blended: a transparent pixel keeps its stored colour.
- CMYK and YCCK go through Pillow's conversion (no ICC profile is applied, here or elsewhere).
- 16-bit grey, and 16-bit colour in PNG and PPM, is scaled: ``round(value / 257)``. Pillow's own
  conversion would clip grey at 255 and cut colour to its high byte. 16-bit colour in other
  formats (TIFF, JPEG 2000) is read as Pillow does, by the high byte: at most one level away.
- Of several frames or pages the first is read.
- Floating-point and 32-bit integer images are refused: their range is anybody's guess.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, features
from PIL.ExifTags import Base
from PIL.Image import Transpose
from PIL.TiffImagePlugin import TiffImageFile

from harness.assets.reading import max_pixels, read_regular
from harness.errors import ImageError
from harness.plugins.opening import load_image, open_image

VERSION = "1"
"""Bumped whenever a file can be read to other pixels; part of every fingerprint."""

_CONVERTIBLE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_ORIENTATION = {  # EXIF value -> what turns the stored image upright
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_BYTES = 8
"""Of a pixel at most: RGBA of 16 bits."""

_HEADERS = 64 << 20
"""Bytes of a file besides its pixels: profiles, texts."""

_EXCHANGING = (5, 6, 7, 8)
"""Orientations that exchange width and height."""


def fingerprint() -> dict[str, str]:
    """The libraries that decode files: other versions may give other pixels."""
    turbo = features.version("libjpeg_turbo")
    jpeg = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return {"libjpeg": jpeg, "pillow": PIL.__version__}


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file by the policy in this module's docstring.

    Returns:
        (height, width, 3) uint8 RGB, 0..255; contiguous, writeable.

    Raises:
        ImageError: the file is missing, unreadable, empty, no image, damaged, too large
            (`harness.plugins.opening.max_pixels`), or of a mode that has no fixed range.
    """
    data = _read_bytes(path)
    try:
        with load_image(data) as image:
            rgb, turn = _to_rgb(image, data), _turn(image)
    except ImageError as error:
        raise ImageError(f"Cannot read image {path}: {error}") from None
    except UnidentifiedImageError as error:
        raise ImageError(
            f"Cannot read image {path}: it is not an image of a known format; "
            "convert it to PNG or take it out of the data set."
        ) from error
    except Exception as error:  # Pillow's readers raise nearly anything on a damaged file
        raise ImageError(
            f"Cannot read image {path}: the file is damaged ({_reason(error)}); fetch it again."
        ) from error
    return np.array(rgb if turn is None else rgb.transpose(turn), dtype=np.uint8)


def upright_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image as `read_image` gives it: its EXIF orientation applied.

    Only the header is read. None if that fails: whoever reads the image is told.
    """
    header = _header(path)
    if header is None:
        return None
    width, height, turned = header
    return (height, width) if turned else (width, height)


def turned_by_tag(path: Path) -> bool:
    """Whether an image has an EXIF orientation that exchanges its width and height."""
    header = _header(path)
    return header is not None and header[2]


def _header(path: Path) -> tuple[int, int, bool] | None:
    """Width and height as stored, and whether a tag exchanges them; None: it cannot be read."""
    try:
        with open_image(path) as image:
            turned = image.getexif().get(Base.Orientation) in _EXCHANGING
            if isinstance(image, TiffImageFile):  # newer Pillows give its size already turned
                return image.tag_v2[Base.ImageWidth], image.tag_v2[Base.ImageLength], turned
            return *image.size, turned
    except Exception:  # Pillow's readers raise nearly anything on a damaged file
        return None


def upright(image: Image.Image) -> Image.Image:
    """A loaded image with its EXIF orientation applied, whatever its pixels mean."""
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Transpose | None:
    """What turns a loaded image upright; Pillow's TIFF reader has by then turned it itself."""
    return _ORIENTATION.get(image.getexif().get(Base.Orientation, 1))


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ImageError(f"Cannot read image {path}: it is a folder; name an image file.")
    try:
        most = max_pixels()
        data = read_regular(path, None if most is None else _BYTES * most + _HEADERS)
    except FileNotFoundError as error:
        raise ImageError(
            f"Cannot read image {path}: no such file; check the path or fetch the data again."
        ) from error
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):
            raise ImageError(
                f"Cannot read image {path}: {error.strerror}; put an image in its place."
            ) from error
        raise ImageError(
            f"Cannot read image {path}: {_reason(error)}; check the file's rights."
        ) from error
    if not data:
        raise ImageError(f"Cannot read image {path}: the file is empty; fetch it again.")
    return data


def _to_rgb(image: Image.Image, data: bytes) -> Image.Image:
    """A loaded image as Pillow RGB, before its orientation is applied.

    Raises:
        ImageError: no range is agreed for the image's mode (the message lacks the file's name).
    """
    # Pillow gives 16-bit grey as "I" from PPM always, from PNG before release 11.
    deep_grey = image.mode == "I" and image.format in ("PNG", "PPM")
    if image.mode.startswith("I;16") or deep_grey:
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if image.format == "PNG" and image.mode in ("RGB", "RGBA") and data[24] == 16:
        return Image.fromarray(_deep_png(data))
    if image.mode in _CONVERTIBLE:
        # Dropped on purpose, so Pillow need not warn that a palette's transparency is lost.
        image.info.pop("transparency", None)
        return image.convert("RGB")
    raise ImageError(
        f"its pixels are of Pillow mode {image.mode}, which has no agreed range; "
        "convert it to 8-bit PNG."
    )


def _deep_png(data: bytes) -> NDArray[np.uint8]:
    """A 16-bit colour PNG, (height, width, 3) RGB; Pillow keeps only the high bytes of one."""
    import cv2

    stored = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    return _to_8_bit(np.ascontiguousarray(stored[..., 2::-1]))  # BGR or BGRA


def _to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """0..65535 to 0..255 by the nearest integer to value / 257."""
    wide = values.astype(np.int64)
    return ((wide + 128) // 257).astype(np.uint8)


def _reason(error: Exception) -> str:
    """What an exception says, in one line without a full stop."""
    strerror = getattr(error, "strerror", None)
    text = strerror or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".")
