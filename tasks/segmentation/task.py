"""Segmentation: a class map per image, mIoU from one confusion matrix over the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.errors import HarnessError, UserError
from harness.plugins import ClassMap, DataSet, Drawing, Json, Record, Sample, Task, VisionModel
from tasks.classes import one_class_notes
from tasks.segmentation.metric.confusion import IGNORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Segmentation"]

OTHER = "other"
"""What the segmenter says and the data set has no name for."""


class Segmentation(Task[ClassMap]):
    """Semantic segmentation: intersection over union per class, mean over the classes met."""

    name: ClassVar[str] = "segmentation"
    metric: ClassVar[str] = "mIoU"
    title: ClassVar[str] = "Semantic segmentation (mIoU in %)"
    displayed_metrics: ClassVar[tuple[str, ...]] = ("mIoU",)
    version: ClassVar[str] = "1"
    agreement: ClassVar[str] = "segmentation-agreement"

    def __init__(self) -> None:
        self._labels: tuple[str, ...] | None = None
        self._places: NDArray[np.int64] | None = None

    def fit(self, model: VisionModel[ClassMap], data_set: DataSet) -> None:
        """Match the values of the model's class map with those of the masks, by label.

        What the model may say and the data set has no name for becomes *other*, which is wrong
        wherever the truth counts. Masks without names (``data_set.named`` is False) take the
        model's.

        Args:
            model: its `labels` count.
            data_set: with ``named`` False it has ``highest``, the largest value of its masks.

        Raises:
            UserError: the data set has classes the model does not know.
        """
        from tasks.segmentation.labels import check_count, label_indices

        if data_set.named:
            self._labels = None
            self._places = label_indices(model, data_set)
        else:
            check_count(model, data_set)
            self._labels = tuple(model.labels)
            self._places = None

    def outcome(self, prediction: ClassMap, data_set: DataSet, image_id: str) -> Json:
        """The image's confusion counts, sparse: ``classes`` and ``counts`` [true, pred, pixels].

        Args:
            prediction: (height, width) class map, an integer array, index into the labels of the
                model that was fitted (without one, into the data set's).
            data_set: gives the mask, 255 = ignored, and the number of classes.
            image_id: the image.

        Raises:
            UserError: prediction and mask differ in size.
            HarnessError: the prediction or the mask holds a class the data set does not have.
        """
        from tasks.segmentation.labels import placed_at
        from tasks.segmentation.metric.confusion import confusion, to_sparse

        if not isinstance(prediction, np.ndarray) or prediction.dtype.kind not in "iu":
            raise HarnessError(
                f"The segmenter answered image {image_id!r} with no integer array: "
                "it must return a (height, width) uint8 class map."
            )
        truth = data_set.mask(image_id)
        if prediction.shape != truth.shape:
            raise UserError(
                f"The prediction for image {image_id!r} is {_size(prediction.shape)} pixels and "
                f"its mask in {data_set.name} is {_size(truth.shape)}: "
                "use the mask of that very image, and a segmenter that keeps the size."
            )
        try:
            if self._places is None:
                matrix = confusion(truth, prediction, len(self._names(data_set)))
            else:
                placed = placed_at(self._places, prediction)
                matrix = confusion(truth, placed, len(self._names(data_set)), other=True)
        except HarnessError as error:
            raise HarnessError(f"Image {image_id!r} of {data_set.name}: {error}") from error
        return to_sparse(matrix)

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json:
        """The class names, value 0 first; the pixels are in the records already."""
        return {"classes": list(self._names(data_set))}

    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """mIoU, aAcc, mAcc and ``IoU/<class>`` of all images' counts together.

        Returns:
            Fractions in 0..1; NaN where nothing was counted.

        Raises:
            HarnessError: the records are not of the data set the class names are of.
        """
        from tasks.segmentation.metric.confusion import figures, merge

        if ground_truth is None:
            raise HarnessError("mIoU needs the class names, and this run kept none: run it again.")
        names: list[str] = ground_truth["classes"]
        return figures(merge((r.scored for r in records.values()), len(names)), names)

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample:
        """The pixels of each image by class.

        Raises:
            HarnessError: the records are not of the data set the class names are of.
        """
        from tasks.segmentation.metric.confusion import SegmentationSample

        if ground_truth is None:
            raise HarnessError("mIoU needs the class names, and this run kept none: run it again.")
        outcomes = [record.scored for record in records.values()]
        return SegmentationSample(list(records), outcomes, ground_truth["classes"])

    def truth_notes(self, records: Mapping[str, Record], ground_truth: Json | None) -> list[str]:
        """Where the masks hold one class alone, and how many of their pixels are not counted."""
        if ground_truth is None:
            return []
        names: list[str] = ground_truth["classes"]
        pixels = dict.fromkeys(names, 0)
        for record in records.values():
            for true, _, count in record.scored["counts"]:
                pixels[names[true]] += count
        notes = one_class_notes(pixels, "the masks", len(records))
        total = sum((r.height or 0) * (r.width or 0) for r in records.values())
        ignored = total - sum(pixels.values())
        if notes and total and ignored:
            share = 100 * ignored / total
            notes[0] += f"; {share:.1f} % of the pixels have the value {IGNORED}, not counted"
        return notes

    def drawing(
        self,
        prediction: ClassMap | None,
        data_set: DataSet,
        image_id: str,
        reference: ClassMap | None = None,
    ) -> Drawing:
        """The class map in the data set's values, and how many pixels are right."""
        from tasks.segmentation.labels import placed_at

        if prediction is not None and self._places is not None:
            prediction = placed_at(self._places, prediction)
        return drawn(prediction, data_set.mask(image_id), self._names(data_set))

    def _names(self, data_set: DataSet) -> tuple[str, ...]:
        return data_set.labels if self._labels is None else self._labels


def _size(shape: tuple[int, ...]) -> str:
    # Width first, as people say image sizes; anything but two axes is shown as it is.
    return f"{shape[1]}×{shape[0]}" if len(shape) == 2 else str(shape)


def drawn(
    placed: NDArray[np.integer] | None, truth: NDArray[np.uint8], names: Sequence[str]
) -> Drawing:
    """The class map to draw and how much of it is right.

    Args:
        placed: (height, width) prediction, index into ``names``; ``len(names)`` and more are
            `OTHER`. None draws the truth.
        truth: (height, width) index into ``names``; what is `IGNORED` there is so in the drawing.
        names: class names, value 0 first.
    """
    if placed is None:
        return Drawing(class_map=truth, names=tuple(names), caption="the ground truth")
    counted = truth != IGNORED
    # 255 is taken: beyond 254 names there is no value left for OTHER, so the last name is it.
    shown = np.minimum(placed, min(len(names), IGNORED - 1)).astype(np.uint8)
    shown[~counted] = IGNORED
    total = int(counted.sum())
    right = int((placed == truth)[counted].sum())
    caption = f"{100 * right / total:.1f} % of pixels right" if total else "no pixel counts"
    return Drawing(class_map=shown, names=(*names, OTHER), caption=caption)
