"""The base encoder of Sec. III-B.1, and the layers it shares with the decoder."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from restorers.architectures.dagn.config import DAGNConfig

EPS = 1e-4
"""Of the batch normalization in residual blocks, in the authors' release."""


def conv3(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def branch(channels: int, momentum: float) -> nn.Sequential:
    """The branch of every residual block: two 3x3 convolutions, RNORM of Eqs. 12, 13 between."""
    return nn.Sequential(
        conv3(channels, channels),
        nn.BatchNorm2d(channels, eps=EPS, momentum=momentum),
        nn.ReLU(inplace=True),
        conv3(channels, channels),
    )


class ResidualBlock(nn.Module):
    """x + conv(RNORM(conv(x)))."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.body = branch(channels, momentum)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        out: Tensor = features + self.body(features)
        return out


def residual_blocks(channels: int, config: DAGNConfig) -> nn.Sequential:
    """A scale's residual blocks."""
    return nn.Sequential(*(ResidualBlock(channels, config.momentum) for _ in range(config.blocks)))


class BaseEncoder(nn.Module):
    """Four scales of residual blocks; 2x2 convolutions of stride 2 between them."""

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        widths = config.widths
        self.head = conv3(3, widths[0])
        self.scales = nn.ModuleList(residual_blocks(width, config) for width in widths)
        self.downs = nn.ModuleList(nn.Conv2d(i, o, 2, stride=2) for i, o in pairwise(widths))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The features to decode, and the skip connections.

        Args:
            image: (N, 3, H, W), H and W multiples of 8.

        Returns:
            F_bf of Eq. 10, (N, ``widths[3]``, H / 8, W / 8), behind all residual blocks; and what
            enters each scale's residual blocks, four tensors (N, ``widths[k]``, H / 2^k, W / 2^k).
        """
        features = self.head(image)
        skips = []
        for index, scale in enumerate(self.scales):
            if index:
                features = self.downs[index - 1](features)
            skips.append(features)
            features = scale(features)
        return features, skips
