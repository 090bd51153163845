"""PCHIP through many sets of points at once, and its integral.

`scipy.interpolate.PchipInterpolator` takes many sets of values, but on the same knots; here every
set has knots of its own, and an object for each took a hundred times as long as the arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def slopes(x: Values, y: Values) -> Values:
    """The slopes PCHIP gives its points (Fritsch & Butland 1984), as `PchipInterpolator`'s.

    Inside, the weighted harmonic mean of the slopes of the two pieces, 0 where they differ in sign;
    at the ends, the three-point estimate of Moler, "Numerical Computing with MATLAB", 3.6.

    Args:
        x: (sets, points) knots, rising in each set, 3 or more.
        y: (sets, points) values.

    Returns:
        (sets, points).
    """
    h = np.diff(x)
    m = np.diff(y) / h
    near, far = 2 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2 * h[:, :-1]
    found = np.zeros_like(y)
    bends = np.sign(m[:, 1:]) * np.sign(m[:, :-1]) <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = (near + far) / (near / m[:, :-1] + far / m[:, 1:])
    found[:, 1:-1] = np.where(bends, 0.0, inner)
    found[:, 0] = _end(h[:, 0], h[:, 1], m[:, 0], m[:, 1])
    found[:, -1] = _end(h[:, -1], h[:, -2], m[:, -1], m[:, -2])
    return found


def integral(x: Values, y: Values, low: Values, high: Values) -> Values:
    """The integral of PCHIP through points, as `PchipInterpolator.integrate` gives it.

    Args:
        x: (sets, points) knots, rising in each set, 3 or more.
        y: (sets, points) values.
        low: (sets,) where each begins, not before the first knot.
        high: (sets,) where each ends, not after the last.

    Returns:
        (sets,).
    """
    left, h = x[:, :-1], np.diff(x)
    m, d = np.diff(y) / h, slopes(x, y)
    # The cubic of a piece, in the distance from its left knot.
    square = (3 * m - 2 * d[:, :-1] - d[:, 1:]) / h
    cube = (d[:, :-1] + d[:, 1:] - 2 * m) / h**2

    def area(to: Values) -> Values:
        s: Values = np.clip(to[:, None] - left, 0, h)
        return s * (y[:, :-1] + s * (d[:, :-1] / 2 + s * (square / 3 + s * cube / 4)))

    found: Values = (area(high) - area(low)).sum(axis=1)
    return found


def _end(h0: Values, h1: Values, m0: Values, m1: Values) -> Values:
    """The slope of an end, from the widths and slopes of the piece there and the next."""
    found = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(found) > 3 * np.abs(m0))
    return np.where(np.sign(found) != np.sign(m0), 0.0, np.where(steep, 3 * m0, found))
