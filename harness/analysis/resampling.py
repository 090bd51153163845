"""The images drawn in an image-level bootstrap, and what is computed alike in every draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.inference import Interval, interval

DRAWS = 1000
"""Draws where nobody says otherwise."""

_BLOCK = 100
"""Draws that share one generator, so that they can be made in any order and by any worker."""


def resample_weights(images: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.int32]:
    """How often each image is drawn, ``draws`` times (Efron 1979: with replacement, as many).

    The same numbers give the same draws everywhere: two cells over the same images are drawn
    together, which is what makes their difference paired. The first draws of many are those of few.

    Args:
        images: number of images, 1 or more.
        draws: number of draws.
        seed: of the generators.

    Returns:
        (draws, images) counts; each row sums to ``images``.
    """
    weights = np.zeros((draws, images), np.int32)
    for block in range(-(-draws // _BLOCK)):
        generator = np.random.default_rng([seed, block])
        picks = generator.integers(0, images, (_BLOCK, images))
        for row, pick in enumerate(picks[: draws - block * _BLOCK], start=block * _BLOCK):
            weights[row] = np.bincount(pick, minlength=images)
    return weights


@dataclass(frozen=True, eq=False)
class BootstrapStatistic:
    """A statistic on the images and in draws from them.

    Two are combined draw by draw, so they must be of the same images and the same draws.

    Attributes:
        value: on the images.
        draws: (draws,) its values; empty where there are none.
        images: that were drawn from.
    """

    value: float
    draws: NDArray[np.float64]
    images: int

    def __sub__(self, other: BootstrapStatistic) -> BootstrapStatistic:
        """The difference."""
        return BootstrapStatistic(self.value - other.value, self.draws - other.draws, self.images)

    def __truediv__(self, other: BootstrapStatistic) -> BootstrapStatistic:
        """The ratio; infinite or NaN in the draws in which ``other`` is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = self.draws / other.draws
        return BootstrapStatistic(self.value / other.value, drawn, self.images)

    def interval(self, corrected: bool = False) -> Interval:
        """The 95 % interval, bias-corrected or not (`harness.analysis.inference.interval`)."""
        return interval(self.draws, self.images, estimate=self.value if corrected else None)


def mean(statistics: Sequence[BootstrapStatistic]) -> BootstrapStatistic:
    """The mean of one statistic or more."""
    value = math.fsum(statistic.value for statistic in statistics) / len(statistics)
    drawn = np.mean([statistic.draws for statistic in statistics], axis=0)
    return BootstrapStatistic(value, drawn, statistics[0].images)
