"""Numbers made of several metrics, computed on the images and in every draw alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.inference import Interval, interval


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

    def minus(self, other: BootstrapStatistic) -> BootstrapStatistic:
        """The difference."""
        return BootstrapStatistic(self.value - other.value, self.draws - other.draws, self.images)

    def over(self, other: BootstrapStatistic) -> BootstrapStatistic:
        """The ratio; infinite or NaN in the draws in which ``other`` is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return BootstrapStatistic(
                self.value / other.value, self.draws / other.draws, self.images
            )

    def above_zero(self) -> bool:
        """Whether the 95 % interval is above 0, so that something can be divided by it."""
        return interval(self.draws, self.images).low > 0

    def interval(self, corrected: bool) -> Interval:
        """The 95 % interval, bias-corrected or not (`harness.analysis.inference.interval`)."""
        return interval(self.draws, self.images, estimate=self.value if corrected else None)


def mean(numbers: Sequence[BootstrapStatistic]) -> BootstrapStatistic:
    """The mean of one number or more."""
    value = math.fsum(number.value for number in numbers) / len(numbers)
    drawn = np.mean([number.draws for number in numbers], axis=0)
    return BootstrapStatistic(value, drawn, numbers[0].images)
