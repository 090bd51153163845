"""What a network's numbers say of themselves before they are rounded to pixels.

Rounding hides two mistakes: NaN and infinities become black or white, and values whose white is
another than the harness's are clipped to it. Either would be measured as a bad image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import ImageError
from harness.plugins.types import RGB

Values = NDArray[np.floating]
"""An image, or its luma, of any layout: floating point, 0..1 where all is well."""

_SAMPLED = 1 << 20  # values that are compared; a photograph has more
_LIKE = 0.25  # as a share of the distance to what it was given
_ROUNDING = 2 / 255
_CONTRAST = 0.02
_BEYOND_WHITE = 4.0


def check_finite(values: NDArray[np.generic], who: str) -> None:
    """See that every value is a number.

    Args:
        values: of any shape and type; integers always pass.
        who: what gave them, for the message.

    Raises:
        ImageError: one is NaN or infinite; with the count and the first one's place.
    """
    if values.dtype.kind != "f":
        return
    odd = ~np.isfinite(values)
    count = int(odd.sum())
    if count:
        first = tuple(int(place) for place in np.unravel_index(int(odd.argmax()), odd.shape))
        raise ImageError(
            f"{who} gave {count} of {values.size} values that are no numbers (NaN or infinite), "
            f"the first, {values[first]}, at {list(first)} of {list(values.shape)}: its weights "
            "are damaged, or its arithmetic overflows"
        )


def mistaken_range(values: Values, given: Values | RGB) -> str | None:
    """The range that an image was given in by mistake, in words; None: 0 to 1, or none known.

    An image whose values are read in another range is far from what the network was given; one of
    a known mistake is near it again when they are read as what they are.

    Args:
        values: what the network gave; finite.
        given: the image that it was given, same shape, 0..1, or in uint8.
    """
    restored = _sample(values)
    if restored.size and float(restored.mean()) > _BEYOND_WHITE:
        return "0 to 255"
    image = _sample(given)
    distance = float(np.abs(restored - image).mean()) if restored.size else 0.0
    if distance < _ROUNDING:
        return None
    low, high, contrast = float(restored.min()), float(restored.max()), float(image.std())
    ranges = {}
    if high > 2 and low > -high:
        ranges["0 to 255"] = restored / 255
    if high < _ROUNDING:
        ranges["0 to 1/255"] = restored * 255
    # A black image is no image around 0, and of one without contrast nobody can tell.
    if contrast > _CONTRAST and float(restored.std()) > contrast / 2:
        ranges |= {"-1 to 1": (restored + 1) / 2, "-0.5 to 0.5": restored + 0.5}
    near = {name: float(np.abs(read - image).mean()) for name, read in ranges.items()}
    name = min(near, key=lambda key: near[key], default=None)
    return name if name is not None and near[name] < _LIKE * distance else None


def check_values(values: Values, given: Values | RGB, who: str = "the network") -> None:
    """See that a network's image consists of numbers of the right range.

    Args:
        values: see `mistaken_range`.
        given: see `mistaken_range`.
        who: what gave them, for the message.

    Raises:
        ImageError: they are none, or of another range than 0..1.
    """
    check_finite(values, who)
    mistaken = mistaken_range(values, given)
    if mistaken is not None:
        raise ImageError(
            f"{who} gave values from {float(values.min()):.4g} to {float(values.max()):.4g}, an "
            f"image in {mistaken}, where black is 0 and white is 1: it would be clipped. Have it "
            "return 0 to 1"
        )


def _sample(values: Values | RGB) -> NDArray[np.float64]:
    flat = values.reshape(-1)
    some = flat[:: max(1, flat.size // _SAMPLED)].astype(np.float64)
    return some / 255 if values.dtype == np.uint8 else some
