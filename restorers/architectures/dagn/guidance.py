"""The guiders (Sec. III-B.2 and 3) and the decoder they guide (Sec. III-B.5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restorers.architectures.dagn.config import DAGNConfig
from restorers.architectures.dagn.encoder import ResidualBlock, conv3, rnorm

Affine = tuple[Tensor, Tensor]
"""A scale and a bias for each channel, two tensors (N, C)."""


class Guider(nn.Module):
    """A three-layer MLP: (beta_i, gamma_i) or (epsilon_i, eta_i), i = 1, 2, 3, from features.

    Two layers shared by the three DAGBs, one that gives all their scales and biases. It starts at
    scale 1 and bias 0 whatever the features are, which is Table V's baseline.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        first, second = config.guider
        self.widths = config.guided_widths
        self.shared1 = nn.Linear(config.features, first)
        self.shared2 = nn.Linear(first, second)
        self.last = nn.Linear(second, 2 * sum(self.widths))
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():
            self.last.bias.copy_(
                torch.cat([torch.full((w,), float(start)) for w in self.widths for start in (1, 0)])
            )

    def forward(self, features: Tensor, condition: Tensor | None = None) -> list[Affine]:
        """Scales and biases of the three DAGBs.

        Args:
            features: F_cif or F_csf, (N, features, h, w).
            condition: (N, first width), added before the first ReLU (a QF that was told).
        """
        hidden = self.shared1(features.mean(dim=(2, 3)))
        if condition is not None:
            hidden = hidden + condition
        hidden = F.relu(self.shared2(F.relu(hidden)))
        parts = self.last(hidden).split([w for w in self.widths for _ in (1, 0)], dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))


class GuidanceBlock(nn.Module):
    """B_cig of Eq. 12 or B_csg of Eq. 13: a residual block whose branch is scaled and shifted."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3(channels, channels), rnorm(channels), conv3(channels, channels)
        )

    def forward(self, features: Tensor, affine: Affine | None) -> Tensor:
        """F + scale * conv(RNORM(conv(F))) + bias; ``None`` means scale 1 and bias 0.

        Args:
            features: (N, C, H, W).
            affine: (beta_i, gamma_i) of Eq. 12 or (epsilon_i, eta_i) of Eq. 13.
        """
        branch: Tensor = self.body(features)
        if affine is None:
            return features + branch
        scale, bias = (part[:, :, None, None] for part in affine)
        return features + scale * branch + bias


class DualAwarenessBlock(nn.Module):
    """One DAGB, Eq. 11: B_cig^4(B_csg^4(T_2(F_in + F_sc)))."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2, bias=False)  # T_2
        self.sensitive = nn.ModuleList(GuidanceBlock(outputs) for _ in range(blocks))
        self.insensitive = nn.ModuleList(GuidanceBlock(outputs) for _ in range(blocks))

    def forward(
        self, features: Tensor, skip: Tensor, sensitive: Affine | None, insensitive: Affine | None
    ) -> Tensor:
        """Twice the size, fewer channels.

        Args:
            features: F_in, (N, C, H, W).
            skip: F_sc, (N, C, H, W).
            sensitive: (epsilon_i, eta_i), the same for all blocks (Eq. 13).
            insensitive: (beta_i, gamma_i), the same for all blocks (Eq. 12).
        """
        features = self.up(features + skip)
        for block in self.sensitive:
            features = block(features, sensitive)
        for block in self.insensitive:
            features = block(features, insensitive)
        return features


class GuidedDecoder(nn.Module):
    """A scale of residual blocks, three DAGBs, and a convolution to the image.

    That convolution starts at zero: an untrained DAGN returns its input.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        widths = config.widths
        self.first = nn.Sequential(*(ResidualBlock(widths[3]) for _ in range(config.blocks)))
        self.guided = nn.ModuleList(
            DualAwarenessBlock(widths[3 - i], widths[2 - i], config.blocks) for i in range(3)
        )
        self.tail = conv3(widths[0], 3)
        nn.init.zeros_(self.tail.weight)

    def forward(
        self,
        features: Tensor,
        skips: list[Tensor],
        sensitive: list[Affine] | None,
        insensitive: list[Affine] | None,
    ) -> Tensor:
        """What to add to the compressed image, (N, 3, H, W).

        Args:
            features: of the last scale, fused or not, (N, ``widths[3]``, H / 8, W / 8).
            skips: of `encoder.BaseEncoder`.
            sensitive: the three (epsilon_i, eta_i), or None without that guidance.
            insensitive: the three (beta_i, gamma_i), or None without that guidance.
        """
        features = self.first(features)
        for index, block in enumerate(self.guided):
            features = block(
                features,
                skips[3 - index],
                sensitive[index] if sensitive else None,
                insensitive[index] if insensitive else None,
            )
        added: Tensor = self.tail(features + skips[0])
        return added
