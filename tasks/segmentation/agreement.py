"""Agreement in segmentation: mIoU against the segmenter's own map of the uncompressed image."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.errors import HarnessError, UserError
from harness.plugins import ClassMap, DataSet, Drawing, Json, VisionModel
from tasks.agreement import Agreement
from tasks.segmentation.task import Segmentation, drawn


class SegmentationAgreement(Agreement[ClassMap], Segmentation):
    """mIoU where the truth is what the segmenter itself says of the uncompressed image."""

    name: ClassVar[str] = "segmentation-agreement"
    metric: ClassVar[str] = "agreement mIoU"
    title: ClassVar[str] = (
        "Semantic segmentation, agreement with the model's own map of the uncompressed images, "
        "no ground truth (mIoU in %)"
    )
    displayed_metrics: ClassVar[tuple[str, ...]] = ("agreement mIoU",)
    vision: ClassVar[str] = "segmentation"

    def fit(self, model: VisionModel[ClassMap], data_set: DataSet) -> None:
        """Take the model's labels: the data set's do not matter.

        Raises:
            UserError: there are so many that one of them would be 255, which counts as ignored.
        """
        from tasks.segmentation.metric.confusion import IGNORED

        labels = tuple(model.labels)
        if len(labels) > IGNORED:
            raise UserError(
                f"The model {model.name} has {len(labels)} labels, and agreement in segmentation "
                f"takes {IGNORED} at most, since {IGNORED} marks ignored pixels: choose a model "
                "of fewer."
            )
        self._model_classes = labels

    def compared(self, prediction: ClassMap, reference: ClassMap, image_id: str) -> Json:
        """The image's confusion counts, the reference's classes as the true ones.

        Raises:
            HarnessError: one of them is no class map, they differ in size, or hold a class the
                model does not name.
        """
        from tasks.segmentation.metric.confusion import confusion, to_sparse

        for answer in (prediction, reference):
            if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "iu":
                raise HarnessError(f"The segmenter answered image {image_id!r} with no class map.")
        if prediction.shape != reference.shape:
            raise HarnessError(f"The segmenter's maps of image {image_id!r} differ in size.")
        highest = int(reference.max(initial=0))
        if highest >= len(self._model_classes):  # 255 would count as ignored
            raise HarnessError(
                f"The segmenter answered image {image_id!r} with the class {highest}, and it "
                f"names {len(self._model_classes)}."
            )
        return to_sparse(confusion(reference, prediction, len(self._model_classes)))

    def drawing(
        self,
        prediction: ClassMap | None,
        data_set: DataSet,
        image_id: str,
        reference: ClassMap | None = None,
    ) -> Drawing:
        """The class map, right where it is the reference's."""
        return drawn(prediction, np.asarray(reference, np.uint8), self._model_classes)
