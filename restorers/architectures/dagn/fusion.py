"""The cross-feature fusion module of Sec. III-B.4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restorers.architectures.dagn.config import POOLED, DAGNConfig

DROPOUT = 0.05
"""Share of channels that the concatenating fusion drops in training, in the authors' release."""


def pyramid(features: Tensor) -> Tensor:
    """Pool of Eq. 10: means over 1x1, 2x2, 4x4 and 8x8 cells.

    Args:
        features: (N, C, h, w), any h and w from 1 up.

    Returns:
        (N, C, 85).
    """
    return torch.cat([F.adaptive_avg_pool2d(features, size).flatten(2) for size in POOLED], dim=2)


def _projection(inputs: int, outputs: int) -> nn.Sequential:
    """A 1x1 convolution, batch normalization (of PyTorch's defaults) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class CrossFeatureFusion(nn.Module):
    """M_cf as released: base features look up the pooled compression-insensitive features.

    Eq. 10 with a normalized, non-negative query and key, a softmax over the 85 cells, and a 1x1
    convolution back to the base features' channels. What was looked up is added to the base
    features; fusion as the only module concatenates the two and projects them instead.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        base = config.widths[3]
        self.key = _projection(config.features, config.fusion)
        self.query = _projection(base, config.fusion)
        self.value = nn.Conv2d(config.features, config.fusion, 1)
        self.out = nn.Conv2d(config.fusion, base, 1)
        self.scale = config.fusion**-0.5
        self.merge: nn.Sequential | None = None
        if config.concatenates:
            self.merge = nn.Sequential(
                nn.Conv2d(2 * base, base, 1), nn.BatchNorm2d(base), nn.Dropout2d(DROPOUT)
            )

    def projections(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        """The 1x1 convolutions that see the compression-insensitive features."""
        key = self.key[0]
        assert isinstance(key, nn.Conv2d)
        return key, self.value

    def norms(self) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
        """Of the keys and of the queries."""
        key, query = self.key[1], self.query[1]
        assert isinstance(key, nn.BatchNorm2d) and isinstance(query, nn.BatchNorm2d)
        return key, query

    def summarise(self, insensitive: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled keys and values: all that Eq. 10 takes from F_cif.

        Args:
            insensitive: F_cif, (N, features, h, w).

        Returns:
            Two tensors (N, ``fusion``, 85).
        """
        return pyramid(self.key(insensitive)), pyramid(self.value(insensitive))

    def forward(self, base: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Eq. 10 as released.

        Args:
            base: F_bf, (N, C_b, H, W).
            keys: (N, ``fusion``, 85), of `summarise`.
            values: (N, ``fusion``, 85), of `summarise`.

        Returns:
            (N, C_b, H, W).
        """
        query = self.query(base).flatten(2).transpose(1, 2)  # (N, HW, fusion)
        weights = (query @ keys * self.scale).softmax(dim=-1)  # (N, HW, 85)
        found = (weights @ values.transpose(1, 2)).transpose(1, 2)  # (N, fusion, HW)
        context: Tensor = self.out(found.reshape(*found.shape[:2], *base.shape[2:]))
        if self.merge is None:
            return base + context
        merged: Tensor = self.merge(torch.cat([context, base], dim=1))
        return merged
