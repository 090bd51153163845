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


class Interval(NamedTuple):
    """A confidence interval; NaN on both sides where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)


def interval(draws: NDArray[np.float64], images: int, level: float = LEVEL) -> Interval:
    """The percentile interval of bootstrap draws (Efron & Tibshirani 1993, chapter 13).

    Args:
        draws: (draws,) values of the statistic; NaN where a draw has none.
        images: that were drawn from; one image has no interval.
        level: its nominal coverage.
    """
    known = draws[~np.isnan(draws)]
    if images < 2 or not len(draws) or len(known) < _DEFINED * len(draws):
        return NO_INTERVAL
    tail = 50 * (1 - level)
    low, high = np.percentile(known, [tail, 100 - tail])
    return Interval(float(low), float(high))


def p_value(difference: float, draws: NDArray[np.float64], images: int) -> float:
    """The two-sided p-value of a paired difference, from its bootstrap draws.

    A t-test whose standard error is the bootstrap's: counting draws beyond zero cannot go below
    2/(draws + 1), which no correction for a whole table would survive. For a mean it is the paired
    t-test, up to the noise of the draws.

    Args:
        difference: on the images themselves.
        draws: (draws,) the difference in each draw; NaN where it has none.
        images: that were drawn from.

    Returns:
        1 for a difference that is zero in every draw; NaN where nothing can be said.
    """
    known = draws[~np.isnan(draws)]
    if images < 2 or math.isnan(difference) or len(known) < max(2.0, _DEFINED * len(draws)):
        return math.nan
    error = float(known.std(ddof=1)) * math.sqrt(images / (images - 1))
    if error == 0:
        return 1.0 if difference == 0 else math.nan
    from scipy.stats import t

    return float(2 * t.sf(abs(difference) / error, images - 1))


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for being many (Holm 1979): the familywise error stays at its level.

    Args:
        values: p-values of one family; NaN for tests that were not made, which do not count.

    Returns:
        The corrected ones in the same order, at most 1; NaN stays NaN.
    """
    order = sorted((p, k) for k, p in enumerate(values) if not math.isnan(p))
    found = [math.nan] * len(values)
    highest = 0.0
    for rank, (p, k) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        found[k] = highest
    return found
