"""Confusion matrices: rows are the true class, columns the predicted one, entries pixels.

A matrix of n classes has n columns, or one more for what a model says that the data set has no
name for (*other*): wrong wherever the truth counts, and no class of its own in any mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import HarnessError
from harness.plugins import Json, Sample

IGNORED = 255
"""The mask value of pixels that do not count."""


def confusion(
    truth: NDArray[np.integer],
    prediction: NDArray[np.integer],
    classes: int,
    other: bool = False,
) -> NDArray[np.int64]:
    """Count pixels by true and predicted class.

    Args:
        truth: (height, width), any integers, class index in 0..classes-1, or 255 for pixels that
            do not count.
        prediction: (height, width), any integers, class index in 0..classes-1, everywhere;
            ``classes`` itself for *other*.
        classes: number of classes, background included; at most 255.
        other: whether *other* may be predicted.

    Returns:
        (classes, classes) pixel counts, or (classes, classes + 1).

    Raises:
        HarnessError: a class out of range, in either.
    """
    valid = truth != IGNORED
    counted = truth[valid]
    columns = classes + other
    for what, values, end in (("predicted", prediction, columns), ("true", counted, classes)):
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < end:
            wrong = int(values.min()) if int(values.min()) < 0 else int(values.max())
            raise HarnessError(
                f"the {what} class {wrong} is outside 0..{classes - 1}: "
                "segmenter and data set do not have the same classes."
            )
    pairs = counted.astype(np.int64) * columns + prediction[valid].astype(np.int64)
    return np.bincount(pairs, minlength=classes * columns).reshape(classes, columns)


def to_sparse(matrix: NDArray[np.int64]) -> Json:
    """``{"classes": n, "counts": [[true, predicted, pixels], ...]}``, without the zeros.

    *Other* is predicted class n.
    """
    counts = [[int(t), int(p), int(matrix[t, p])] for t, p in np.argwhere(matrix)]
    return {"classes": len(matrix), "counts": counts}


def merge(outcomes: Iterable[Json], classes: int) -> NDArray[np.int64]:
    """The sum of sparse matrices, (classes, classes), or (classes, classes + 1) with *other*.

    Raises:
        HarnessError: one has another number of classes.
    """
    total = np.zeros((classes, classes + 1), dtype=np.int64)
    for outcome in outcomes:
        _check(outcome, classes)
        for true, predicted, pixels in outcome["counts"]:
            total[true, predicted] += pixels
    return total if total[:, classes].any() else total[:, :classes]


class Pixels(NamedTuple):
    """Pixels by class, all that the figures need of a confusion matrix.

    Attributes:
        right: (..., classes) the diagonal.
        true: (..., classes) of the true class, the rows' sums.
        predicted: (..., classes) of the predicted class, the columns' sums without *other*.
    """

    right: NDArray[np.number]
    true: NDArray[np.number]
    predicted: NDArray[np.number]


def by_image(outcomes: Sequence[Json], classes: int) -> Pixels:
    """The pixels of each image, (images, classes) int64.

    Raises:
        HarnessError: one has another number of classes.
    """
    right, true, predicted = (np.zeros((len(outcomes), classes), np.int64) for _ in range(3))
    for place, outcome in enumerate(outcomes):
        _check(outcome, classes)
        for row, column, pixels in outcome["counts"]:
            true[place, row] += pixels
            if column < classes:
                predicted[place, column] += pixels
            if row == column:
                right[place, row] += pixels
    return Pixels(right, true, predicted)


def figures(matrix: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Accuracy and intersection over union of one matrix, as `iou_and_accuracy`.

    Args:
        matrix: (n, n) pixel counts over the whole data set, or (n, n + 1) with *other*.
        names: the n class names.
    """
    pixels = Pixels(np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)[: len(matrix)])
    return {name: float(value) for name, value in iou_and_accuracy(pixels, names).items()}


def iou_and_accuracy(pixels: Pixels, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Accuracy and intersection over union (Everingham et al., PASCAL VOC, 2010, eq. 3).

    Args:
        pixels: (..., classes) counts.
        names: the class names.

    Returns:
        ``mIoU``, ``aAcc`` (share of pixels right), ``mAcc`` (mean recall) and ``IoU/<name>``,
        (...,) fractions in 0..1. A class neither there nor predicted has IoU NaN and is left out
        of the mean; one predicted but not there has IoU 0 and is in it, as in mmsegmentation.
    """
    right, true, predicted = pixels
    iou = _ratio(right, true + predicted - right)
    return {
        "mIoU": _mean(iou),
        "aAcc": _ratio(right.sum(axis=-1), true.sum(axis=-1)),
        "mAcc": _mean(_ratio(right, true)),
        **{f"IoU/{name}": iou[..., k] for k, name in zip(range(iou.shape[-1]), names, strict=True)},
    }


def _check(outcome: Json, classes: int) -> None:
    if outcome["classes"] != classes:
        raise HarnessError(
            f"A record counts {outcome['classes']} classes where its data set has {classes}: "
            "records of different data sets are mixed; run again into an empty directory."
        )


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.true_divide(part, whole), dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


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

    def aggregate(self, weights: NDArray[np.int32]) -> dict[str, Values]:
        """Everything `tasks.segmentation.metric.confusion.figures` returns, for each draw."""
        # Whole numbers below 2^53: a product of floats is exact, and fast.
        draws = weights.astype(np.float64)
        drawn = Pixels(*(draws @ counts.astype(np.float64) for counts in self._pixels))
        return iou_and_accuracy(drawn, self._names)

    def per_image(self) -> Values:
        """The mIoU of every image alone, over the classes there or predicted in it."""
        return iou_and_accuracy(self._pixels, self._names)["mIoU"]
