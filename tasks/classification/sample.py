"""The accuracy of classification for data sets drawn from the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Json, Sample

KEPT = 5
"""Predicted classes in a record, the surest first."""

Values = NDArray[np.float64]


class ClassificationSample(Sample):
    """Whether each image is right: accuracy in a draw is the weighted mean."""

    def __init__(
        self, images: Sequence[str], outcomes: Sequence[Json], names: Sequence[str]
    ) -> None:
        """Score.

        Args:
            images: image ids.
            outcomes: their ``label`` and ``top`` classes.
            names: the class names.
        """
        self.images = tuple(images)
        self._first = np.asarray([within(outcome, 1) for outcome in outcomes], np.float64)
        self._five = np.asarray([within(outcome, KEPT) for outcome in outcomes], np.float64)
        self._labels = np.asarray([outcome["label"] for outcome in outcomes], np.int64)
        self._names = tuple(names)

    def aggregate(self, weights: NDArray[np.int32]) -> dict[str, Values]:
        """Everything `tasks.classification.task.Classification.metrics` returns, for each draw.

        A class that a draw holds no image of is NaN there.
        """
        return {
            "top-1": _mean(weights, self._first),
            "top-5": _mean(weights, self._five),
            **{
                f"top-1/{self._names[k]}": _mean(
                    weights[:, self._labels == k], self._first[self._labels == k]
                )
                for k in np.unique(self._labels)
            },
        }

    def per_image(self) -> Values:
        """1 for an image whose class is the surest answer, 0 for the others."""
        return self._first


def _mean(weights: NDArray[np.int32], values: Values) -> Values:
    """The weighted means; NaN of nothing, and in the draws that hold a NaN."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean = (weights[:, known] @ values[known]) / weights.sum(axis=1)
    mean[weights[:, ~known].any(axis=1)] = np.nan
    return np.asarray(mean, np.float64)


def within(outcome: Json, count: int) -> float:
    """1 where the label is among the ``count`` surest, else 0; NaN where fewer are recorded."""
    top = outcome["top"]
    return float(outcome["label"] in top[:count]) if len(top) >= count else float("nan")
