"""Bjøntegaard's differences, against the `bjontegaard` package and curves whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.interpolate import PchipInterpolator

from harness.analysis.bd_rate import (
    Curve,
    Curves,
    bd_metric,
    bd_metrics,
    bd_rate,
    bd_rates,
)

ANCHOR = (np.array([0.2, 0.4, 0.6, 0.9]), np.array([30.0, 33.0, 35.0, 36.0]))
TEST = (np.array([0.22, 0.44, 0.66, 0.99]), np.array([30.7, 33.9, 35.8, 36.6]))


def curve(points, name="the curve"):
    return Curve(np.asarray(points[0], float), np.asarray(points[1], float), name)


def test_the_figures_are_those_of_the_bjontegaard_package():
    """Its version 1.3.0, ``method="pchip"``, gave these for the curves above."""
    assert bd_rate(curve(ANCHOR), curve(TEST)).value == pytest.approx(-9.755473905443267)
    assert bd_metric(curve(ANCHOR), curve(TEST)).value == pytest.approx(0.4324441346859601)


def test_random_curves_agree_with_the_bjontegaard_package():
    package = pytest.importorskip("bjontegaard", reason="needs: pip install bjontegaard")
    generator = np.random.default_rng(0)
    for _ in range(50):
        count = int(generator.integers(4, 9))
        rates = np.cumsum(generator.uniform(0.05, 1.0, (2, count)), axis=1)
        metrics = 20 + np.cumsum(generator.uniform(0.1, 3.0, (2, count)), axis=1)
        points = (rates[0], metrics[0]), (rates[1], metrics[1])
        flat = [*points[0], *points[1]]

        for ours, theirs in ((bd_rate, package.bd_rate), (bd_metric, package.bd_psnr)):
            expected = theirs(*flat, method="pchip", min_overlap=0)
            found = ours(*map(curve, points)).value
            assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0.05, 2.0), min_size=4, max_size=8),
    st.lists(st.floats(0.1, 5.0), min_size=8, max_size=8),
    st.floats(0.3, 3.0),
)
def test_a_curve_shifted_by_a_factor_in_rate_has_that_bd_rate(steps, gains, factor):
    rates, metrics = np.cumsum(steps), np.cumsum(gains[: len(steps)])
    shifted = curve((rates * factor, metrics))

    assert bd_rate(curve((rates, metrics)), shifted).value == pytest.approx(100 * (factor - 1))
    back = bd_rate(shifted, curve((rates, metrics)))
    assert back.value == pytest.approx(100 * (1 / factor - 1))
    assert back.overlap == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.05, 2.0), min_size=4, max_size=8), st.floats(-3, 3))
def test_a_curve_lifted_by_a_constant_has_that_bd_metric(steps, lift):
    rates = np.cumsum(steps)
    metrics = np.sqrt(rates)

    found = bd_metric(curve((rates, metrics)), curve((rates, metrics + lift)))

    assert found.value == pytest.approx(lift, abs=1e-9)


def test_the_order_of_the_points_does_not_matter():
    turned = [array[[2, 0, 3, 1]] for array in TEST]

    assert bd_rate(curve(ANCHOR), curve(turned)) == bd_rate(curve(ANCHOR), curve(TEST))


def test_only_the_range_of_both_counts():
    """Logarithmic curves, 10 % apart, one reaching further on either side."""
    knots = np.linspace(1, 5, 9)
    near, far = curve((np.exp(knots), knots)), curve((1.1 * np.exp(knots + 1), knots + 1))

    found = bd_rate(near, far)

    assert found.value == pytest.approx(10)
    assert found.overlap == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (([0.2, 0.4, 0.6], [1, 2, 3]), "dagn has 3 points, 4 are needed"),
        (([0.2, 0.4, 0.6, 0.9], [30, 33, math.inf, 40]), "a point of dagn is not a finite number"),
        (([0.0, 0.4, 0.6, 0.9], [30, 33, 35, 40]), "a rate of dagn is not above 0"),
        (([0.4, 0.4, 0.6, 0.9], [30, 33, 35, 40]), "two points of dagn have one rate"),
        (([0.2, 0.4, 0.6, 0.9], [30, 33, 32, 40]), "dagn does not rise with the rate everywhere"),
        (([0.2, 0.4, 0.6, 0.9], [40, 41, 42, 43]), "no value is reached by both jpeg and dagn"),
    ],
)
def test_what_has_no_bd_rate_says_why(points, reason):
    found = bd_rate(curve(ANCHOR, "jpeg"), curve(points, "dagn"))

    assert math.isnan(found.value)
    assert found.reason == reason
    assert math.isnan(bd_rate(curve(points), curve(ANCHOR)).value)


def test_bd_metric_needs_common_rates_and_no_rising_metric():
    falling = curve((ANCHOR[0], ANCHOR[1][::-1]))
    apart = curve((10 * ANCHOR[0], ANCHOR[1]), "webp")

    assert math.isfinite(bd_metric(curve(ANCHOR), falling).value)
    assert bd_metric(curve(ANCHOR, "jpeg"), apart).reason == "no rate is common to jpeg and webp"


BROKEN = {
    "falls": lambda x, y: (x, [*y[:2], y[0], *y[3:]]),
    "stays": lambda x, y: (x, [*y[:2], y[1], *y[3:]]),
    "NaN": lambda x, y: (x, [math.nan, *y[1:]]),
    "infinite": lambda x, y: (x, [*y[:-1], math.inf]),
    "no bits": lambda x, y: ([0.0, *x[1:]], y),
    "fewer than none": lambda x, y: ([-1.0, *x[1:]], y),
    "one rate": lambda x, y: ([*x[:2], x[1], *x[3:]], y),
    "elsewhere": lambda x, y: (1e4 * x, 1e4 + y),
    "nothing": lambda x, y: (x, y),
}
"""What may be wrong with the points of a draw."""


@st.composite
def drawn_points(draw, count, turns=False):
    """(draws, points) rates and metrics, out of order; with ``turns`` the metric may fall."""
    shape = 4, count
    # In steps, so that what both curves cover is none or not so little that it is rounding.
    rates, gains = (
        draw(hnp.arrays(int, shape, elements=st.integers(1, most))) for most in (40, 100)
    )
    if turns:
        gains = gains * draw(hnp.arrays(int, shape, elements=st.sampled_from([-1, 0, 1])))
    order = draw(st.permutations(range(count)))
    rates, gains = (np.cumsum(held, axis=1)[:, order] / 20 for held in (rates, gains))
    return rates, 20 + gains


def by_scipy(anchor, test):
    """The mean of test - anchor over the knots both have; each is knots and values, rising."""
    low = max(anchor[0][0], test[0][0])
    high = min(anchor[0][-1], test[0][-1])
    if high <= low:
        return math.nan
    areas = [PchipInterpolator(*points).integrate(low, high) for points in (anchor, test)]
    return float(areas[1] - areas[0]) / (high - low)


def ordered(rates, metrics):
    """The logarithms of the rates, rising, and their metrics."""
    order = np.argsort(rates)
    return np.log(rates[order]), metrics[order]


@settings(max_examples=60, deadline=None)
@given(drawn_points(4), drawn_points(6))
def test_the_bd_rates_of_draws_are_scipys(anchor, test):
    """On logarithms of rates of size 1, whose differences may be small: to 1e-9 of those."""
    found = bd_rates(Curves(*anchor), Curves(*test))

    for row, value in enumerate(found):
        points = [ordered(side[0][row], side[1][row])[::-1] for side in (anchor, test)]
        expected = 100 * np.expm1(by_scipy(*points))
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-7, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(drawn_points(4, turns=True), drawn_points(6, turns=True))
def test_the_bd_metrics_of_draws_are_scipys(anchor, test):
    found = bd_metrics(Curves(*anchor), Curves(*test))

    for row, value in enumerate(found):
        points = [ordered(side[0][row], side[1][row]) for side in (anchor, test)]
        assert value == pytest.approx(by_scipy(*points), rel=1e-9, abs=1e-7, nan_ok=True)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("many", "one"), [(bd_rates, bd_rate), (bd_metrics, bd_metric)])
def test_a_draw_has_the_number_or_the_refusal_of_its_curve_alone(many, one, side):
    drawn = [[points] * len(BROKEN) for points in (ANCHOR, TEST)]
    drawn[side] = [broken(*(ANCHOR, TEST)[side]) for broken in BROKEN.values()]

    found = many(*(Curves(*np.moveaxis(np.asarray(held), 1, 0)) for held in drawn))

    alone = [one(curve(a), curve(b)) for a, b in zip(*drawn, strict=True)]
    assert found.tolist() == pytest.approx([delta.value for delta in alone], nan_ok=True)
    assert np.isnan(found).tolist() == [bool(delta.reason) for delta in alone]
    assert [bool(delta.reason) for delta in alone].count(False) == (1 if many is bd_rates else 3)


def test_curves_that_touch_have_nothing_in_common():
    """Up to rounding, as sums that differ in their order do."""
    above = ANCHOR[1] - 30 + ANCHOR[1][-1] - 1e-14
    further = ANCHOR[0] / ANCHOR[0][0] * ANCHOR[0][-1] * (1 - 1e-15)

    assert "no value is reached" in bd_rate(curve(ANCHOR), curve((ANCHOR[0], above))).reason
    assert "no rate is common" in bd_metric(curve(ANCHOR), curve((further, ANCHOR[1]))).reason


def test_draws_of_fewer_points_have_no_number():
    few = Curves(*(np.tile(array[:3], (5, 1)) for array in TEST))
    whole = Curves(*(np.tile(array, (5, 1)) for array in ANCHOR))

    for many in (bd_rates, bd_metrics):
        assert np.isnan(many(whole, few)).tolist() == [True] * 5
        assert many(Curves(*np.empty((2, 0, 4))), Curves(*np.empty((2, 0, 4)))).shape == (0,)
