"""What a vision model is: an RGB image in, a prediction out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Generic

from harness.assets.cards import Card, read_card
from harness.errors import UserError
from harness.plugins.dataset import DataSet
from harness.plugins.expected import Expected, published_score
from harness.plugins.predictions import Detections
from harness.plugins.types import RGB, ClassMap, ClassScores, Prediction


class VisionModel(ABC, Generic[Prediction]):
    """RGB in, prediction out. Preprocessing is its own. See `Detector`, `Segmenter`, `Classifier`.

    A named model is made by ``make(variant)``; one that is opened by path, by a
    `VisionModelFormat`.

    Attributes:
        name: what tables print: the registry name, with the variant if there is one.
        task: name of its task.
        classes: class names; a data set's are matched with them by name. None unless it says.
        card: the card it was opened from, whose ``url`` ``harness fetch`` asks; None unless it
            says.
        thread_safe: its author promises that several images at a time give what one at a time
            gives. One that does not say so is tried before its first image, where there are
            several workers.
    """

    name: str = ""
    task: ClassVar[str] = ""
    classes: tuple[str, ...] = ()
    card: Card | None = None
    thread_safe: bool = False

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

    def place(self, device: str) -> str:
        """Run on a device from now on, as far as it can: by default on the CPU, whatever is asked.

        Called before `prepare`. Images and predictions are on the CPU all the same.

        Args:
            device: as torch names it: ``cpu``, ``cuda:0``, ``mps``.

        Returns:
            Where it runs: ``device``, or ``cpu``.
        """
        return "cpu"

    def prepare(self) -> None:
        """Load and check the weights, before any image is touched.

        Raises:
            UserError: they are missing, or are not the file their card names.
        """

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """Everything that can change a prediction: weights' sha256, version, precision..."""

    @classmethod
    def cards(cls) -> list[Path]:
        """The cards of its weights, for ``harness show`` and ``fetch``; none by default."""
        return []

    @abstractmethod
    def predict(self, image: RGB) -> Prediction:
        """The prediction for one image, in the original image's pixel coordinates.

        Called from several threads at once. What it is: see `Detector`, `Segmenter` and
        `Classifier`; whatever the task understands, for a task of one's own.

        Args:
            image: (height, width, 3) uint8 RGB.
        """


class Detector(VisionModel[Detections]):
    """A vision model whose prediction is `Detections`, labels counting `classes` from 1."""

    task: ClassVar[str] = "detection"


class Segmenter(VisionModel[ClassMap]):
    """A vision model whose prediction is a `ClassMap`: (height, width), index into `labels`."""

    task: ClassVar[str] = "segmentation"


class Classifier(VisionModel[ClassScores]):
    """A vision model whose prediction is `ClassScores`: (classes,), one score a class."""

    task: ClassVar[str] = "classification"


class VisionModelFormat(ABC):
    """A kind of file that is a vision model by path: ``--model path/to/it``.

    Declared under the entry-point group ``harness.model_formats``; the kinds are asked in the
    order of their names.
    """

    @classmethod
    @abstractmethod
    def accepts(cls, path: Path) -> bool:
        """Whether a file is of this kind, or ``path`` a name that the kind knows; a look, no more.

        Args:
            path: what the user gave; there need not be such a file.
        """

    @classmethod
    @abstractmethod
    def open(cls, path: Path, variant: str | None = None) -> VisionModel:
        """The vision model of a path that `accepts` accepts.

        Args:
            path: of the file.
            variant: what stands behind the colon, such as the weights of a config.

        Raises:
            UserError: the file is damaged, or the variant missing or unknown.
        """
