"""Detection: boxes per image, box mAP by pycocotools over the data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UserError
from harness.plugins import DataSet, Detections, Drawing, Json, Record, Sample, Task, VisionModel
from tasks.classes import one_class_notes, places
from tasks.detection.truth_checks import check_truth

__all__ = ["Detection", "Detections"]

_NAMED = 5


class Detection(Task[Detections]):
    """COCO box detection: AP at IoU 0.50:0.95, as pycocotools computes it."""

    name: ClassVar[str] = "detection"
    metric: ClassVar[str] = "mAP"
    title: ClassVar[str] = "Object detection (box mAP in %)"
    displayed_metrics: ClassVar[tuple[str, ...]] = ("mAP",)
    version: ClassVar[str] = "1"
    agreement: ClassVar[str] = "detection-agreement"

    def __init__(self) -> None:
        # Category id by the model's label, -1 where the data set has no such class.
        self._categories: NDArray[np.int64] | None = None

    def fit(self, model: VisionModel[Detections], data_set: DataSet) -> None:
        """Match the model's classes with the data set's by name, for `outcome`.

        Without it, the model's labels are taken for category ids as they are.

        Raises:
            UserError: the data set has classes that the model does not know.
        """
        matches = places(data_set.classes, model.classes)
        missing = [name for k, name in enumerate(data_set.classes) if k not in matches]
        if missing:
            raise UserError(
                f"The detector {model.name} does not know {_counted(missing, data_set)}, so they "
                "would count as never found. Name a model that was trained for them, or leave "
                "them out of the annotations."
            )
        odd = [number for number in data_set.categories if not 0 <= number < 2**63]
        if odd:
            raise UserError(
                f"The data set {data_set.name} numbers {len(odd)} of its classes outside 0 to "
                f"2^63 - 1, {odd[0]} first, and such a box would be no class's: number them from 1."
            )
        self._categories = np.full(len(model.classes) + 1, -1, np.int64)
        for ours, theirs in matches.items():
            self._categories[theirs + 1] = data_set.categories[ours]

    def outcome(self, prediction: Detections, data_set: DataSet, image_id: str) -> Json:
        """What the detector found: ``boxes`` (xyxy pixels), ``scores`` and ``labels``.

        After `fit`, labels are the data set's category ids, and what the data set has no category
        for is dropped: nothing there could match it.

        Raises:
            HarnessError: the prediction is no `Detections`, or has a label that is no class.
        """
        if not isinstance(prediction, Detections):
            raise HarnessError(
                f"The detector answered image {image_id!r} with {type(prediction).__name__}; "
                "it must return tasks.detection.task.Detections."
            )
        if self._categories is None:
            return prediction.to_json()
        classes = len(self._categories) - 1
        wrong = prediction.labels[(prediction.labels < 1) | (prediction.labels > classes)]
        if len(wrong) and (wrong == -1).all():
            raise HarnessError(
                f"The detector answered image {image_id!r} with {len(wrong)} rows of the label -1, "
                "which look like padding: it must leave them out."
            )
        if len(wrong):
            raise HarnessError(
                f"The detector answered image {image_id!r} with the label {wrong[0]}; it names "
                f"{classes} classes, and labels count them from 1."
            )
        return prediction.relabelled(self._categories).to_json()

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json:
        """The annotations of ``ids`` in COCO instances format.

        Raises:
            UserError: see `tasks.detection.truth_checks.check_truth`.
        """
        truth = data_set.coco(ids)
        check_truth(data_set.name, truth)
        return truth

    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """The 12 COCO figures and ``AP/<class>`` over exactly the images of ``records``.

        Returns:
            mAP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl and one AP a class,
            fractions in 0..1; NaN where the images hold no annotation of that kind.

        Raises:
            HarnessError: there is no ground truth, or it lacks an image of ``records``.
        """
        from tasks.detection.metric.coco import evaluate

        if ground_truth is None:
            raise HarnessError("mAP needs the ground truth, and this run kept none: run it again.")
        return evaluate(
            {key: Detections.from_json(record.scored) for key, record in records.items()},
            ground_truth,
        )

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample:
        """Matches by pycocotools, to be accumulated for each draw.

        Raises:
            HarnessError: there is no ground truth, or it lacks an image of ``records``.
        """
        from tasks.detection.metric.sample import DetectionSample

        if ground_truth is None:
            raise HarnessError("mAP needs the ground truth, and this run kept none: run it again.")
        return DetectionSample(
            {key: Detections.from_json(record.scored) for key, record in records.items()},
            ground_truth,
        )

    def truth_notes(self, records: Mapping[str, Record], ground_truth: Json | None) -> list[str]:
        """Where the annotations hold one class alone."""
        if ground_truth is None:
            return []
        numbers = {i["id"] for i in ground_truth["images"] if i["harness_id"] in records}
        boxes = Counter(
            note["category_id"]
            for note in ground_truth["annotations"]
            if note["image_id"] in numbers and not note.get("iscrowd", 0)
        )
        truth = {one["name"]: boxes[one["id"]] for one in ground_truth["categories"]}
        return one_class_notes(truth, "the annotations", len(records))

    def drawing(
        self,
        prediction: Detections | None,
        data_set: DataSet,
        image_id: str,
        reference: Detections | None = None,
    ) -> Drawing:
        """Detections of a score of 0.5 or more, found or false, and the objects missed."""
        from tasks.detection.drawing import annotated_objects, drawn

        truth = data_set.coco([image_id])
        names = {category["id"]: category["name"] for category in truth["categories"]}
        if prediction is not None and self._categories is not None:
            prediction = prediction.relabelled(self._categories)
        return drawn(prediction, annotated_objects(truth), names)


def _counted(missing: Sequence[str], data_set: DataSet) -> str:
    names = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
    return f"{len(missing)} of the {len(data_set.classes)} classes of {data_set.name} ({names})"
