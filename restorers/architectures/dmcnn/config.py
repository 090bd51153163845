"""The sizes of a DMCNN; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Branch:
    """One auto-encoder; both branches are built alike.

    Attributes:
        widths: channels of its scales, the finest first; each scale is half the one before.
        blocks: residual blocks on either side, encoder and decoder, at each scale but the last.
        dilations: of the convolutions in the middle, at the coarsest scale.
    """

    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    dilations: tuple[int, ...] = (2, 4, 8)

    def __post_init__(self) -> None:
        """Refuse numbers of blocks that do not go with the scales."""
        if len(self.blocks) != len(self.widths) - 1:
            raise ValueError(f"{len(self.widths)} scales need {len(self.widths) - 1} blocks")


@dataclass(frozen=True)
class DMCNNConfig:
    """One DMCNN. The defaults are the published size.

    Attributes:
        spectral: the DCT-domain branch, on the grid of luma blocks.
        pixel: the pixel-domain branch.
    """

    spectral: Branch = Branch((96, 96, 96), (1, 1))
    pixel: Branch = Branch((128, 96, 64), (4, 2))


PUBLISHED = DMCNNConfig()
"""Table III's: 4.7 M parameters, 687.1 G multiply-accumulates at 3x512x512."""

SMALL = DMCNNConfig(spectral=Branch((80, 80, 80), (1, 0)), pixel=Branch((20, 40, 80), (1, 1)))
"""Every structure kept: for two CPU cores."""

PRESETS: Mapping[str, DMCNNConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""
