"""Segmentation: a class map per image, mIoU from one confusion matrix over the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from harness.errors import HarnessError, UserError
from tasks.base import DataSet, Json, Task

__all__ = ["Segmentation"]


class Segmentation(Task):
    """Semantic segmentation: intersection over union per class, mean over the classes met."""

    name: ClassVar[str] = "segmentation"
    metric: ClassVar[str] = "mIoU"
    title: ClassVar[str] = "Semantic segmentation (mIoU in %)"
    shown: ClassVar[tuple[str, ...]] = ("mIoU",)
    version: ClassVar[str] = "1"

    def outcome(self, prediction: Any, data_set: DataSet, image_id: str) -> Json:
        """The image's confusion counts, sparse: ``classes`` and ``counts`` [true, pred, pixels].

        Args:
            prediction: (height, width) class map, an integer array; 0 is background.
            data_set: gives the mask, 255 = ignored, and the number of classes.
            image_id: the image.

        Raises:
            UserError: prediction and mask differ in size.
            HarnessError: the prediction or the mask holds a class the data set does not have.
        """
        from tasks.segmentation.confusion import confusion, to_sparse

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
            matrix = confusion(truth, prediction, len(data_set.classes) + 1)
        except HarnessError as error:
            raise HarnessError(f"Image {image_id!r} of {data_set.name}: {error}") from error
        return to_sparse(matrix)

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json:
        """The class names, background first; the pixels are in the records already."""
        return {"classes": ["background", *data_set.classes]}

    def metrics(self, records: Mapping[str, Json], ground_truth: Json | None) -> dict[str, float]:
        """mIoU, aAcc, mAcc and ``IoU/<class>`` of all images' counts together.

        Returns:
            Fractions in 0..1; NaN where nothing was counted.

        Raises:
            HarnessError: the records are not of the data set the class names are of.
        """
        from tasks.segmentation.confusion import figures, merge

        if ground_truth is None:
            raise HarnessError("mIoU needs the class names, and this run kept none: run it again.")
        names: list[str] = ground_truth["classes"]
        return figures(merge((r["outcome"] for r in records.values()), len(names)), names)


def _size(shape: tuple[int, ...]) -> str:
    # Width first, as people say image sizes; anything but two axes is shown as it is.
    return f"{shape[1]}×{shape[0]}" if len(shape) == 2 else str(shape)
