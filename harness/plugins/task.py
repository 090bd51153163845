"""What a task is: a per-image outcome, and the metrics of many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Generic

import numpy as np
from numpy.typing import NDArray

from harness.assets.switches import REFERENCE_METRICS, switched_on
from harness.plugins.dataset import DataSet
from harness.plugins.drawing import Drawing
from harness.plugins.record import Record
from harness.plugins.types import Json, Prediction
from harness.plugins.vision_model import VisionModel


def reference_metrics() -> bool:
    """Whether tasks are to score by the reference implementation of their metric.

    A task that has a faster one, which tests hold to the same figures, takes it otherwise.
    """
    return switched_on(REFERENCE_METRICS)


class Sample(ABC):
    """What each image of a cell contributes to its metrics, ready to be aggregated again and again.

    Made once from the records (`Task.sample`); the bootstrap then asks for the metrics of
    thousands of data sets drawn from the same images.

    Attributes:
        images: image ids, in the order of the columns of weights, which is that of the records.
    """

    images: tuple[str, ...]

    @abstractmethod
    def aggregate(self, weights: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
        """The metrics of data sets that hold each image as often as ``weights`` says.

        Args:
            weights: (draws, images) counts, 0 and more.

        Returns:
            Metric name to (draws,) values, the same names and, for a row of ones, the same values
            as `Task.metrics`; NaN where undefined.
        """

    @abstractmethod
    def per_image(self) -> NDArray[np.float64]:
        """The task's headline metric of every image alone, (images,); NaN where undefined."""


class Task(ABC, Generic[Prediction]):
    """A metric and how to get at it: per-image outcome first, then an aggregate over records.

    Generic in what its vision models predict: ``class Detection(Task[Detections])``. What has a
    default is named with it.

    Attributes:
        name: registry name.
        metric: the headline metric, a key of what `metrics` returns.
        title: what tables call the task.
        displayed_metrics: those a table shows; the rest with ``--detail``.
        digits: decimals printed, by metric; metrics not named, by default all, are fractions
            printed in percent.
        unranked: metrics of which more is not better; none by default.
        version: bumped whenever a number can change.
        needs_model: whether a vision model runs at all: True, but for ``fidelity``.
        scores_reference: whether the uncompressed image itself is scored: True, but for
            ``fidelity``, which compares with it.
        vision: the task whose models it runs; by default its own name.
        agreement: the task that stands in for it on a data set without ground truth; by default
            none does.
        against_model: whether the truth is the model's own prediction on the uncompressed image,
            so that `compared` is asked instead of `outcome`; False by default.
    """

    name: ClassVar[str] = ""
    metric: ClassVar[str] = ""
    title: ClassVar[str] = ""
    displayed_metrics: ClassVar[tuple[str, ...]] = ()
    digits: ClassVar[Mapping[str, int]] = MappingProxyType({})
    unranked: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str] = ""
    needs_model: ClassVar[bool] = True
    scores_reference: ClassVar[bool] = True
    vision: ClassVar[str] = ""
    agreement: ClassVar[str] = ""
    against_model: ClassVar[bool] = False

    def fit(self, model: VisionModel[Prediction], data_set: DataSet) -> None:
        """Match the model's classes with the data set's by name, before any image is touched.

        Raises:
            UserError: the data set has classes the model does not know.
        """

    @abstractmethod
    def outcome(self, prediction: Prediction, data_set: DataSet, image_id: str) -> Json:
        """What one image leaves in its record: boxes, or confusion counts."""

    def compared(self, prediction: Prediction, reference: Prediction, image_id: str) -> Json:
        """What one image leaves in its record when the model's own prediction is the truth."""
        raise NotImplementedError(f"{self.name} needs ground truth")

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json | None:
        """What `metrics` needs besides the records, kept in the run directory; None: nothing."""
        return None

    @abstractmethod
    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """Aggregate the records of images that did not fail, by id.

        Returns:
            Metric name to value, fractions in 0..1 (dB for PSNR); NaN where undefined.
        """

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample | None:
        """What `metrics` is given, ready for resampling; None: no intervals for this task."""
        return None

    def truth_notes(
        self, records: Mapping[str, Record], ground_truth: Json | None
    ) -> Sequence[str]:
        """What a reader must know of the ground truth of these images; by default nothing.

        Args:
            records: as those of `metrics`.
            ground_truth: likewise.
        """
        return ()

    def drawing(
        self,
        prediction: Prediction | None,
        data_set: DataSet,
        image_id: str,
        reference: Prediction | None = None,
    ) -> Drawing:
        """What to draw of a prediction, right and wrong told apart; by default nothing.

        Args:
            prediction: what the vision model returned; None draws the ground truth itself.
            data_set: has the ground truth.
            image_id: the image.
            reference: the model's prediction on the uncompressed image, where that is the truth.
        """
        return Drawing()
