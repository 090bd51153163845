"""The embedded classifier: torchvision's MobileNetV3 with fewer blocks, strides and channels."""

from __future__ import annotations

import torch
from torch import nn

_MEAN = (0.42, 0.41, 0.39)
_STD = (0.2, 0.2, 0.2)

# in, kernel, expanded, out, squeeze-and-excitation, activation, stride (Howard et al. 2019, Tables
# 1 and 2). The first block keeps its resolution: textures here have periods of three pixels.
_BLOCKS = (
    (16, 3, 32, 16, True, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 160, 40, True, "HS", 1),
    (40, 5, 160, 48, True, "HS", 1),
    (48, 5, 192, 64, True, "HS", 2),
    (64, 5, 256, 64, True, "HS", 1),
)
_LAST = 256


class MobileNet(nn.Module):
    """MobileNetV3 for pictures of any size, at their own resolution: stride 16, then the mean.

    Args:
        classes: number of classes.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

        blocks = [InvertedResidualConfig(*block, dilation=1, width_mult=1.0) for block in _BLOCKS]
        self.network = MobileNetV3(blocks, _LAST, num_classes=classes)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) for images (B, 3, H, W), RGB, 0..1."""
        logits: torch.Tensor = self.network(
            (images - self.get_buffer("mean")) / self.get_buffer("std")
        )
        return logits
