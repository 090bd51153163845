"""The sizes of an FBCNN; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

QF_WIDTH = 512
"""Width of the published network's quality-factor MLPs; spandrel's class knows no other."""


@dataclass(frozen=True)
class FBCNNConfig:
    """One FBCNN. The defaults are the published size.

    Attributes:
        widths: channels of the four scales, full resolution first.
        blocks: residual blocks in a scale.
        qf_width: of the MLPs that predict and embed the quality factor.
        colours: 3 for RGB, 1 for luma.
    """

    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks: int = 4
    qf_width: int = QF_WIDTH
    colours: int = 3


PUBLISHED = FBCNNConfig()
"""The authors': 71.92 M parameters."""

SMALL = FBCNNConfig(widths=(16, 32, 64, 128), blocks=2, qf_width=128)
"""A quarter of the widths, half the blocks: for two CPU cores."""

PRESETS: Mapping[str, FBCNNConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""
