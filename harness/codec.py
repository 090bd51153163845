"""Codecs: what degrades an image. JPEG at a quality factor (QF); `harness.codecs` has others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from io import BytesIO
from numbers import Integral
from typing import ClassVar

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features

from harness.errors import ImageError, UserError

RGB = NDArray[np.uint8]
"""An image: (height, width, 3), uint8, RGB, 0..255."""

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
GREY = "grey"
"""Instead of a subsampling: one component, luma alone."""
_LONGEST_SIDE = 65500  # JPEG_MAX_DIMENSION of libjpeg


# eq=False: equality of arrays is no bool; two products are the same only if they are one object.
@dataclass(frozen=True, eq=False)
class Compressed:
    """What a codec leaves of an image.

    Attributes:
        data: the compressed file's bytes.
        pixels: the decoded image, (height, width, 3) uint8 RGB.
        codec: the codec's name.
        qf: quality factor, or the codec's own quality, 1..100.
        tables: quantisation tables by slot (luma 0, chroma 1), each (8, 8) uint16 in natural
            order (row = vertical frequency); empty where the codec has none.
        grey: the file has one component; ``pixels`` are three equal channels.
    """

    data: bytes
    pixels: RGB
    codec: str
    qf: int
    tables: dict[int, NDArray[np.uint16]]
    grey: bool = False

    @property
    def bpp(self) -> float:
        """Size in bits per pixel, headers included."""
        height, width = map(int, self.pixels.shape[:2])
        return 8 * len(self.data) / (height * width)


class Codec(ABC):
    """Degrades an image.

    Attributes:
        name: registry name, what tables print.
        jpeg: its files are JPEG files, which restorers with ``needs_jpeg`` ask for.
        quality: what its number from 1 to 100 means, for headings.
    """

    name: ClassVar[str]
    jpeg: ClassVar[bool] = False
    quality: ClassVar[str] = "quality, 1 to 100"

    @abstractmethod
    def compress(self, image: RGB, qf: int) -> Compressed:
        """Encode and decode ``image``.

        Args:
            image: (height, width, 3) uint8 RGB, at full resolution.
            qf: quality factor or other quality (see ``quality``), 1 (worst) .. 100 (best).

        Raises:
            UserError: ``qf`` is no integer in 1..100.
            ImageError: the format cannot hold an image of this size.
            ValueError: ``image`` is no (height, width, 3) uint8 array.
        """

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """Everything but the QF that can change a pixel: codec, settings, library versions."""

    def as_grey(self) -> Codec:
        """The same codec for grey images: three equal channels in, a file of one component.

        Raises:
            UserError: the codec has no such way.
        """
        raise UserError(
            f"The codec {self.name} has no way to compress luma alone: run it without --luma."
        )


@dataclass(frozen=True)
class Jpeg(Codec):
    """Baseline JPEG by Pillow's libjpeg-turbo: its standard tables, scaled by the QF.

    The defaults are the paper's degradation; they give the bytes of OpenCV's ``imencode``.

    Attributes:
        subsampling: chroma subsampling, one of `SUBSAMPLINGS`; `GREY` for images of three equal
            channels, compressed as one.
    """

    name: ClassVar[str] = "jpeg"
    jpeg: ClassVar[bool] = True
    quality: ClassVar[str] = "JPEG quality factor (QF) of libjpeg"
    subsampling: str = "4:2:0"

    def __post_init__(self) -> None:
        """Refuse a subsampling Pillow does not write."""
        if self.subsampling not in (*SUBSAMPLINGS, GREY):
            raise UserError(
                f"JPEG has no chroma subsampling {self.subsampling!r} here: "
                f"choose one of {', '.join(SUBSAMPLINGS)}, or {GREY}."
            )

    def compress(self, image: RGB, qf: int) -> Compressed:
        """See `Codec.compress`; sides of 1 to 65500 pixels."""
        qf = checked_qf(qf)
        check_image(image, "JPEG", _LONGEST_SIDE)
        buffer = BytesIO()
        grey = self.subsampling == GREY
        if grey:
            Image.fromarray(_plane(image)).save(buffer, "JPEG", quality=qf)
        else:
            Image.fromarray(np.ascontiguousarray(image)).save(
                buffer, "JPEG", quality=qf, subsampling=self.subsampling
            )
        data = buffer.getvalue()
        with Image.open(BytesIO(data), formats=["JPEG"]) as decoded:
            # A copy, because what Pillow lends is read-only and torch wants to own its input.
            pixels = np.array(decoded.convert("RGB") if grey else decoded, dtype=np.uint8)
            tables = {
                slot: np.array(table, dtype=np.uint16).reshape(8, 8)
                # Pillow undoes the file's zigzag (since 8.3), whatever the type stub calls it.
                for slot, table in decoded.quantization.items()  # type: ignore[attr-defined]
            }
        return Compressed(data, pixels, self.name, qf, tables, grey)

    def fingerprint(self) -> dict[str, str]:
        """Codec, subsampling, and the versions of Pillow and of the libjpeg inside it.

        mozjpeg and libjpeg 9 give other pixels than libjpeg-turbo, so a Pillow built on them
        says so under ``libjpeg``.
        """
        turbo = features.version("libjpeg_turbo")
        plain = features.version("jpg")
        return {
            "codec": self.name,
            "subsampling": self.subsampling,
            "libjpeg": f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {plain}",
            "pillow": PIL.__version__,
        }

    def as_grey(self) -> Jpeg:
        """See `Codec.as_grey`: the plain grey JPEG, there being no chroma to subsample."""
        return Jpeg(GREY)


@dataclass(frozen=True)
class Jpeg444(Jpeg):
    """JPEG without chroma subsampling: as `Jpeg` otherwise."""

    name: ClassVar[str] = "jpeg-444"
    subsampling: str = field(default="4:4:4", init=False)


@dataclass(frozen=True)
class Jpeg422(Jpeg):
    """JPEG with chroma at half the width and full height: as `Jpeg` otherwise."""

    name: ClassVar[str] = "jpeg-422"
    subsampling: str = field(default="4:2:2", init=False)


def checked_qf(qf: object) -> int:
    """The quality factor as an int.

    Raises:
        UserError: it is no integer in 1..100. (Pillow itself would take 0 for "default, 75".)
    """
    if isinstance(qf, bool) or not isinstance(qf, Integral) or not 1 <= int(qf) <= 100:
        raise UserError(f"QF {qf!r} is not possible: give an integer from 1 to 100.")
    return int(qf)


def check_image(image: RGB, file_format: str, longest: int) -> None:
    """Refuse what a codec cannot compress.

    Args:
        image: (height, width, 3) uint8 RGB.
        file_format: what the file would be, for the message.
        longest: the most pixels a side may have.

    Raises:
        ImageError: the format cannot hold an image of this size.
        ValueError: ``image`` is no (height, width, 3) uint8 array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(
            f"a codec takes (height, width, 3) uint8, not {image.shape} {image.dtype.name}"
        )
    if max(image.shape) > longest:
        raise ImageError(
            f"An image of {image.shape[1]}×{image.shape[0]} pixels does not fit into a "
            f"{file_format} file: its sides may have {longest} pixels at most, so crop it first."
        )


def _plane(image: RGB) -> NDArray[np.uint8]:
    """The one plane of a grey image, (height, width)."""
    plane = image[..., 0]
    if not (image == plane[..., None]).all():
        raise ValueError("a grey codec takes three equal channels")
    return np.ascontiguousarray(plane)
