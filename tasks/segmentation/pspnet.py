"""The embedded segmenter: a PSPNet this project trained on uncompressed `scenes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.base import RGB, VisionModel
from tasks.checkpoints import WEIGHTS, load_weights, weights_fingerprint
from tasks.scenes import CLASSES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARCHITECTURE = "pspnet-r18c-3stage-1"
"""Bumped whenever the same weights could predict something else."""


class PSPNetScenes(VisionModel):
    """mmsegmentation's PSPNet on a narrow three-stage ResNet-18-C, 1 M parameters, fp32, batch 1.

    Args:
        card: card of the weights; those this project ships by default. Nothing is loaded before
            the first prediction.
    """

    name = "pspnet_scenes"
    task: ClassVar[str] = "segmentation"
    classes = CLASSES

    def __init__(self, card: Path | None = None) -> None:
        self._card = WEIGHTS / f"{self.name}.yaml" if card is None else card
        self._module: Any = None

    @classmethod
    def cards(cls) -> list[Path]:
        """The card of the shipped weights."""
        return [WEIGHTS / f"{cls.name}.yaml"]

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, the architecture's version and mmsegmentation's."""
        return weights_fingerprint(self._card, ARCHITECTURE, "onedl-mmsegmentation")

    def prepare(self) -> None:
        """Load the weights, once.

        Raises:
            UserError: they are missing or are not the file their card describes.
        """
        if self._module is None:
            import torch

            from tasks.segmentation.network import PSPNet

            module = PSPNet(len(CLASSES) + 1)
            load_weights(module, self._card)
            self._module = module.to(memory_format=torch.channels_last)

    def predict(self, image: RGB) -> NDArray[np.uint8]:
        """Class of every pixel, (height, width) uint8, 0 background, 1..10.

        Args:
            image: RGB, (height, width, 3) uint8.

        Raises:
            UserError: the weights are missing or are not the file their card describes.
        """
        import numpy as np
        import torch

        self.prepare()
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            logits = self._module(tensor.float() / 255.0)
        classes: NDArray[np.uint8] = logits[0].argmax(0).to(torch.uint8).numpy()
        return classes
