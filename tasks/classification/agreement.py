"""Agreement in classification: the class of the uncompressed image, by the model, is the truth."""

from __future__ import annotations

from typing import ClassVar

from harness.errors import HarnessError
from harness.plugins import ClassScores, DataSet, Drawing, Json
from tasks.agreement import Agreement
from tasks.classification.task import Classification, class_name, drawn, surest


class ClassificationAgreement(Agreement[ClassScores], Classification):
    """Accuracy where the truth is the classifier's surest class of the uncompressed image."""

    name: ClassVar[str] = "classification-agreement"
    metric: ClassVar[str] = "agreement top-1"
    title: ClassVar[str] = (
        "Image classification, agreement with the model's own class of the uncompressed image, "
        "no ground truth (top-1 accuracy in %)"
    )
    displayed_metrics: ClassVar[tuple[str, ...]] = ("agreement top-1",)
    vision: ClassVar[str] = "classification"

    def outcome(self, prediction: ClassScores, data_set: DataSet, image_id: str) -> Json:
        """Not asked: see `compared`.

        Raises:
            HarnessError: always.
        """
        raise HarnessError(f"{self.name} compares two predictions, not one with a label.")

    def compared(self, prediction: ClassScores, reference: ClassScores, image_id: str) -> Json:
        """The reference's surest class as ``label`` and the prediction's ``top``, by place.

        Raises:
            HarnessError: one of them is no (classes,) array of scores.
        """
        count = len(self._model_classes)
        truth = surest(reference, count, image_id)[0]
        return {"label": truth, "top": surest(prediction, count, image_id)}

    def drawing(
        self,
        prediction: ClassScores | None,
        data_set: DataSet,
        image_id: str,
        reference: ClassScores | None = None,
    ) -> Drawing:
        """The surest class in words, right where it is the reference's."""
        names = self._model_classes
        true, said = (
            surest(answer, len(names), image_id)[0]
            for answer in (reference, reference if prediction is None else prediction)
        )
        return drawn(prediction, said == true, class_name(names, said), class_name(names, true))
