"""What a caller's function or module makes of an image, checked."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import PART_FAILURES, HarnessError, UserError
from harness.plugins.codec import Compressed
from harness.plugins.pixel_values import check_finite, mistaken_range
from harness.plugins.types import RGB

if TYPE_CHECKING:
    from torch import Tensor, nn


class ModuleRunner:
    """Runs a copy of a module, in float32 and in evaluation mode: from a compressed file to pixels.

    Args:
        module: (1, 3, H, W) float32 RGB, 0..``scale``, to the same, or to a tuple that begins with
            it.
        name: for messages.
        multiple: H and W are multiples of it; the image is continued by its last row and column.
        scale: what white is.

    Raises:
        UserError: the module cannot be copied.
    """

    def __init__(self, module: nn.Module, name: str, multiple: int, scale: float) -> None:
        try:
            self._network = copy.deepcopy(module).to("cpu").float().eval()
        except PART_FAILURES as error:  # anything may hang on a module
            raise UserError(
                f"The module {name} cannot be copied to the CPU: "
                f"{' '.join(str(error).split()).rstrip('.')}. "
                "Load its weights into a fresh one."
            ) from error
        self._name, self._multiple, self._scale = name, multiple, scale
        self._device = "cpu"

    def place(self, device: str) -> str:
        """See `harness.plugins.Restorer.place`."""
        self._network.to(device)
        self._device = device
        return device

    def __call__(self, compressed: Compressed) -> RGB:
        """The restored image.

        Raises:
            HarnessError: the module makes something else of it than an image of the same size.
        """
        import torch

        name, scale = self._name, self._scale
        # The arithmetic of restorers.common.colour, which the harness cannot import.
        pixels = torch.from_numpy(compressed.pixels).permute(2, 0, 1)[None].float() / (255 / scale)
        height, width = pixels.shape[2:]
        given = _pad(pixels, self._multiple).to(self._device)
        with torch.inference_mode():
            restored = _first_tensor(self._network(given), name).cpu()
        if restored.shape[:2] != (1, 3) or not (
            height <= restored.shape[2] < height + self._multiple
            and width <= restored.shape[3] < width + self._multiple
        ):
            raise HarnessError(
                f"{name} gave a tensor of {tuple(restored.shape)} for (1, 3, {height}, {width}); "
                "a module must return RGB of the same size"
            )
        restored = restored[0, :, :height, :width]
        _check_values(restored, pixels[0, :, :height, :width], name, scale)
        image = restored.float() / scale
        levels: RGB = (image.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return np.ascontiguousarray(levels.transpose(1, 2, 0))


def _check_values(restored: Tensor, given: Tensor, name: str, scale: float) -> None:
    """Refuse values that are no numbers, and an image of another white than ``scale``.

    Raises:
        HarnessError: rounded to pixels, they would be measured as white or black.
    """
    if not restored.is_floating_point():
        raise HarnessError(
            f"{name} gave {str(restored.dtype).removeprefix('torch.')} values; a module must "
            f"return floating-point ones, from 0 (black) to {scale:g} (white)"
        )
    values = restored.float().numpy()
    check_finite(values, name)
    mistaken = mistaken_range(values / scale, given.numpy() / scale)
    if mistaken == "0 to 255" and scale == 1:
        raise HarnessError(
            f"{name} gave values of {float(values.mean()):.0f} on average where white is 1; if "
            "its white is 255, say harness.restorer(..., scale=255), or divide its result"
        )
    if mistaken == "0 to 1/255" and scale == 255:
        raise HarnessError(
            f"{name} gave values up to {float(values.max()):.2g} where white is 255; if its "
            "white is 1, leave scale out, or multiply its result"
        )
    if mistaken is not None:
        raise HarnessError(
            f"{name} gave values from {float(values.min()):.4g} to {float(values.max()):.4g}, an "
            f"image in {mistaken}, where white is {scale:g}: have it return 0 to {scale:g}"
        )


def _first_tensor(result: object, name: str) -> Tensor:
    import torch

    first = result[0] if isinstance(result, tuple | list) and result else result
    if not isinstance(first, torch.Tensor):
        raise HarnessError(f"{name} gave {type(first).__name__}; a module must return a tensor")
    return first


def _pad(image: Tensor, multiple: int) -> Tensor:
    from torch.nn import functional as F

    bottom, right = (-image.shape[2] % multiple, -image.shape[3] % multiple)
    return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image


def check_image(image: object, shape: tuple[int, ...], name: str) -> RGB:
    """An image of the right type and shape.

    Args:
        image: what the function gave.
        shape: (height, width, 3), of what it was given.
        name: of the restorer.

    Raises:
        HarnessError: it is no such image; with the likely mistake.
    """
    if not isinstance(image, np.ndarray):
        hint = " (np.asarray(image) makes one of it)" if hasattr(image, "__array__") else ""
        raise HarnessError(
            f"{name} gave {type(image).__name__}; a restorer must return a uint8 RGB array of the "
            f"same size{hint}"
        )
    hint = _shape_hint(image.shape, shape)
    if not hint and image.dtype != np.uint8:
        check_finite(image, name)
        hint = _value_hint(image)
    if hint or image.shape != shape:
        raise HarnessError(
            f"{name} gave {image.dtype} {image.shape} for an image of {shape}; a restorer must "
            f"return uint8 RGB of the same size{hint}"
        )
    return image


def _shape_hint(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    height, width, _ = shape
    if given in ((height, width), (height, width, 1)):
        return " (this is grey: np.dstack([grey] * 3) makes RGB of it)"
    if given == (height, width, 4):
        return " (this has an alpha channel: image[:, :, :3] is without)"
    if given == (3, height, width):
        return " (the channels come first: image.transpose(1, 2, 0) puts them last)"
    if given == (1, *shape):
        return " (this is a batch: image[0] is its image)"
    return ""


def _value_hint(image: NDArray[np.generic]) -> str:
    if image.dtype.kind == "f" and image.size and image.min() >= 0 and image.max() <= 1:
        white = "255 * image"
        hint = "the values are in 0..1: "
    else:
        white, hint = "image", "white is 255: "
    return f" ({hint}return np.clip(np.rint({white}), 0, 255).astype(np.uint8))"
