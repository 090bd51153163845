"""The quantised DCT coefficients of a JPEG file, as written, through jpeglib; imports no torch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import ImageError, UserError
from harness.plugins import Compressed


@dataclass(frozen=True, eq=False)
class Component:
    """One component of a JPEG file.

    Attributes:
        quantised: (block rows, block columns, 8, 8) int16, natural order, as in the file.
        table: quantisation table, (8, 8) uint16, natural order.
        sampling: vertical and horizontal sampling factor, 1 or 2 here.
    """

    quantised: NDArray[np.int16]
    table: NDArray[np.uint16]
    sampling: tuple[int, int]

    @property
    def dequantised(self) -> NDArray[np.int32]:
        """Coefficients in units of the orthonormal DCT of pixel levels."""
        product: NDArray[np.int32] = self.quantised.astype(np.int32) * self.table.astype(np.int32)
        return product


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What a JPEG file holds.

    Attributes:
        components: Y alone (grey), or Y, Cb, Cr.
        height: of the image, pixels.
        width: of the image, pixels.
    """

    components: tuple[Component, ...]
    height: int
    width: int


def read(compressed: Compressed) -> Coefficients:
    """The coefficients in the file of ``compressed``; nothing is decoded or transformed.

    Raises:
        UserError: the codec writes no JPEG, or a JPEG that is neither grey nor YCbCr, or one
            whose chroma is sampled otherwise than 4:4:4, 4:2:2, 4:4:0 or 4:2:0.
        ImageError: the file is damaged.
    """
    if not compressed.data.startswith(b"\xff\xd8"):
        raise UserError(
            f"The codec {compressed.codec} writes no JPEG file, so there are no DCT coefficients "
            "to read: use the codec jpeg, or a restorer that works on pixels."
        )
    import jpeglib

    # The library reads by path; it takes the whole file into memory before this folder goes.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.jpg"
        path.write_bytes(compressed.data)
        try:
            jpeg = jpeglib.read_dct(str(path))
            planes = [p for p in (jpeg.Y, jpeg.Cb, jpeg.Cr, jpeg.K) if p is not None]
        except OSError as error:
            raise ImageError(
                "The DCT coefficients of a JPEG file cannot be read: it is damaged, so compress "
                "the image again."
            ) from error
    factors = [(int(v), int(h)) for v, h in jpeg.samp_factor]
    _check_layout(str(jpeg.jpeg_color_space), len(planes), factors)
    if len(planes) == 1:
        factors = [(1, 1)]  # a single component is never subsampled, whatever its header says
    tables = [jpeg.qt[int(slot)] for slot in jpeg.quant_tbl_no]
    return Coefficients(
        tuple(map(Component, planes, tables, factors)), int(jpeg.height), int(jpeg.width)
    )


def _check_layout(space: str, count: int, factors: Sequence[tuple[int, int]]) -> None:
    known = {1: "GRAYSCALE", 3: "YCbCr"}.get(count)
    if known is None or known not in space:
        raise UserError(
            f"A JPEG file of {count} components in {space.rsplit('_')[-1]} cannot be restored in "
            "the DCT domain: convert it to RGB and compress it again."
        )
    if count == 1:
        return
    luma, *chroma = factors
    if luma[0] not in (1, 2) or luma[1] not in (1, 2) or set(chroma) != {(1, 1)}:
        raise UserError(
            f"Chroma sampling factors {factors} cannot be restored in the DCT domain: "
            "compress with subsampling 4:4:4, 4:2:2 or 4:2:0."
        )
