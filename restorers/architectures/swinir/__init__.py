"""SwinIR, a transformer of shifted windows: one network a quality factor.

Liang, Cao, Sun, Zhang, Van Gool, Timofte: "SwinIR: Image Restoration Using Swin Transformer", ICCV
Workshops 2021 (arXiv 2108.10257). The network is spandrel's; padding is the authors'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, Compressed
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from torch import Tensor

    from restorers.architectures.swinir.network import SwinIRNetwork
    from restorers.common.complexity import Example


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

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> SwinIRConfig:
        """The size of the network that weights in the authors' layout are of.

        Raises:
            LookupError: they are no SwinIR's.
            ValueError: they are of a SwinIR for something else than JPEG artifacts in colour.
        """
        from spandrel.util import get_seq_len

        layers = range(get_seq_len(tensors, "layers"))
        blocks = [f"layers.{layer}.residual_group.blocks" for layer in layers]
        tables = [tensors[f"{block}.0.attn.relative_position_bias_table"] for block in blocks]
        window = (math.isqrt(tables[0].shape[0]) + 1) // 2  # (2 window - 1)^2 relative positions
        # Only the authors' networks for JPEG have windows of 7; the others take another range.
        enlarging = ("conv_before_upsample.0.weight", "upsample.0.weight", "conv_first.1.weight")
        if window != 7 or any(name in tensors for name in enlarging):
            raise ValueError("they are for another task than JPEG artifacts")
        if "conv_after_body.weight" not in tensors or tensors["conv_last.weight"].shape[0] != 3:
            raise ValueError("they are of another variant than the authors' for JPEG in colour")
        mask = tensors.get(f"{blocks[0]}.1.attn_mask")
        return cls(
            width=tensors["conv_first.weight"].shape[0],
            depths=tuple(get_seq_len(tensors, block) for block in blocks),
            heads=tuple(table.shape[1] for table in tables),
            window=window,
            image=window * (1 if mask is None else math.isqrt(mask.shape[0])),
        )


PUBLISHED = SwinIRConfig()
"""The authors' SwinIR-M for JPEG (``006_colorCAR_DFWB_s126w7``)."""

SMALL = SwinIRConfig(width=30, depths=(2, 2), heads=(3, 3), image=56)
"""A sixth of the width and four layers: for two CPU cores."""

PRESETS: Mapping[str, SwinIRConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""


class SwinIR(PretrainedRestorer[SwinIRConfig, "SwinIRNetwork"]):
    """SwinIR, a network a quality factor."""

    name = "swinir"
    version = "2"  # attention as one operator: other rounding
    multi_model = True
    year = 2021
    sizes: ClassVar[Mapping[str, SwinIRConfig]] = PRESETS
    # SwinIR at published size takes 2.0 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=448 * 448, side=448, overlap=126)
    paper: ClassVar[str] = (
        "Liang, Cao, Sun, Zhang, Van Gool, Timofte: SwinIR: Image Restoration Using Swin "
        "Transformer. ICCV Workshops 2021 (arXiv 2108.10257)."
    )

    @classmethod
    def untrained(cls, config: SwinIRConfig) -> SwinIRNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.swinir.network import build

        return build(config)

    @classmethod
    def call(cls, network: SwinIRNetwork, example: Example) -> object:
        """See `PretrainedRestorer`: padded as its authors pad."""
        from restorers.architectures.swinir.network import restore

        return restore(network, example.image)

    @classmethod
    def foreign(cls, path: Path) -> SwinIRNetwork:
        """See `PretrainedRestorer`: the authors' files for JPEG artifacts."""
        from restorers.architectures.swinir.network import build
        from restorers.checkpoints.state_dict import network_from

        return network_from(
            path, SwinIRConfig.from_tensors, build, "SwinIR for JPEG in its authors' layout"
        )

    def spoiled_border(self, network: SwinIRNetwork) -> int:
        """See `PretrainedRestorer`: half a window a layer, and the convolutions."""
        layers = sum(len(group.residual_group.blocks) for group in network.layers)
        return 7 + -(-7 * layers // 2)

    def run(self, network: SwinIRNetwork, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        import torch

        from restorers.architectures.swinir.network import restore
        from restorers.common.colour import to_pixels, to_tensor

        with torch.inference_mode():
            image = to_tensor(compressed.pixels, next(network.parameters()).device)
            return to_pixels(restore(network, image, tile), compressed.pixels)
