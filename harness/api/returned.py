"""What a caller's function gave in place of an image, and what to do about it."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import HarnessError


def checked(found: Any, shape: tuple[int, ...], name: str) -> Any:
    """An image of the right type and shape.

    Args:
        found: what the function gave.
        shape: (height, width, 3), of what it was given.
        name: of the restorer.

    Raises:
        HarnessError: it is no such image; with the likely mistake.
    """
    if not isinstance(found, np.ndarray):
        hint = " (np.asarray(image) makes one of it)" if hasattr(found, "__array__") else ""
        raise HarnessError(
            f"{name} gave {type(found).__name__}; a restorer must return a uint8 RGB array of the "
            f"same size{hint}"
        )
    hint = _shape_hint(found.shape, shape)
    if not hint and found.dtype != np.uint8:
        hint = _value_hint(found)
    if hint or found.shape != shape:
        raise HarnessError(
            f"{name} gave {found.dtype} {found.shape} for an image of {shape}; a restorer must "
            f"return uint8 RGB of the same size{hint}"
        )
    return found


def _shape_hint(found: tuple[int, ...], shape: tuple[int, ...]) -> str:
    height, width, _ = shape
    if found in ((height, width), (height, width, 1)):
        return " (this is grey: np.dstack([grey] * 3) makes RGB of it)"
    if found == (height, width, 4):
        return " (this has an alpha channel: image[:, :, :3] is without)"
    if found == (3, height, width):
        return " (the channels come first: image.transpose(1, 2, 0) puts them last)"
    if found == (1, *shape):
        return " (this is a batch: image[0] is its image)"
    return ""


def _value_hint(found: np.ndarray[Any, Any]) -> str:
    if found.dtype.kind == "f" and found.size and found.min() >= 0 and found.max() <= 1:
        white = "255 * image"
        said = "the values are in 0..1: "
    else:
        white, said = "image", "white is 255: "
    return f" ({said}return np.clip(np.rint({white}), 0, 255).astype(np.uint8))"
