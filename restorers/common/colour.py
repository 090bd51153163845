"""Between 8-bit images and what networks take: tensors in colour, or luma; imports no torch itself.

BT.601 luma in studio range, as Matlab's ``rgb2ycbcr`` and with it the deblocking literature:
Y = 16 + (65.481 R + 128.553 G + 24.966 B)/255.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.plugins import RGB, check_values

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Plane = NDArray[np.float32]
"""Luma: (height, width), float32, Y/255."""

_WEIGHTS = np.array([65.481, 128.553, 24.966], np.float32) / np.float32(255)
_OFFSET = np.float32(16)
_SPREAD = np.float32(255 / 219)
"""Levels of R, G and B to a level of luma where the chroma stays: 219 = 235 - 16."""


def to_tensor(pixels: RGB, device: torch.device | str | None = None) -> Tensor:
    """(1, 3, height, width) float32, 0..1, of a (height, width, 3) uint8 image.

    A permuted (H, W, C) array is already laid out as channels last, which CPUs run fastest.
    """
    import torch

    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device).float() / 255


def to_pixels(image: Tensor, given: RGB) -> RGB:
    """(height, width, 3) uint8 of a (1, 3, height, width) image: clamped, rounded half to even.

    Args:
        image: what a network made, 0..1.
        given: the pixels that it was given, (height, width, 3).

    Raises:
        ImageError: a value is no number, or all are of another range.
    """
    import torch

    values = image[0].detach().float().permute(1, 2, 0).cpu().numpy()
    check_values(values, given)
    levels = (image[0].clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: RGB = levels.permute(1, 2, 0).cpu().numpy()
    return pixels


def on_luma(pixels: RGB, grey: bool, run: Callable[[Plane], Plane]) -> RGB:
    """The image with its luma restored and its chroma as it is.

    With Cb and Cr unchanged, the way back from YCbCr adds (Y' - Y)·255/219 to each of R, G and B:
    nothing is rounded but the result.

    Args:
        pixels: the decoded image, (height, width, 3) uint8 RGB.
        grey: the image is luma itself, in three equal channels (`Compressed.grey`).
        run: the network: luma to restored luma, neither clipped nor rounded.

    Returns:
        (height, width, 3) uint8 RGB, clipped, rounded half to even.

    Raises:
        ImageError: a value of the restored luma is no number, or all are of another range.
    """
    if grey:
        restored = _checked(run, pixels[..., 0].astype(np.float32) / np.float32(255))
        return np.repeat(_levels(restored * np.float32(255))[..., None], 3, axis=2)
    colours = pixels.astype(np.float32)
    luma = _OFFSET + colours @ _WEIGHTS
    change = _checked(run, luma / np.float32(255)) * np.float32(255) - luma
    return _levels(colours + _SPREAD * change[..., None])


def _checked(run: Callable[[Plane], Plane], plane: Plane) -> Plane:
    restored = run(plane)
    check_values(restored, plane)
    return restored


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(values.clip(0, 255)).astype(np.uint8)
    return levels
