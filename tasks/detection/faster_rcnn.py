"""The embedded detector: a Faster R-CNN this project trained on uncompressed `scenes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.base import RGB, VisionModel
from tasks.checkpoints import WEIGHTS, load_weights, weights_fingerprint
from tasks.scenes import CLASSES

if TYPE_CHECKING:
    from tasks.detection.predictions import Detections

ARCHITECTURE = "faster_rcnn-slim-fpn64-1"
"""Bumped whenever the same weights could predict something else."""


class FasterRCNNScenes(VisionModel):
    """torchvision's Faster R-CNN on a slim ResNet-FPN, 3.1 M parameters, fp32, batch 1.

    Args:
        card: card of the weights; those this project ships by default. Nothing is loaded before
            the first prediction.
    """

    name = "faster_rcnn_scenes"
    task: ClassVar[str] = "detection"
    classes = CLASSES

    def __init__(self, card: Path | None = None) -> None:
        self._card = WEIGHTS / f"{self.name}.yaml" if card is None else card
        self._module: Any = None

    @classmethod
    def cards(cls) -> list[Path]:
        """The card of the shipped weights."""
        return [WEIGHTS / f"{cls.name}.yaml"]

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, the architecture's version and torchvision's."""
        return weights_fingerprint(self._card, ARCHITECTURE, "torchvision")

    def prepare(self) -> None:
        """Load the weights, once.

        Raises:
            UserError: they are missing or are not the file their card describes.
        """
        if self._module is None:
            import torch

            from tasks.detection.network import build

            module = build(len(CLASSES))
            load_weights(module, self._card)
            self._module = module.to(memory_format=torch.channels_last)

    def predict(self, image: RGB) -> Detections:
        """Boxes, scores and labels (1..10) of an RGB image, (height, width, 3) uint8.

        Raises:
            UserError: the weights are missing or are not the file their card describes.
        """
        import numpy as np
        import torch

        from tasks.detection.predictions import Detections

        self.prepare()
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255.0
        with torch.inference_mode():
            found = self._module([tensor])[0]
        return Detections(
            boxes=found["boxes"].numpy().astype(np.float32),
            scores=found["scores"].numpy().astype(np.float32),
            labels=found["labels"].numpy().astype(np.int64),
        )
