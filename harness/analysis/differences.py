"""Paired differences of two cells, in the bootstrap's draws."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from harness.analysis.bootstrap import BootstrapResult, SubsetResults, on_images
from harness.analysis.inference import NO_INTERVAL, Interval, interval, p_value
from harness.analysis.resampling import DRAWS


class Difference(NamedTuple):
    """``b - a`` on the images both have, paired draw by draw.

    Attributes:
        a, b: the values on those images, in the task's unit.
        value: b - a.
        interval: 95 %, NaN where there is none.
        p: two-sided, not corrected; NaN where nothing can be said.
        images: both have.
    """

    a: float
    b: float
    value: float
    interval: Interval
    p: float
    images: int

    def reversed(self) -> Difference:
        """``a - b``."""
        low, high = self.interval
        ends = Interval(-high, -low)
        return Difference(self.b, self.a, -self.value, ends, self.p, self.images)


def differences(
    a: BootstrapResult,
    b: BootstrapResult,
    metrics: Iterable[str],
    draws: int = DRAWS,
    seed: int = 0,
    known: SubsetResults | None = None,
) -> dict[str, Difference]:
    """``b - a`` for each metric both have, on the images both have.

    Where one lacks images the other has, both are computed again on the common ones.

    Args:
        a: one cell.
        b: another.
        metrics: the metrics wanted.
        draws: of the bootstrap, as those of ``a`` and ``b``.
        seed: of the draws.
        known: what was computed again before, for whoever asks for many pairs; it is added to.
    """
    common = frozenset(a.images) & frozenset(b.images)
    if not common:
        return {}
    left, right = (on_images(result, common, draws, seed, known) for result in (a, b))
    return {
        metric: _difference(left, right, metric)
        for metric in metrics
        if metric in left.values and metric in right.values
    }


def _difference(a: BootstrapResult, b: BootstrapResult, metric: str) -> Difference:
    left, right = a.values[metric], b.values[metric]
    # Equal infinities do not differ.
    value = 0.0 if left == right else right - left
    if metric not in a.draws or metric not in b.draws:
        return Difference(left, right, value, NO_INTERVAL, math.nan, len(a.images))
    with np.errstate(invalid="ignore"):
        drawn = b.draws[metric] - a.draws[metric]
    drawn[a.draws[metric] == b.draws[metric]] = 0.0
    count = len(a.images)
    ends, p = interval(drawn, count), p_value(value, drawn, count)
    return Difference(left, right, value, ends, p, count)
