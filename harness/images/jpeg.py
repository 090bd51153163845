"""JPEG at a quality factor (QF); `harness.images.codecs` has the other codecs."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import ClassVar

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features

from harness.errors import UserError
from harness.plugins.codec import Codec, Compressed, check_image, checked_qf
from harness.plugins.opening import open_own
from harness.plugins.types import RGB

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
GREY = "grey"
"""Instead of a subsampling: one component, luma alone."""
_LONGEST_SIDE = 65500  # JPEG_MAX_DIMENSION of libjpeg


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
        with open_own(data, "JPEG") as decoded:
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


def _plane(image: RGB) -> NDArray[np.uint8]:
    """The one plane of a grey image, (height, width)."""
    plane = image[..., 0]
    if not (image == plane[..., None]).all():
        raise ValueError("a grey codec takes three equal channels")
    return np.ascontiguousarray(plane)
