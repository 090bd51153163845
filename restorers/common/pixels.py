"""Between 8-bit images and the tensors networks take."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(pixels: NDArray[np.uint8], device: torch.device | None = None) -> Tensor:
    """(1, 3, height, width) float32, 0..1, of a (height, width, 3) uint8 image.

    A permuted (H, W, C) array is already laid out as channels last, which CPUs run fastest.
    """
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device).float() / 255


def to_pixels(image: Tensor) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of a (1, 3, height, width) image: clamped, rounded half to even."""
    levels = (image[0].clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = levels.permute(1, 2, 0).cpu().numpy()
    return pixels
