"""What a codec is: it degrades an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import ImageError, UserError
from harness.plugins.types import RGB


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

    name: ClassVar[str] = ""
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
