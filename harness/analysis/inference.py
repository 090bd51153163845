"""From draws to what is said of a number: its interval, and whether a difference is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Of every interval."""

ALPHA = 1 - LEVEL
"""A difference whose p-value, corrected, is at least this is not significant."""

_DEFINED = 0.5
"""The share of draws in which a metric must have a value for it to have an interval."""

_ROUNDING = 1e-9
"""A standard error that is this share of its difference, or less, is rounding."""


class Interval(NamedTuple):
    """A confidence interval; NaN on both sides where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)


def interval(
    draws: NDArray[np.float64],
    images: int,
    level: float = LEVEL,
    estimate: float | None = None,
) -> Interval:
    """The percentile interval of bootstrap draws, widened for few images.

    The quantiles of the draws (Efron & Tibshirani 1993, chapter 13) that lie as many standard
    errors from the middle as the t interval's ends do: Hesterberg's expanded percentile interval
    ("What teachers should know about the bootstrap", 2015). With ``estimate``, bias-corrected too
    (BC: Efron 1981; chapter 14 with no acceleration), which a value that is not a mean needs: AP
    is higher in draws, where images repeat, than on the images. The bias of a paired difference
    cancels; it is better left alone. Coverages: docs/explanation/statistics.md.

    Args:
        draws: (draws,) values of the statistic; NaN or infinite where a draw has none.
        images: that were drawn from; one image has no interval, nor has one draw.
        level: its nominal coverage.
        estimate: the statistic on the images themselves, for a bias-corrected interval.
    """
    known = draws[np.isfinite(draws)]
    if images < 2 or len(known) < max(2.0, _DEFINED * len(draws)):
        return NO_INTERVAL
    if estimate is not None and not math.isfinite(estimate):
        return NO_INTERVAL
    from scipy.special import ndtr, ndtri, stdtrit

    wide = stdtrit(images - 1, (1 + level) / 2) * math.sqrt(images / (images - 1))
    shift = 0.0
    if estimate is not None:
        # Draws equal to the estimate count half: a metric of few images has many.
        below = ((known < estimate).mean() + (known <= estimate).mean()) / 2
        shift = 2 * float(np.clip(ndtri(below), -1, 1))
    low, high = np.quantile(known, ndtr([shift - wide, shift + wide]))
    if estimate is not None:
        low, high = min(low, estimate), max(high, estimate)
    return Interval(float(low), float(high))


def p_value(difference: float, draws: NDArray[np.float64], images: int) -> float:
    """The two-sided p-value of a paired difference, from its bootstrap draws.

    A t-test whose standard error is the bootstrap's: counting draws beyond zero cannot go below
    2/(draws + 1), which no correction for a whole table would survive. For a mean it is the paired
    t-test, up to the noise of the draws. It is never below what the sign test says of as many
    images all on one side, 2^(1 - images): so few have no distribution to speak of. A difference
    that is the same in every draw has that p-value.

    Args:
        difference: on the images themselves.
        draws: (draws,) the difference in each draw; NaN or infinite where it has none.
        images: that were drawn from.

    Returns:
        1 for a difference that is zero in every draw; NaN where nothing can be said.
    """
    known = draws[np.isfinite(draws)]
    if images < 2 or not math.isfinite(difference) or len(known) < max(2.0, _DEFINED * len(draws)):
        return math.nan
    error = float(known.std(ddof=1)) * math.sqrt(images / (images - 1))
    least = 2.0 ** (1 - images)
    if error <= _ROUNDING * abs(difference):
        return 1.0 if difference == 0 else least
    from scipy.special import stdtr

    return max(least, float(2 * stdtr(images - 1, -abs(difference) / error)))


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for being many (Holm 1979): the familywise error stays at its level.

    Args:
        values: p-values of one family; NaN for tests that were not made, which do not count.

    Returns:
        The corrected ones in the same order, at most 1; NaN stays NaN.
    """
    order = sorted((p, k) for k, p in enumerate(values) if not math.isnan(p))
    corrected = [math.nan] * len(values)
    highest = 0.0
    for rank, (p, k) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[k] = highest
    return corrected
