"""The embedded segmenter: a PSPNet this project trained on uncompressed `scenes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, ClassMap, Segmenter, check_finite
from tasks.scenes import CLASSES
from tasks.weights.checkpoints import WEIGHTS
from tasks.weights.embedded import Embedded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


class PSPNetScenes(Embedded[ClassMap], Segmenter):
    """mmsegmentation's PSPNet on a narrow three-stage ResNet-18-C, 1 M parameters."""

    name = "pspnet_scenes"
    architecture: ClassVar[str] = "pspnet-r18c-3stage-1"
    library: ClassVar[str] = "onedl-mmsegmentation"

    @classmethod
    def cards(cls) -> list[Path]:
        """The card of the shipped weights."""
        return [WEIGHTS / f"{cls.name}.yaml"]

    def _network(self) -> nn.Module:
        from tasks.segmentation.models.network import PSPNet

        return PSPNet(len(CLASSES) + 1)

    def predict(self, image: RGB) -> NDArray[np.uint8]:
        """Class of every pixel, (height, width) uint8, 0 background, 1..10.

        Args:
            image: RGB, (height, width, 3) uint8.

        Raises:
            UserError: the weights are missing or are not the file their card describes.
            ImageError: the network gives what is no number.
        """
        import numpy as np
        import torch

        module = self._ready()
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(self._device)
        with torch.inference_mode():
            logits = module(tensor.float() / 255.0)
        check_finite(logits.cpu().numpy(), "the network")
        classes: NDArray[np.uint8] = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
        return classes
