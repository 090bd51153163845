"""The sizes of an IPT for compression artifacts; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class IPTConfig:
    """One IPT with a single head and tail. The defaults are the published size.

    Attributes:
        width: channels of the convolutions.
        patch: side of the patches the transformer sees, pixels.
        token: side of a token, pixels; tokens have ``width token^2`` channels.
        heads: attention heads.
        layers: transformer layers of the encoder, and again of the decoder.
        stride: pixels between the patches an image is restored in.
    """

    width: int = 64
    patch: int = 48
    token: int = 3
    heads: int = 12
    layers: int = 12
    stride: int = 12


PUBLISHED = IPTConfig()
"""The authors'."""

SMALL = IPTConfig(width=6, token=4, heads=4, layers=1, stride=24)
"""Two layers, tokens of 96 channels, patches that overlap by half: for two CPU cores."""

PRESETS: Mapping[str, IPTConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""
