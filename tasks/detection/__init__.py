"""Detection: boxes per image, box mAP by pycocotools over the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.errors import HarnessError
from tasks.base import DataSet, Json, Task
from tasks.detection.predictions import Detections

__all__ = ["Detection", "Detections"]


class Detection(Task):
    """COCO box detection: AP at IoU 0.50:0.95, as pycocotools computes it."""

    name: ClassVar[str] = "detection"
    metric: ClassVar[str] = "mAP"
    title: ClassVar[str] = "Object detection (box mAP in %)"
    shown: ClassVar[tuple[str, ...]] = ("mAP",)
    version: ClassVar[str] = "1"

    def outcome(self, prediction: Any, data_set: DataSet, image_id: str) -> Json:
        """What the detector found: ``boxes`` (xyxy pixels), ``scores`` and ``labels``.

        Raises:
            HarnessError: the prediction is no `Detections`.
        """
        if not isinstance(prediction, Detections):
            raise HarnessError(
                f"The detector answered image {image_id!r} with {type(prediction).__name__}; "
                "it must return tasks.detection.Detections."
            )
        return prediction.to_json()

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json:
        """The annotations of ``ids`` in COCO instances format."""
        return data_set.coco(ids)

    def metrics(self, records: Mapping[str, Json], ground_truth: Json | None) -> dict[str, float]:
        """The 12 COCO figures and ``AP/<class>`` over exactly the images of ``records``.

        Returns:
            mAP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl and one AP a class,
            fractions in 0..1; NaN where the images hold no annotation of that kind.

        Raises:
            HarnessError: there is no ground truth, or it lacks an image of ``records``.
        """
        from tasks.detection.coco_metric import evaluate

        if ground_truth is None:
            raise HarnessError("mAP needs the ground truth, and this run kept none: run it again.")
        return evaluate(
            {key: Detections.from_json(record["outcome"]) for key, record in records.items()},
            ground_truth,
        )
