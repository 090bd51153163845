"""torchvision's segmentation networks, from pixels to pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F
from torchvision.models import get_model, get_model_weights

from harness.errors import ImageError
from harness.plugins import RGB, check_finite
from tasks.segmentation.models.segmenter import numbered
from tasks.weights.torch_files import fill, named_as, read_checkpoint

_LONGEST = 16
"""Times the short side: what is longer would take many gigabytes at a short side of 520."""


class TorchvisionNetwork:
    """A network of `torchvision.models.segmentation` with the transform of its weights.

    Args:
        name: torchvision's name of the network.
        weights: a state dict, alone or as torchvision's training script saves it.
        head: the name of the last layer's weights.

    Raises:
        UserError: the weights cannot be read or are another network's.
    """

    def __init__(self, name: str, weights: Path, head: str) -> None:
        tensors, _ = read_checkpoint(weights)
        tensors = named_as(tensors, lambda names: head in names)
        rows = len(tensors[head]) if head in tensors else 21
        auxiliary = any(key.startswith("aux_classifier.") for key in tensors)
        options = {"aux_loss": True} if auxiliary else {}
        module = get_model(name, weights=None, weights_backbone=None, num_classes=rows, **options)
        fill(module, tensors, weights, name)
        # The auxiliary head is for training; what the other one says does not depend on it.
        module.aux_classifier = None
        self.labels = numbered(rows)
        self._module, self._device = module, "cpu"
        self._transform = get_model_weights(name).DEFAULT.transforms()

    def to(self, device: str) -> None:
        """See `SegmentationNetwork`."""
        self._module.to(device)
        self._device = device

    def __call__(self, image: RGB) -> NDArray[np.uint8]:
        """The class map, (height, width), of an image, (height, width, 3) RGB.

        Raises:
            ImageError: one side is more than 16 times the other, or the network gives what is no
                number.
        """
        height, width = image.shape[:2]
        if max(height, width) > _LONGEST * min(height, width):
            raise ImageError(
                f"the image is {width}×{height} pixels, and torchvision's preset enlarges the "
                f"short side to 520: more than {_LONGEST} times as long as wide is too much"
            )
        # Through Pillow, as torchvision's own evaluation does: tensors are resized otherwise.
        batch = self._transform(Image.fromarray(image))[None].to(self._device)
        with torch.inference_mode():
            logits = self._module(batch)["out"]
            logits = F.interpolate(
                logits, size=(height, width), mode="bilinear", align_corners=False
            )
            check_finite(logits.cpu().numpy(), "the network")
            classes: NDArray[np.uint8] = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
        return classes
