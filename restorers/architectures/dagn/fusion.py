"""The cross-feature fusion module of Sec. III-B.4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restorers.architectures.dagn.config import POOLED, DAGNConfig


def pyramid(features: Tensor) -> Tensor:
    """Pool of Eq. 10: means over 1x1, 2x2, 4x4 and 8x8 cells.

    Args:
        features: (N, C, h, w), any h and w from 1 up.

    Returns:
        (N, C, 85).
    """
    return torch.cat([F.adaptive_avg_pool2d(features, size).flatten(2) for size in POOLED], dim=2)


class CrossFeatureFusion(nn.Module):
    """M_cf of Eq. 10: base features look up the pooled compression-insensitive features.

    It starts as the identity in F_bf: C_2^1, whose output is what is added, starts at zero.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        base = config.widths[3]
        self.key = nn.Conv2d(config.features, base, 1)  # C_1^1
        self.value = nn.Conv2d(config.features, base, 1)  # C_2^1
        self.query = nn.Conv2d(base, base, 1)  # C_3^1
        # The equation has no such factor: weights of C_2^1 could hold it. Apart, it keeps a sum of
        # 85 similarities of `base` terms each in the range in which the other layers learn.
        self.scale = 1 / (sum(size * size for size in POOLED) * base**0.5)
        nn.init.zeros_(self.value.weight)
        assert self.value.bias is not None
        nn.init.zeros_(self.value.bias)

    def summarise(self, insensitive: Tensor) -> tuple[Tensor, Tensor]:
        """Pool(C_1^1(F_cif)) and Pool(C_2^1(F_cif)): all that Eq. 10 takes from F_cif.

        Args:
            insensitive: F_cif, (N, features, h, w).

        Returns:
            Two tensors (N, C_b, 85).
        """
        return pyramid(self.key(insensitive)), pyramid(self.value(insensitive))

    def forward(self, base: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Eq. 10.

        Args:
            base: F_bf, (N, C_b, H, W).
            keys: (N, C_b, 85), of `summarise`.
            values: (N, C_b, 85), of `summarise`.

        Returns:
            (N, C_b, H, W).
        """
        query = self.query(base).flatten(2).transpose(1, 2)  # (N, HW, C_b)
        similarity = query @ keys  # (N, HW, 85)
        fused = similarity @ values.transpose(1, 2) * self.scale  # (N, HW, C_b)
        out: Tensor = base + fused.transpose(1, 2).reshape(base.shape)
        return out
