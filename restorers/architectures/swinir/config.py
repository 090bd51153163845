"""The sizes of a SwinIR for compression artifacts; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class SwinIRConfig:
    """One SwinIR. The defaults are the published size.

    Attributes:
        width: channels.
        depths: transformer layers in each residual block.
        heads: attention heads in each of them.
        window: side of an attention window, pixels.
        image: nominal side of the images, pixels; a multiple of ``window``. It only decides
            which attention mask is kept ready.
    """

    width: int = 180
    depths: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    heads: tuple[int, ...] = (6, 6, 6, 6, 6, 6)
    window: int = 7
    image: int = 126


PUBLISHED = SwinIRConfig()
"""The authors' SwinIR-M for JPEG (``006_colorCAR_DFWB_s126w7``)."""

SMALL = SwinIRConfig(width=30, depths=(2, 2), heads=(3, 3), image=56)
"""A sixth of the width and four layers: for two CPU cores."""

PRESETS: Mapping[str, SwinIRConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""
