"""What a task is: a data set, a vision model and a metric, each behind a small interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

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

    Attributes:
        name: what tables print.
        tasks: names of the tasks it has ground truth for.
        classes: class names. For detection, category id ``i`` is ``classes[i - 1]``;
            for segmentation, index 0 is background and ``classes[i - 1]`` is index ``i``.
        notice: a sentence the user must read before the numbers, or nothing.
        default_models: the vision model of each task when the user names none.
    """

    name: str
    tasks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notice: str = ""
    default_models: Mapping[str, str] = MappingProxyType({})

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
        """Segmentation ground truth: (height, width), class index, 255 = ignored."""
        raise NotImplementedError(f"{self.name} has no masks")


class VisionModel(ABC):
    """A detector or a segmenter: RGB image in, prediction out. Preprocessing is its own.

    Attributes:
        name: registry name.
        task: name of its task.
        classes: class names, as the data set must have them.
    """

    name: str
    task: ClassVar[str]
    classes: tuple[str, ...] = ()

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

        Detection: ``tasks.detection.Detections``. Segmentation: (height, width) uint8 class map.
        """


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

    @abstractmethod
    def outcome(self, prediction: Any, data_set: DataSet, image_id: str) -> Json:
        """What one image leaves in its record: boxes, or confusion counts."""

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json | None:
        """What `metrics` needs besides the records; kept in the run directory."""
        return None

    @abstractmethod
    def metrics(self, records: Mapping[str, Json], ground_truth: Json | None) -> dict[str, float]:
        """Aggregate ``image id -> record`` (keys ``outcome``, ``fidelity``, ``bpp``).

        Returns:
            Metric name to value, fractions in 0..1 (dB for PSNR); NaN where undefined.
        """
