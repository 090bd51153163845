"""Agreement: a vision task whose truth is the model's own answer on the uncompressed image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.plugins import DataSet, Json, Prediction, Record, Sample, Task, VisionModel


class Agreement(Task[Prediction]):
    """What the agreement tasks have in common; to be mixed in before the task they stand in for.

    The uncompressed images have 100 %, and a restorer has as much as the model's answers survive
    compression and restoration. Nothing is said of whether the answers are right.
    """

    version: ClassVar[str] = "1"
    agreement: ClassVar[str] = ""
    against_model: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._model_classes: tuple[str, ...] = ()

    def fit(self, model: VisionModel[Prediction], data_set: DataSet) -> None:
        """Take the model's classes: the data set's do not matter."""
        self._model_classes = tuple(model.classes)

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json:
        """The model's class names; what it answered is in the records."""
        return {"classes": list(self._model_classes)}

    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """Those of the task it stands in for, with ``agreement`` before every name."""
        figures = super().metrics(records, ground_truth)  # type: ignore[safe-super]
        return {f"agreement {name}": value for name, value in figures.items()}

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample:
        """That of the task it stands in for, with ``agreement`` before every name."""
        own_sample = super().sample(records, ground_truth)
        assert own_sample is not None, "the task it stands in for has one"
        return _Agreeing(own_sample)

    def truth_notes(self, records: Mapping[str, Record], ground_truth: Json | None) -> list[str]:
        """Nothing: there is no ground truth."""
        return []


class _Agreeing(Sample):
    """A sample whose metrics have ``agreement`` before their names."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self.images = sample.images

    def aggregate(self, weights: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
        """Those of the sample."""
        values = self._sample.aggregate(weights)
        return {f"agreement {name}": value for name, value in values.items()}

    def per_image(self) -> NDArray[np.float64]:
        """Those of the sample."""
        return self._sample.per_image()
