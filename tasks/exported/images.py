"""From an image to what a network is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.plugins import RGB
from tasks.exported.fields import Input
from tasks.exported.geometry import Placement, placement

if TYPE_CHECKING:
    from torch import Tensor


def to_input(image: RGB, wanted: Input) -> tuple[Tensor, Placement]:
    """The network's tensor, and where in it the image lies.

    Args:
        image: (height, width, 3) uint8 RGB; it is not written to.
        wanted: the card's ``input``.

    Returns:
        (3, H, W), contiguous, of the card's order, range, dtype, mean, std and size; its layout is
        the caller's business.
    """
    import torch

    place = placement(image.shape[0], image.shape[1], wanted)
    on_bytes = wanted.resize_with != "torch"
    pixels = _resize_bytes(image, place.resized, wanted) if on_bytes else image
    ordered = pixels[:, :, ::-1] if wanted.order == "bgr" else pixels
    tensor = torch.from_numpy(np.array(ordered.transpose(2, 0, 1), order="C")).float()
    tensor = _normalised(tensor, wanted)
    if not on_bytes and place.resized != place.original:
        # After the mean, as torchvision's detectors do; in exact arithmetic it is the same.
        tensor = torch.nn.functional.interpolate(
            tensor[None], place.resized, mode=wanted.interpolation, align_corners=False
        )[0]
    tensor = _on_canvas(tensor, place, wanted)
    if wanted.dtype == "uint8":
        tensor = tensor.round().clamp(0, 255).to(torch.uint8)  # bicubic goes beyond
    return tensor, place


def _normalised(tensor: Tensor, wanted: Input) -> Tensor:
    """Bytes as floating-point numbers (3, H, W) in the card's range, less its mean, by its std."""
    if wanted.range == "unit":
        tensor = tensor / 255.0
    mean, std = (tensor.new_tensor(values)[:, None, None] for values in (wanted.mean, wanted.std))
    return (tensor - mean) / std


def _resize_bytes(image: RGB, size: tuple[int, int], wanted: Input) -> RGB:
    if image.shape[:2] == size:
        return image
    if wanted.resize_with == "opencv":
        import cv2

        flag = cv2.INTER_LINEAR if wanted.interpolation == "bilinear" else cv2.INTER_CUBIC
        resized: RGB = cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=flag)
        return resized
    from PIL import Image

    kernel = Image.Resampling[wanted.interpolation.upper()]
    return np.asarray(Image.fromarray(image).resize(size[::-1], kernel))


def _on_canvas(tensor: Tensor, place: Placement, wanted: Input) -> Tensor:
    if place.canvas == place.resized:
        return tensor
    (rows, columns), (height, width) = place.canvas, place.resized
    if place.top < 0 or place.left < 0 or height > rows or width > columns:
        return tensor[:, -place.top : rows - place.top, -place.left : columns - place.left]
    canvas = tensor.new_zeros((3, rows, columns))
    if wanted.pad is not None:
        canvas += _normalised(tensor.new_full((3, 1, 1), wanted.pad), wanted)
    canvas[:, place.top : place.top + height, place.left : place.left + width] = tensor
    return canvas
