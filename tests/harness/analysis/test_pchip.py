"""PCHIP through many sets of points, against SciPy's, one set at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.interpolate import PchipInterpolator

from harness.analysis.bd_rate import pchip_integral, pchip_slopes


@st.composite
def sets_of_points(draw):
    """(sets, points) knots of very unequal distances, and values that rise, fall and stay."""
    shape = draw(st.integers(1, 5)), draw(st.integers(3, 8))
    gaps = draw(hnp.arrays(float, shape, elements=st.floats(0.01, 10)))
    steps = draw(hnp.arrays(float, shape, elements=st.floats(0.01, 100)))
    signs = draw(hnp.arrays(int, shape, elements=st.sampled_from([-1, 0, 1, 1])))
    first = draw(st.floats(-5, 5))
    return first + np.cumsum(gaps, axis=1), np.cumsum(signs * steps, axis=1)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(sets_of_points())
def test_the_slopes_are_scipys(points):
    for x, y, found in zip(*points, pchip_slopes(*points), strict=True):
        expected = PchipInterpolator(x, y).derivative()(x)
        # Rounding is of the steepest piece.
        steepest = np.abs(np.diff(y) / np.diff(x)).max()
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * steepest)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(sets_of_points(), st.floats(0, 1), st.floats(0, 1))
def test_the_integral_is_scipys(points, a, b):
    x, y = points
    ends = [x[:, 0] + share * (x[:, -1] - x[:, 0]) for share in sorted((a, b))]
    for row, found in enumerate(pchip_integral(x, y, *ends)):
        low, high = (end[row] for end in ends)
        expected = PchipInterpolator(x[row], y[row]).integrate(low, high)
        # Areas above and below zero cancel: rounding is of their size, not of what is left.
        size = np.abs(y[row]).max() * (high - low)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * size)


def test_an_end_that_would_turn_back_is_flat_and_one_too_steep_is_bounded():
    """Moler's two rules, whose cases random points seldom meet."""
    x = np.array([[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 1.1, 2.0]])
    y = np.array([[0.0, 0.1, 5.0, 6.0], [0.0, 1.0, -4.0, -5.0]])

    found = pchip_slopes(x, y)

    assert found[0, 0] == 0
    assert found[1, 0] == 3 * 1.0
    for row in range(2):
        assert found[row] == pytest.approx(PchipInterpolator(x[row], y[row]).derivative()(x[row]))
