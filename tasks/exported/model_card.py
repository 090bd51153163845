"""Vision models in files: TorchScript, ONNX, each with a card (docs/guides/model_cards.md)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, ImageError, UserError
from harness.plugins import (
    RGB,
    Classifier,
    ClassMap,
    ClassScores,
    DataSet,
    Detections,
    Detector,
    Expected,
    Prediction,
    Segmenter,
    VisionModel,
    VisionModelFormat,
    published_score,
)

if TYPE_CHECKING:
    from tasks.exported.card import ModelFile
    from tasks.exported.geometry import Placement

SUFFIXES = (".onnx", ".pt", ".pth", ".ts", ".torchscript")
"""Files that a card describes; they are accepted alone too, to say that they need one."""

VERSION = "1"
"""Bumped whenever the same file and card can predict something else."""

# A config of detectron2, which is YAML too.
_CONFIG = re.compile(r"^(_BASE_|MODEL)\s*:", re.MULTILINE)


class ModelCard(VisionModel[Prediction], VisionModelFormat):
    """A network in a file, used as its card says.

    Args:
        path: of the card.
        card: what is in it.
    """

    def __init__(self, path: Path, card: Any) -> None:
        self.path = path
        self.card: Any = card
        self.name = card.name
        self.classes = card.classes
        self._network: Any = None
        self._weights: tuple[Path, str] | None = None
        self._loading = threading.Lock()
        self._device = "cpu"

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether a file is YAML, and no config of detectron2, or what a card describes."""
        if path.suffix.lower() in SUFFIXES:
            return True
        if path.suffix.lower() not in (".yaml", ".yml"):
            return False
        try:
            return not _CONFIG.search(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return True  # `open` says what is wrong with it

    @classmethod
    def open(cls, path: Path, variant: str | None = None) -> ModelCard:
        """The model of a card; its file is loaded by `prepare`.

        Raises:
            UserError: the card is not valid, or the file is a network without a card.
        """
        from tasks.exported.card import read_model_card

        if path.suffix.lower() in SUFFIXES:
            if not path.exists():
                raise UserError(f"There is no vision model at {path}: check the path.")
            raise UserError(
                f"{path} does not say what it takes and what it gives: write a card for it "
                "(docs/guides/model_cards.md) and name that, --model CARD.yaml. A checkpoint "
                "without its network runs with its config: CONFIG.py:CHECKPOINT.pth."
            )
        if variant is not None:
            raise UserError(f"The model card {path} has no variants, so not '{variant}'.")
        card = read_model_card(path)
        return _MODELS[card.task](path, card)

    def place(self, device: str) -> str:
        """See `VisionModel.place`; ONNX and quantised files stay on the CPU."""
        from tasks.exported.networks import KINDS

        if not KINDS[self.card.framework].runs_on(device, self.card):
            device = "cpu"
        with self._loading:
            if device != self._device:
                self._device, self._network = device, None
        return device

    def prepare(self) -> None:
        """Check and load the file, once.

        Raises:
            UserError: it is missing, another one than the card names, or does not fit the card;
                or what runs it is not installed.
        """
        from tasks.exported.networks import KINDS

        with self._loading:
            if self._network is None:
                path, _ = self._file()
                self._network = KINDS[self.card.framework](path, self.card, self._device)
            self._network.take_engine()

    def _file(self) -> tuple[Path, str]:
        from tasks.exported.card import checked_weights

        if self._weights is None:
            self._weights = checked_weights(self.path, self.card)
        return self._weights

    def fingerprint(self) -> dict[str, str]:
        """The file's sha256, all of the card that can change a number, and the libraries."""
        from tasks.exported.networks import libraries

        card: ModelFile = self.card
        names = json.dumps(card.classes).encode()
        return {
            "weights": self._file()[1],
            "card": f"model_files {VERSION}",
            "framework": card.framework,
            "library": libraries(card),
            "classes": hashlib.sha256(names).hexdigest(),
            "input": card.input.model_dump_json(),
            "output": self.card.output.model_dump_json(),
            "quantized_engine": card.quantized_engine or "",
            "precision": "as in the file",
        }

    def expected(self, data_set: DataSet, metric: str) -> Expected | None:
        """See `VisionModel`."""
        card: ModelFile = self.card
        source = card.source or str(self.path)
        return published_score(card.model_copy(update={"source": source}), data_set, metric)

    def _run(self, image: RGB) -> tuple[Any, Placement]:
        """What the network returns for an image, and where the image lay in its input."""
        from tasks.exported.images import to_input
        from tasks.exported.networks import last_line

        if self._network is None:
            self.prepare()
        try:
            tensor, place = to_input(image, self.card.input)
            return self._network.run(tensor), place
        except HarnessError:
            raise
        except Exception as error:  # another project's network may fail in any way
            height, width = image.shape[:2]
            raise ImageError(
                f"{self.name} fails on an image of {width}×{height} pixels: {last_line(error)}."
            ) from error

    @abstractmethod
    def predict(self, image: RGB) -> Prediction:
        """See `VisionModel`.

        Raises:
            UserError: see `prepare`; or the output is not what the card says.
            ImageError: the network fails on this image.
        """


class ExportedDetector(ModelCard[Detections], Detector):
    """A detector in a file."""

    def predict(self, image: RGB) -> Detections:
        """See `ModelCard`."""
        from tasks.exported.boxes import detections

        answer, place = self._run(image)
        return detections(answer, self.card, place)


class ExportedSegmenter(ModelCard[ClassMap], Segmenter):
    """A segmenter in a file."""

    @property
    def labels(self) -> tuple[str, ...]:
        """See `VisionModel`; without a background, value 0 is the first class."""
        return ("background", *self.classes) if self.card.output.background else self.classes

    def predict(self, image: RGB) -> ClassMap:
        """See `ModelCard`."""
        from tasks.exported.maps import class_map

        answer, place = self._run(image)
        return class_map(answer, self.card, place)


class ExportedClassifier(ModelCard[ClassScores], Classifier):
    """A classifier in a file."""

    def predict(self, image: RGB) -> ClassScores:
        """See `ModelCard`."""
        from tasks.exported.maps import class_scores

        answer, _ = self._run(image)
        return class_scores(answer, self.card)


_MODELS: dict[str, type[ModelCard]] = {
    model.task: model for model in (ExportedDetector, ExportedSegmenter, ExportedClassifier)
}
