"""Agreement in detection: box AP against the detector's own boxes on the uncompressed images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from harness.errors import HarnessError
from harness.plugins import DataSet, Detections, Drawing, Json, Record, Sample
from tasks.agreement import Agreement
from tasks.datasets.coco.schema import (
    CocoAnnotation,
    CocoImage,
    coco_json,
    numbered_categories,
)
from tasks.detection.task import Detection

SURE = 0.5
"""The score from which a box on the uncompressed image counts as an object to be found."""


class DetectionAgreement(Agreement[Detections], Detection):
    """COCO box AP where the truth is what the detector itself finds on the uncompressed image.

    Boxes of a score of `SURE` or more count as objects.
    """

    name: ClassVar[str] = "detection-agreement"
    metric: ClassVar[str] = "agreement mAP"
    title: ClassVar[str] = (
        "Object detection, agreement with the model's own boxes on the uncompressed images, "
        "no ground truth (box mAP in %)"
    )
    displayed_metrics: ClassVar[tuple[str, ...]] = ("agreement mAP",)
    vision: ClassVar[str] = "detection"

    def compared(self, prediction: Detections, reference: Detections, image_id: str) -> Json:
        """The boxes found, and under ``reference`` those of the uncompressed image to be found.

        Raises:
            HarnessError: one of them is no `Detections`.
        """
        answer, truth = (_checked(part, image_id) for part in (prediction, reference))
        sure = truth.scores >= SURE
        objects = Detections(truth.boxes[sure], truth.scores[sure], truth.labels[sure])
        return {**answer.to_json(), "reference": objects.to_json()}

    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """`Detection.metrics` with ``agreement`` before every name."""
        names = (ground_truth or {}).get("classes", [])
        return super().metrics(records, _as_coco(records, names))

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample:
        """`Detection.sample` with ``agreement`` before every name."""
        names = (ground_truth or {}).get("classes", [])
        return super().sample(records, _as_coco(records, names))

    def drawing(
        self,
        prediction: Detections | None,
        data_set: DataSet,
        image_id: str,
        reference: Detections | None = None,
    ) -> Drawing:
        """As in detection, the objects being the reference's boxes of a score of `SURE` or more."""
        from tasks.detection.drawing import Objects, drawn

        truth = _checked(reference, image_id)
        sure = truth.scores >= SURE
        boxes = truth.boxes[sure].astype(np.float64)
        objects = Objects(boxes, truth.labels[sure], np.zeros(len(boxes), np.bool_))
        return drawn(prediction, objects, dict(enumerate(self._model_classes, start=1)))


def _checked(prediction: object, image_id: str) -> Detections:
    if not isinstance(prediction, Detections):
        raise HarnessError(
            f"The detector answered image {image_id!r} with {type(prediction).__name__}; "
            "it must return tasks.detection.task.Detections."
        )
    return prediction


def _as_coco(records: Mapping[str, Record], names: Sequence[str]) -> Json:
    """The reference boxes of the records in COCO instances format."""
    images: list[CocoImage] = []
    annotations: list[CocoAnnotation] = []
    for number, (image, record) in enumerate(records.items(), start=1):
        images.append(CocoImage(id=number, file_name="", width=0, height=0, harness_id=image))
        reference = record.scored["reference"]
        for (x0, y0, x1, y1), label in zip(reference["boxes"], reference["labels"], strict=True):
            width, height = x1 - x0, y1 - y0
            annotations.append(
                CocoAnnotation(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=label,
                    bbox=[x0, y0, width, height],
                    area=width * height,
                    iscrowd=0,
                )
            )
    return coco_json(images, annotations, numbered_categories(names))
