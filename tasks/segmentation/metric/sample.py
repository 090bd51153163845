"""The figures of segmentation for data sets drawn from the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Json, Sample
from tasks.segmentation.metric.confusion import Pixels, by_image, iou_and_accuracy

Values = NDArray[np.float64]


class SegmentationSample(Sample):
    """The pixels of each image by class: the confusion matrix of a draw is their weighted sum."""

    def __init__(
        self, images: Sequence[str], outcomes: Sequence[Json], names: Sequence[str]
    ) -> None:
        """Count.

        Args:
            images: image ids.
            outcomes: their sparse matrices (`tasks.segmentation.metric.confusion.to_sparse`).
            names: the class names.

        Raises:
            HarnessError: a matrix has another number of classes.
        """
        self.images = tuple(images)
        self._pixels = by_image(outcomes, len(names))
        self._names = tuple(names)

    def figures(self, weights: NDArray[np.int32]) -> dict[str, Values]:
        """Everything `tasks.segmentation.metric.confusion.figures` returns, for each draw."""
        # Whole numbers below 2^53: a product of floats is exact, and fast.
        draws = weights.astype(np.float64)
        drawn = Pixels(*(draws @ one.astype(np.float64) for one in self._pixels))
        return iou_and_accuracy(drawn, self._names)

    def each(self) -> Values:
        """The mIoU of every image alone, over the classes there or predicted in it."""
        return iou_and_accuracy(self._pixels, self._names)["mIoU"]
