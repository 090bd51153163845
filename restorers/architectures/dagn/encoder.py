"""The base encoder of Sec. III-B.1, and the residual block it shares with the decoder."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from restorers.architectures.dagn.config import DAGNConfig


def conv3(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, without bias."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def rnorm(channels: int) -> nn.Sequential:
    """RNORM of Eqs. 12 and 13, the middle of every residual block: batch normalization, ReLU."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """x + conv(RNORM(conv(x))): two 3x3 convolutions, ReLU and batch normalization between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3(channels, channels), rnorm(channels), conv3(channels, channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        out: Tensor = features + self.body(features)
        return out


class BaseEncoder(nn.Module):
    """Four scales of residual blocks; 2x2 convolutions of stride 2 between them."""

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        widths = config.widths
        self.head = conv3(3, widths[0])
        self.scales = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(config.blocks))) for width in widths
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 2, stride=2, bias=False) for i, o in pairwise(widths)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """The output of each scale's residual blocks.

        Args:
            image: (N, 3, H, W), H and W multiples of 8.

        Returns:
            Four tensors (N, ``widths[k]``, H / 2^k, W / 2^k): the skip connections, of which the
            last is F_bf of Eq. 10.
        """
        features = self.head(image)
        outputs = []
        for index, scale in enumerate(self.scales):
            features = scale(features if index == 0 else self.downs[index - 1](features))
            outputs.append(features)
        return outputs
