"""What the segmenters of other libraries have in common: a network, and a file of weights."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.plugins import RGB, ClassMap, Segmenter
from tasks.classes import VOC
from tasks.weights.published import PublishedModel, WeightsModel, weights_file

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

VOC_LABELS = ("background", *VOC)
"""The values of PASCAL VOC's masks."""

ARCHITECTURE = "1"
"""Bumped whenever the same weights could predict something else."""

CHECKPOINT = "a checkpoint"
"""What comes behind the colon, for messages."""


class SegmentationNetwork(Protocol):
    """A network with its weights, and its own way from pixels to pixels.

    Attributes:
        labels: what the values of its class maps mean.
    """

    labels: tuple[str, ...]

    def to(self, device: str) -> None:
        """Run on a device from now on."""
        ...

    def __call__(self, image: RGB) -> NDArray[np.uint8]:
        """The class map, (height, width), of an image, (height, width, 3) RGB."""
        ...


class LibrarySegmenter(WeightsModel[ClassMap], Segmenter):
    """A segmenter of another library with weights of the user's, fp32, batch 1.

    Args:
        weights: of the network.
    """

    libraries: ClassVar[tuple[str, ...]]
    """Distributions whose versions can change a prediction."""

    _network: SegmentationNetwork | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of its class map mean, as the weights say, value 0 first.

        Raises:
            UserError: see `prepare`.
        """
        return self._ready().labels

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, the network, its labels and the libraries' versions.

        Raises:
            UserError: see `prepare`: the labels may be in the weights.
        """
        labels = json.dumps(self.labels).encode()
        return {
            "weights": self._sha256,
            "architecture": self._architecture(),
            # Not always in the two above: a config may name the classes where its data are.
            "labels": hashlib.sha256(labels).hexdigest(),
            "library": ", ".join(f"{name} {version(name)}" for name in self.libraries),
            "precision": "fp32",
        }

    def place(self, device: str) -> str:
        """See `VisionModel.place`."""
        self._device = device
        if self._network is not None:
            self._network.to(device)
        return device

    def prepare(self) -> None:
        """Build the network and load its weights, once.

        Raises:
            UserError: they are missing, are not the file their card describes, or do not fit.
        """
        self._ready()

    def predict(self, image: RGB) -> NDArray[np.uint8]:
        """Class of every pixel, (height, width), index into `labels`.

        Args:
            image: RGB, (height, width, 3) uint8.

        Raises:
            UserError: see `prepare`.
            ImageError: the network's own resizing cannot be done on an image of this shape.
        """
        return self._ready()(image)

    @abstractmethod
    def _architecture(self) -> str:
        """What the weights are of, and how it predicts."""

    def _ready(self) -> SegmentationNetwork:
        if self._network is None:
            self._network = self._build(self._file)
            self._network.to(self._device)
            self.classes = foreground(self._network.labels)
        return self._network

    @abstractmethod
    def _build(self, weights: Path) -> SegmentationNetwork:
        """The network with the weights of a file.

        Raises:
            UserError: they are another network's.
        """


class PublishedSegmenter(PublishedModel[ClassMap], LibrarySegmenter):
    """A segmenter whose authors publish weights for PASCAL VOC's 21 labels.

    Args:
        weights: a file of the user's with weights of the same network, for any number of classes;
            the published ones by default.
    """

    classes = VOC

    @property
    def labels(self) -> tuple[str, ...]:
        """PASCAL VOC's, or what the user's own weights say; value 0 first.

        Raises:
            UserError: see `prepare`.
        """
        return VOC_LABELS if self._own is None else super().labels

    @classmethod
    def _named(cls, variant: str) -> Path:
        return weights_file(cls.name, variant, CHECKPOINT)

    def _architecture(self) -> str:
        return f"{type(self).name}-{ARCHITECTURE}"


def foreground(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels without a leading background."""
    named = [label.strip("_").lower() for label in labels[:1]]
    return labels[1:] if named == ["background"] else labels


def numbered(count: int) -> tuple[str, ...]:
    """Labels for weights that come without names."""
    return VOC_LABELS if count == len(VOC_LABELS) else tuple(f"class {i}" for i in range(count))
