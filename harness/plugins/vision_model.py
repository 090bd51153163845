"""What a vision model is: an RGB image in, a prediction out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from harness.assets.cards import read_card
from harness.errors import UserError
from harness.plugins.dataset import DataSet
from harness.plugins.expected import Expected, published_score
from harness.plugins.types import RGB


class VisionModel(ABC):
    """A detector, a segmenter or a classifier: RGB in, prediction out. Preprocessing is its own.

    A named model is made by ``make(variant)``. One that is opened by path is made by a class with
    ``accepts(path)`` and ``open(path)``, declared under ``harness.model_formats``.

    Attributes:
        name: what tables print: the registry name, with the variant if there is one.
        task: name of its task.
        classes: class names; a data set's are matched with them by name.
    """

    name: str
    task: ClassVar[str]
    classes: tuple[str, ...] = ()

    @classmethod
    def make(cls, variant: str | None = None) -> VisionModel:
        """The model of ``NAME`` or ``NAME:VARIANT``.

        Raises:
            UserError: there is no such variant.
        """
        if variant is not None:
            raise UserError(f"The model {cls.name} has no variants, so not '{variant}'.")
        return cls()

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of a segmenter's class map mean, value 0 first."""
        return ("background", *self.classes)

    def expected(self, data_set: DataSet, metric: str) -> Expected | None:
        """What the model scores on the uncompressed images, if its cards say so."""
        scores = (published_score(read_card(card), data_set, metric) for card in self.cards())
        return next((score for score in scores if score is not None), None)

    def prepare(self) -> None:  # noqa: B027 - a model without weights has nothing to do
        """Load and check the weights, before any image is touched.

        Raises:
            UserError: they are missing, or are not the file their card names.
        """

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """Everything that can change a prediction: weights' sha256, version, precision..."""

    @classmethod
    def cards(cls) -> list[Path]:
        """The cards of the weights it ships, for ``harness show``."""
        return []

    @abstractmethod
    def predict(self, image: RGB) -> Any:
        """The prediction for one image, in the original image's pixel coordinates.

        Called from several threads at once.

        Detection: ``tasks.detection.task.Detections``, labels counting `classes` from 1.
        Segmentation: (height, width) uint8 or int64 class map, index into `labels`.
        Classification: (classes,) float array of scores, more is surer.
        """
