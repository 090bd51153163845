"""The sizes of a QGAC; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class QGACConfig:
    """One QGAC. The defaults are the published size.

    Attributes:
        manifold: channels inside the nets that make filters of a quantisation table.
        blocks: channels of the block-wise nets for luma.
        latent: features a coefficient has between the nets for luma.
        frequency: features a coefficient has inside the frequency-wise net and the fusion.
        colour: channels of the chroma net before, and twice as many after, luma joins.
    """

    manifold: int = 64
    blocks: int = 256
    latent: int = 64
    frequency: int = 4
    colour: int = 32


PUBLISHED = QGACConfig()
"""The authors'."""

SMALL = QGACConfig(manifold=8, blocks=24, latent=4, frequency=4, colour=10)
"""Every structure kept: for two CPU cores."""

PRESETS: Mapping[str, QGACConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""
