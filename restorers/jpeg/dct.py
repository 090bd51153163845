"""The DCT domain of a JPEG file: its coefficients as written, and differentiable transforms.

A JPEG decoder rounds and clips; the coefficients in the file are what is left *before* that, with
the interval that each original coefficient must lie in (half a quantiser step to either side).
Networks get `Planes`: dequantised coefficients with the 64 frequencies as channels on the grid of
8x8 blocks. Frequency ``8 v + u`` is row v (vertical), column u (horizontal): natural order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from restorers.jpeg.coefficients import Coefficients

BLOCK = 8
FREQUENCIES = BLOCK * BLOCK


@dataclass(frozen=True, eq=False)
class Planes:
    """A batch of JPEG files of one size and subsampling, dequantised, as tensors.

    Attributes:
        luma: (N, 64, h, w), h x w blocks; orthonormal DCT of levels minus 128.
        chroma: (N, 2, 64, hc, wc), Cb and Cr.
        tables: (N, 3, 64), quantiser steps of Y, Cb and Cr.
        ratio: luma samples to a chroma sample, vertically and horizontally, each 1 or 2.
        size: height and width of the images, pixels.
    """

    luma: Tensor
    chroma: Tensor
    tables: Tensor
    ratio: tuple[int, int]
    size: tuple[int, int]

    def to(self, device: torch.device) -> Planes:
        """The same on a device."""
        luma, chroma, tables = (t.to(device) for t in (self.luma, self.chroma, self.tables))
        return replace(self, luma=luma, chroma=chroma, tables=tables)

    def cut(self, top: int, left: int, height: int, width: int) -> Planes:
        """A rectangle, its four numbers pixels and multiples of 8 times ``ratio``.

        It may reach beyond the image into the padding of its last blocks; ``size`` says how far
        the image goes.

        Raises:
            ValueError: it is off the grid or outside.
        """
        step = [BLOCK * r for r in self.ratio]
        offsets = [top // step[0], left // step[1]]
        counts = [height // step[0], width // step[1]]
        on_grid = [top % step[0], height % step[0], left % step[1], width % step[1]]
        inside = min(offsets) >= 0 and min(counts) > 0
        for offset, count, blocks in zip(offsets, counts, self.chroma.shape[3:], strict=True):
            inside = inside and offset + count <= blocks
        if any(on_grid) or not inside:
            raise ValueError(f"{height}x{width} at ({top}, {left}) is no part of the blocks' grid")
        rows, columns = (slice(o, o + c) for o, c in zip(offsets, counts, strict=True))
        # Luma comes as whole chroma blocks' worth, cut where the file has no more of it.
        lumas = [
            slice(o * r, (o + c) * r) for o, c, r in zip(offsets, counts, self.ratio, strict=True)
        ]
        return replace(
            self,
            luma=self.luma[:, :, lumas[0], lumas[1]],
            chroma=self.chroma[:, :, :, rows, columns],
            size=(min(height, self.size[0] - top), min(width, self.size[1] - left)),
        )


def tensors(coefficients: Coefficients) -> Planes:
    """Coefficients as a batch of one; a grey file gets chroma of zeros at full resolution."""
    parts = [_as_channels(part.dequantised) for part in coefficients.components]
    tables = [part.table for part in coefficients.components]
    if len(parts) == 1:
        parts += [torch.zeros_like(parts[0])] * 2
        tables *= 3
    stacked = torch.from_numpy(np.stack(tables).reshape(1, 3, FREQUENCIES).astype(np.float32))
    return Planes(
        luma=parts[0][None],
        chroma=torch.stack(parts[1:])[None],
        tables=stacked,
        ratio=coefficients.components[0].sampling,
        size=(coefficients.height, coefficients.width),
    )


def stack(planes: Sequence[Planes]) -> Planes:
    """One batch of several; all of one size and subsampling.

    Raises:
        ValueError: they are not.
    """
    first = planes[0]
    if any((p.ratio, p.size) != (first.ratio, first.size) for p in planes):
        raise ValueError("files of several sizes or subsamplings do not fit into one batch")
    return replace(
        first,
        luma=torch.cat([p.luma for p in planes]),
        chroma=torch.cat([p.chroma for p in planes]),
        tables=torch.cat([p.tables for p in planes]),
    )


def _as_channels(blocks: NDArray[np.int32]) -> Tensor:
    rows, columns = blocks.shape[:2]
    flat = torch.from_numpy(blocks.astype(np.float32).reshape(rows, columns, FREQUENCIES))
    return flat.permute(2, 0, 1).contiguous()


@lru_cache
def _basis() -> NDArray[np.float32]:
    """(64, 64): the orthonormal 8x8 DCT-II, frequencies down, pixels across."""
    k, x = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None]
    rows = np.cos((2 * x + 1) * k * math.pi / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    return np.kron(rows, rows).astype(np.float32)


def _basis_like(tensor: Tensor) -> Tensor:
    return torch.from_numpy(_basis()).to(device=tensor.device, dtype=tensor.dtype)


def idct(blocks: Tensor) -> Tensor:
    """Coefficients (..., 64, h, w) to samples (..., 8 h, 8 w), without level shift."""
    *lead, _, h, w = blocks.shape
    samples = torch.einsum("fp,...fhw->...hwp", _basis_like(blocks), blocks)
    grid = samples.reshape(*lead, h, w, BLOCK, BLOCK).transpose(-3, -2)
    return grid.reshape(*lead, BLOCK * h, BLOCK * w)


def dct(samples: Tensor) -> Tensor:
    """Samples (..., 8 h, 8 w) to coefficients (..., 64, h, w); the inverse of `idct`."""
    *lead, height, width = samples.shape
    h, w = height // BLOCK, width // BLOCK
    grid = samples.reshape(*lead, h, BLOCK, w, BLOCK).transpose(-3, -2)
    pixels = grid.reshape(*lead, h, w, FREQUENCIES)
    return torch.einsum("fp,...hwp->...fhw", _basis_like(samples), pixels)


def upsample(samples: Tensor, ratio: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Chroma to the image's size, by libjpeg's "fancy" (triangle) filter, linear in the samples.

    Args:
        samples: (N, C, at least ceil(H / ratio), at least ceil(W / ratio)), what lies beyond
            being padding that the filter must not see.
        ratio: vertical and horizontal, each 1 or 2.
        size: (H, W).

    Returns:
        (N, C, H, W).
    """
    height, width = (-(-side // r) for side, r in zip(size, ratio, strict=True))
    samples = samples[:, :, :height, :width]
    if ratio != (1, 1):
        whole = (height * ratio[0], width * ratio[1])
        if ratio[1] == 2 and width <= 2:  # too narrow for libjpeg's filter, which then repeats
            samples = F.interpolate(samples, size=whole, mode="nearest-exact")
        else:
            # Weights 3/4 and 1/4 along each axis, the border repeated: the triangle filter.
            samples = F.interpolate(samples, size=whole, mode="bilinear", align_corners=False)
    return samples[:, :, : size[0], : size[1]]


def to_rgb(ycc: Tensor) -> Tensor:
    """Y, Cb and Cr, chroma without its offset of 128, to RGB (JFIF, i.e. BT.601 full range).

    Linear and without a constant, so that it serves differences as well as images.

    Args:
        ycc: (N, 3, H, W).
    """
    y, cb, cr = ycc.unbind(dim=1)
    return torch.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], dim=1)


def render(luma: Tensor, chroma: Tensor, ratio: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Coefficients, or changes of coefficients, to RGB or its changes, with 1 for 255 levels.

    Linear: no level shift, no clipping, no rounding. What a network adds to coefficients, it adds
    ``render(...)`` to the decoded image, whatever the decoder rounded.

    Args:
        luma: (N, 64, h, w).
        chroma: (N, 2, 64, hc, wc).
        ratio: see `Planes`.
        size: (H, W) of the image.

    Returns:
        (N, 3, H, W).
    """
    y = idct(luma)[:, None, : size[0], : size[1]]
    return to_rgb(torch.cat([y, upsample(idct(chroma), ratio, size)], dim=1)) / 255


def decode(planes: Planes) -> Tensor:
    """The image in the coefficients, (N, 3, H, W), 0..1, clipped where a decoder clips.

    Not rounded: within two levels of what libjpeg gives, and differentiable.
    """
    ratio, size = planes.ratio, planes.size
    y = (idct(planes.luma) + 128).clamp(0, 255)[:, None, : size[0], : size[1]]
    chroma = idct(planes.chroma).clamp(-128, 127)
    return (to_rgb(torch.cat([y, upsample(chroma, ratio, size)], dim=1)) / 255).clamp(0, 1)


def on_luma_grid(chroma: Tensor, planes: Planes) -> Tensor:
    """A map on the chroma blocks' grid, (N, C, hc, wc), repeated onto the luma blocks', (h, w)."""
    repeated = chroma.repeat_interleave(planes.ratio[0], 2).repeat_interleave(planes.ratio[1], 3)
    height, width = planes.luma.shape[2:]
    return repeated[:, :, :height, :width]


def on_chroma_grid(luma: Tensor, planes: Planes) -> Tensor:
    """A map on the luma blocks' grid, (N, C, h, w), averaged onto the chroma blocks', (hc, wc).

    Chroma blocks that reach beyond the last luma block see it repeated.
    """
    sides = [n * r for n, r in zip(planes.chroma.shape[3:], planes.ratio, strict=True)]
    bottom, right = sides[0] - luma.shape[2], sides[1] - luma.shape[3]
    padded = F.pad(luma, (0, right, 0, bottom), mode="replicate")
    return F.avg_pool2d(padded, planes.ratio)


def deviations() -> Tensor:
    """Typical spread of the coefficients of Y, Cb and Cr, (3, 64), to normalise an input with.

    A power law of the frequency's radius fitted to forty training photographs of BSDS500; the
    networks only need its order of magnitude.
    """
    v, u = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None]
    radius = np.maximum(np.hypot(v, u), 1).reshape(1, FREQUENCIES)
    spread = np.array([[107.0], [25.0], [25.0]]) / radius ** np.array([[1.3], [1.45], [1.45]])
    spread[:, 0] = 425, 125, 125
    return torch.tensor(spread, dtype=torch.float32)
