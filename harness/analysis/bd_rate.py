"""Bits saved at equal quality: Bjøntegaard's differences between two rate-metric curves.

Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with any
metric in the place of PSNR. His cubic polynomial through four points oscillates; PCHIP (Fritsch &
Carlson 1980) keeps monotone points monotone, as the test conditions of JCT-VC and JVET have it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

POINTS = 4
"""A curve has, at least: VCEG-M33 takes four."""

_ROUNDING = 1e-9
"""Curves that overlap by this share of their range, or less, touch: the rest is rounding."""


class Delta(NamedTuple):
    """A mean difference between two curves.

    Attributes:
        value: percent for `bd_rate`, the metric's unit for `bd_metric`; NaN where there is none.
        reason: why there is none, a clause without a full stop; empty where there is one.
        overlap: the share of both curves' range together that both cover, 0..1.
    """

    value: float
    reason: str = ""
    overlap: float = math.nan


@dataclass(frozen=True, eq=False)
class Curves:
    """A rate-metric curve in each of many draws.

    Attributes:
        rates, metrics: (draws, points) as those of a `Curve`.
    """

    rates: Values
    metrics: Values

    @cached_property
    def points(self) -> tuple[Values, Values]:
        """(draws, points) the logarithms of the rates, rising, and the metrics in that order."""
        order = np.argsort(self.rates, axis=1, kind="stable")
        rates, metrics = (
            np.take_along_axis(np.asarray(values, np.float64), order, axis=1)
            for values in (self.rates, self.metrics)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(rates), metrics

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """(draws,) whether something can be interpolated through the points: no `Curve.problem`."""
        logs, metrics = self.points
        if logs.shape[1] < POINTS:
            return np.zeros(len(logs), bool)
        with np.errstate(invalid="ignore"):
            rising = np.diff(logs) > 0
        finite = np.isfinite(logs) & np.isfinite(metrics)
        return np.asarray(finite.all(axis=1) & rising.all(axis=1))

    @cached_property
    def rises(self) -> NDArray[np.bool_]:
        """(draws,) whether it is `whole` and every point of higher rate has a higher metric."""
        with np.errstate(invalid="ignore"):
            return self.whole & (np.diff(self.points[1]) > 0).all(axis=1)


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a rate-metric curve.

    Attributes:
        rates: (points,) bits per pixel or any other rate, above 0, in any order.
        metrics: (points,) the metric at each, more is better.
        name: of the curve, in reasons.
    """

    rates: Values
    metrics: Values
    name: str = "the curve"

    @cached_property
    def alone(self) -> Curves:
        """The one curve, where many are asked for."""
        return Curves(self.rates[None], self.metrics[None])

    @cached_property
    def problem(self) -> str:
        """Why nothing can be interpolated through the points; empty where it can."""
        if len(self.rates) < POINTS:
            return f"{self.name} has {len(self.rates)} points, {POINTS} are needed"
        if not (np.isfinite(self.rates).all() and np.isfinite(self.metrics).all()):
            return f"a point of {self.name} is not a finite number"
        if self.rates.min() <= 0:
            return f"a rate of {self.name} is not above 0"
        if not self.alone.whole[0]:
            return f"two points of {self.name} have one rate"
        return ""


def bd_rate(anchor: Curve, test: Curve) -> Delta:
    """The rate ``test`` needs beyond that of ``anchor`` for the same metric, in percent.

    The mean difference of the logarithms of the rates over the metrics that both curves reach;
    -10 means a tenth of the bits saved. Nothing is extrapolated.

    Returns:
        NaN and a reason for fewer than `POINTS` points, a metric that does not rise with the rate
        everywhere, or curves that have no value of the metric in common.
    """
    for curve in (anchor, test):
        if curve.problem or not curve.alone.rises[0]:
            falls = f"{curve.name} does not rise with the rate everywhere"
            return Delta(math.nan, curve.problem or falls)
    means, overlaps = _mean_differences(anchor.alone, test.alone, of_rates=True)
    if math.isnan(means[0]):
        return Delta(math.nan, f"no value is reached by both {anchor.name} and {test.name}", 0.0)
    return Delta(100 * math.expm1(means[0]), overlap=float(overlaps[0]))


def bd_metric(anchor: Curve, test: Curve) -> Delta:
    """The metric of ``test`` above that of ``anchor`` at the same rate, in the metric's unit.

    The mean difference over the logarithm of the rates that both curves have.

    Returns:
        NaN and a reason for fewer than `POINTS` points or curves with no rate in common.
    """
    for curve in (anchor, test):
        if curve.problem:
            return Delta(math.nan, curve.problem)
    means, overlaps = _mean_differences(anchor.alone, test.alone, of_rates=False)
    if math.isnan(means[0]):
        return Delta(math.nan, f"no rate is common to {anchor.name} and {test.name}", 0.0)
    return Delta(float(means[0]), overlap=float(overlaps[0]))


def bd_rates(anchor: Curves, test: Curves) -> Values:
    """`bd_rate` of the curves of each draw: (draws,) percent; NaN where that has a reason."""
    return 100 * np.expm1(_mean_differences(anchor, test, of_rates=True)[0])


def bd_metrics(anchor: Curves, test: Curves) -> Values:
    """`bd_metric` of the curves of each draw: (draws,); NaN where that has a reason."""
    return _mean_differences(anchor, test, of_rates=False)[0]


def _mean_differences(anchor: Curves, test: Curves, of_rates: bool) -> tuple[Values, Values]:
    """The means of test - anchor over the range of both, and that range's share of all.

    Args:
        anchor: one curve a draw.
        test: likewise.
        of_rates: differences of the logarithms of rates over metrics; else of metrics over them.

    Returns:
        (draws,) each; NaN where there is no range, or nothing can be interpolated.
    """
    known = anchor.rises & test.rises if of_rates else anchor.whole & test.whole
    left, right = (c.points[::-1] if of_rates else c.points for c in (anchor, test))
    means, shares = np.full((2, len(known)), math.nan)
    if not known.any():
        return means, shares
    starts, ends = (np.stack([left[0][:, k], right[0][:, k]]) for k in (0, -1))
    # Draws that are not known may hold infinities.
    with np.errstate(invalid="ignore"):
        ranges = ends.max(axis=0) - starts.min(axis=0)
        known = known & (ends.min(axis=0) - starts.max(axis=0) > _ROUNDING * ranges)
    starts, ends = starts[:, known], ends[:, known]
    low, high = starts.max(axis=0), ends.min(axis=0)
    a, b = (pchip_integral(x[known], y[known], low, high) for x, y in (left, right))
    means[known] = (b - a) / (high - low)
    shares[known] = (high - low) / ranges[known]
    return means, shares


def pchip_slopes(x: Values, y: Values) -> Values:
    """The slopes PCHIP gives its points (Fritsch & Butland 1984), as `PchipInterpolator`'s.

    That of scipy takes many sets of values on the same knots alone; here every set has knots of its
    own, and an object for each took a hundred times as long as the arithmetic.
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
    slopes = np.zeros_like(y)
    bends = np.sign(m[:, 1:]) * np.sign(m[:, :-1]) <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = (near + far) / (near / m[:, :-1] + far / m[:, 1:])
    slopes[:, 1:-1] = np.where(bends, 0.0, inner)
    slopes[:, 0] = _end(h[:, 0], h[:, 1], m[:, 0], m[:, 1])
    slopes[:, -1] = _end(h[:, -1], h[:, -2], m[:, -1], m[:, -2])
    return slopes


def pchip_integral(x: Values, y: Values, low: Values, high: Values) -> Values:
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
    m, d = np.diff(y) / h, pchip_slopes(x, y)
    # The cubic of a piece, in the distance from its left knot.
    square = (3 * m - 2 * d[:, :-1] - d[:, 1:]) / h
    cube = (d[:, :-1] + d[:, 1:] - 2 * m) / h**2

    def area(to: Values) -> Values:
        s: Values = np.clip(to[:, None] - left, 0, h)
        return s * (y[:, :-1] + s * (d[:, :-1] / 2 + s * (square / 3 + s * cube / 4)))

    return np.asarray((area(high) - area(low)).sum(axis=1))


def _end(h0: Values, h1: Values, m0: Values, m1: Values) -> Values:
    """The slope of an end, from the widths and slopes of the piece there and the next."""
    slope = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(slope) > 3 * np.abs(m0))
    return np.where(np.sign(slope) != np.sign(m0), 0.0, np.where(steep, 3 * m0, slope))
