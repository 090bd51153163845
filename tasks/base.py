"""What a task is: a data set, a vision model and a metric, each behind a small interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.assets import Download, read_card
from harness.errors import UserError
from tasks.expected import Expected, published_score

RGB = NDArray[np.uint8]
"""An image: (height, width, 3), uint8, RGB, 0..255."""

Json = dict[str, Any]
"""A JSON-serialisable mapping."""


@dataclass(frozen=True)
class ImageRef:
    """One image of a data set.

    Attributes:
        id: unique within the data set, stable over time; names the image in records.
        path: the file the harness reads (never read by the data set itself).
    """

    id: str
    path: Path


class DataSet(ABC):
    """Images and what is known about them.

    A named data set is made without arguments. One that is opened by path (a *format*) is a class
    with ``accepts(path, options)`` and ``__init__(path, **options)``, where ``options`` are those
    of the study's ``images``, ``masks``, ``classes`` and ``split`` that the user gave.

    Attributes:
        name: what tables print.
        tasks: names of the tasks it has ground truth for.
        classes: class names, in the order of `categories`.
        notice: a sentence the user must read before the numbers, or nothing.
        default_models: the vision model of each task when the user names none.
        options: the options a format takes, of ``images``, ``masks``, ``classes``, ``split``.
    """

    name: str
    tasks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notice: str = ""
    default_models: Mapping[str, str] = MappingProxyType({})
    options: ClassVar[tuple[str, ...]] = ()

    @property
    def categories(self) -> tuple[int, ...]:
        """The category ids of `classes` in `coco`; 1, 2, … unless a data set has its own."""
        return tuple(range(1, len(self.classes) + 1))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of `mask` mean, value 0 first."""
        return ("background", *self.classes)

    @classmethod
    def prepared(cls) -> bool:
        """Whether it is on this machine, whole; the data set ``auto`` asks."""
        return True

    @classmethod
    def downloads(cls, limit: int | None = None) -> Iterator[Download]:
        """What ``harness fetch`` brings, in order, each asked for when the last one is here.

        Args:
            limit: only the first images, if the data set can be had in parts.

        Raises:
            UserError: it cannot be had in parts.
        """
        yield from ()

    @abstractmethod
    def images(self) -> Sequence[ImageRef]:
        """All images, always in the same order."""

    @abstractmethod
    def fingerprint(self) -> dict[str, str]:
        """What identifies the data (version, hash of the annotations...)."""

    def coco(self, ids: Sequence[str]) -> Json:
        """Detection ground truth of ``ids`` in COCO instances format.

        Every image entry has ``id`` (int), ``file_name``, ``width``, ``height`` and
        ``harness_id`` (our string id). Annotations need no segmentation.
        """
        raise NotImplementedError(f"{self.name} has no boxes")

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """Segmentation ground truth: (height, width), index into `labels`, 255 = ignored."""
        raise NotImplementedError(f"{self.name} has no masks")

    def label(self, image_id: str) -> int:
        """Classification ground truth: index into `classes`, from 0."""
        raise NotImplementedError(f"{self.name} has no class of an image")


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

        Detection: ``tasks.detection.Detections``, labels counting `classes` from 1.
        Segmentation: (height, width) uint8 or int64 class map, index into `labels`.
        Classification: (classes,) float array of scores, more is surer.
        """


class Sample(ABC):
    """What each image of a cell contributes to its metrics, ready to be aggregated again and again.

    Made once from the records (`Task.sample`); the bootstrap then asks for the metrics of
    thousands of data sets drawn from the same images.

    Attributes:
        images: image ids, in the order of the columns of weights, which is that of the records.
    """

    images: tuple[str, ...]

    @abstractmethod
    def figures(self, weights: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
        """The metrics of data sets that hold each image as often as ``weights`` says.

        Args:
            weights: (draws, images) counts, 0 and more.

        Returns:
            Metric name to (draws,) values, the same names and, for a row of ones, the same values
            as `Task.metrics`; NaN where undefined.
        """

    @abstractmethod
    def each(self) -> NDArray[np.float64]:
        """The task's headline metric of every image alone, (images,); NaN where undefined."""


@dataclass(frozen=True)
class MarkedBox:
    """A box to be drawn on a picture.

    Attributes:
        box: x1, y1, x2, y2 in pixels.
        kind: ``found`` (right), ``missed`` (an annotation nothing was found for) or ``false``.
        label: class name.
        score: of a detection; None for an annotation.
    """

    box: tuple[float, float, float, float]
    kind: str
    label: str
    score: float | None = None


@dataclass(frozen=True)
class Drawing:
    """What a vision model said of one image, in a form that can be drawn without knowing the task.

    Attributes:
        boxes: to be drawn.
        class_map: (height, width) uint8 index into ``names``, or None; 255: not counted.
        names: of the values of ``class_map``.
        caption: one line in words, such as the class and whether it is right.
    """

    boxes: tuple[MarkedBox, ...] = ()
    class_map: NDArray[np.uint8] | None = None
    names: tuple[str, ...] = ()
    caption: str = ""


class Task(ABC):
    """A metric and how to get at it: per-image outcome first, then an aggregate over records.

    Attributes:
        name: registry name.
        metric: the headline metric, a key of what `metrics` returns.
        title: what tables call the task.
        shown: the metrics a table shows; the rest with ``--detail``.
        digits: decimals printed, by metric; metrics not named are fractions printed in percent.
        unranked: metrics of which more is not better.
        version: bumped whenever a number can change.
        needs_model: whether a vision model runs at all (not for ``fidelity``).
        scores_reference: whether the uncompressed image itself is scored (not for ``fidelity``,
            which compares with it).
        vision: the task whose models it runs, if not its own name.
        agreement: the task that stands in for it on a data set without ground truth.
        against_model: whether the truth is the model's own prediction on the uncompressed image,
            so that `compared` is asked instead of `outcome`.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    title: ClassVar[str]
    shown: ClassVar[tuple[str, ...]]
    digits: ClassVar[Mapping[str, int]] = MappingProxyType({})
    unranked: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str]
    needs_model: ClassVar[bool] = True
    scores_reference: ClassVar[bool] = True
    vision: ClassVar[str] = ""
    agreement: ClassVar[str] = ""
    against_model: ClassVar[bool] = False

    def fit(self, model: VisionModel, data_set: DataSet) -> None:  # noqa: B027 - fidelity has none
        """Match the model's classes with the data set's by name, before any image is touched.

        Raises:
            UserError: the data set has classes the model does not know.
        """

    @abstractmethod
    def outcome(self, prediction: Any, data_set: DataSet, image_id: str) -> Json:
        """What one image leaves in its record: boxes, or confusion counts."""

    def compared(self, prediction: Any, reference: Any, image_id: str) -> Json:
        """What one image leaves in its record when the model's own prediction is the truth."""
        raise NotImplementedError(f"{self.name} needs ground truth")

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json | None:
        """What `metrics` needs besides the records; kept in the run directory."""
        return None

    @abstractmethod
    def metrics(self, records: Mapping[str, Json], ground_truth: Json | None) -> dict[str, float]:
        """Aggregate ``image id -> record`` (keys ``outcome``, ``fidelity``, ``bpp``).

        Returns:
            Metric name to value, fractions in 0..1 (dB for PSNR); NaN where undefined.
        """

    def sample(self, records: Mapping[str, Json], ground_truth: Json | None) -> Sample | None:
        """What `metrics` is given, ready for resampling; None: no intervals for this task."""
        return None

    def drawing(
        self, prediction: Any, data_set: DataSet, image_id: str, reference: Any = None
    ) -> Drawing:
        """What to draw of a prediction on its image, right and wrong told apart.

        Args:
            prediction: what the vision model returned; None draws the ground truth itself.
            data_set: has the ground truth.
            image_id: the image.
            reference: the model's prediction on the uncompressed image, where that is the truth.
        """
        return Drawing()
