"""What a caller's function or module makes of an image, checked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import PART_FAILURES, HarnessError, UserError
from harness.plugins.codec import Compressed
from harness.plugins.types import RGB

if TYPE_CHECKING:
    from torch import Tensor, nn


def run_module(
    module: nn.Module, name: str, multiple: int, scale: float
) -> Callable[[Compressed], RGB]:
    """A function from a compressed file to pixels that runs a copy of ``module`` on the CPU.

    Args:
        module: (1, 3, H, W) float32 RGB, 0..``scale``, to the same, or to a tuple that begins with
            it.
        name: for messages.
        multiple: H and W are multiples of it; the image is continued by its last row and column.
        scale: what white is.

    Raises:
        UserError: the module cannot be copied.
    """
    import torch

    try:
        network = copy.deepcopy(module).to("cpu").float().eval()
    except PART_FAILURES as error:  # anything may hang on a module
        raise UserError(
            f"The module {name} cannot be copied to the CPU: "
            f"{' '.join(str(error).split()).rstrip('.')}. "
            "Load its weights into a fresh one."
        ) from error

    def run(compressed: Compressed) -> RGB:
        # The arithmetic of restorers.common.colour, which the harness cannot import.
        pixels = torch.from_numpy(compressed.pixels).permute(2, 0, 1)[None].float() / (255 / scale)
        height, width = pixels.shape[2:]
        with torch.inference_mode():
            restored = _first_tensor(network(_pad(pixels, multiple)), name)
        if restored.shape[:2] != (1, 3) or not (
            height <= restored.shape[2] < height + multiple
            and width <= restored.shape[3] < width + multiple
        ):
            raise HarnessError(
                f"{name} gave a tensor of {tuple(restored.shape)} for (1, 3, {height}, {width}); "
                "a module must return RGB of the same size"
            )
        restored = restored[0, :, :height, :width].float()
        _check_range(restored, pixels, name, scale)
        image = restored / scale
        if not bool(torch.isfinite(image).all()):
            raise HarnessError(f"{name} gave values that are no numbers (NaN or infinite)")
        levels: RGB = (image.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return np.ascontiguousarray(levels.transpose(1, 2, 0))

    return run


def _check_range(restored: Tensor, given: Tensor, name: str, scale: float) -> None:
    """Refuse an image of another white than ``scale``, which would be measured as white or black.

    Raises:
        HarnessError: the mean is four times white, or all is darker than a 255th of it.
    """
    if scale == 1 and float(restored.mean()) > 4:
        raise HarnessError(
            f"{name} gave values of {float(restored.mean()):.0f} on average where white is 1; if "
            "its white is 255, say harness.restorer(..., scale=255), or divide its result"
        )
    if scale == 255 and float(given.max()) > 2 and float(restored.max()) <= 1:
        raise HarnessError(
            f"{name} gave values up to {float(restored.max()):.2g} where white is 255; if its "
            "white is 1, leave scale out, or multiply its result"
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
