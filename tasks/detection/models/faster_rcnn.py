"""The embedded detector: a Faster R-CNN this project trained on uncompressed `scenes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, Detections, Detector
from tasks.scenes import CLASSES
from tasks.weights.checkpoints import WEIGHTS
from tasks.weights.embedded import Embedded

if TYPE_CHECKING:
    from torch import nn


class FasterRCNNScenes(Embedded[Detections], Detector):
    """torchvision's Faster R-CNN on EfficientNet-Lite0 and a slim FPN, 2.2 M parameters."""

    name = "faster_rcnn_scenes"
    architecture: ClassVar[str] = "faster_rcnn-slim-fpn64-1"
    library: ClassVar[str] = "torchvision"

    @classmethod
    def cards(cls) -> list[Path]:
        """The card of the shipped weights."""
        return [WEIGHTS / f"{cls.name}.yaml"]

    def _network(self) -> nn.Module:
        from tasks.detection.models.network import build

        network: nn.Module = build(len(CLASSES))
        return network

    def _settle(self, module: nn.Module) -> None:
        from tasks.detection.models.network import settle

        settle(module)

    def predict(self, image: RGB) -> Detections:
        """Boxes, scores and labels (1..10) of an RGB image, (height, width, 3) uint8.

        Raises:
            UserError: the weights are missing or are not the file their card describes.
        """
        import numpy as np
        import torch

        from harness.plugins import Detections

        module = self._ready()
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).to(self._device).float() / 255.0
        with torch.inference_mode():
            answer = module([tensor])[0]
        return Detections(
            boxes=answer["boxes"].cpu().numpy().astype(np.float32),
            scores=answer["scores"].cpu().numpy().astype(np.float32),
            labels=answer["labels"].cpu().numpy().astype(np.int64),
        )
