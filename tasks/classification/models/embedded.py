"""The embedded classifier: a MobileNetV3 this project trained on uncompressed `scenes-things`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, Classifier, ClassScores
from tasks.scenes import CLASSES
from tasks.weights.checkpoints import WEIGHTS
from tasks.weights.embedded import Embedded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


class MobileNetScenes(Embedded[ClassScores], Classifier):
    """torchvision's MobileNetV3, eight narrow blocks, 0.3 M parameters.

    Pictures go in at their own resolution: nothing is resized or cropped.
    """

    name = "mobilenet_scenes"
    architecture: ClassVar[str] = "mobilenet_v3-8blocks-stride16-1"
    library: ClassVar[str] = "torchvision"

    @classmethod
    def cards(cls) -> list[Path]:
        """The card of the shipped weights."""
        return [WEIGHTS / f"{cls.name}.yaml"]

    def _network(self) -> nn.Module:
        from tasks.classification.models.network import MobileNet

        return MobileNet(len(CLASSES))

    def predict(self, image: RGB) -> NDArray[np.float32]:
        """The softmax scores of the ten classes, (10,) float32, of an (H, W, 3) uint8 RGB image.

        Raises:
            UserError: the weights are missing or are not the file their card describes.
        """
        import numpy as np
        import torch

        module = self._ready()
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(self._device)
        with torch.inference_mode():
            scores: NDArray[np.float32] = module(tensor.float() / 255.0)[0].softmax(0).cpu().numpy()
        return scores
