"""DMCNN, the dual-domain multi-scale network: one network a quality factor.

Zhang, Yang, Hu, Liu: "DMCNN: Dual-Domain Multi-Scale Convolutional Neural Network for Compression
Artifacts Removal", ICIP 2018 (arXiv 1806.03275). `docs/explanation/baselines.md` says what
was chosen where the paper is silent.

The other modules import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, Compressed
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from restorers.architectures.dmcnn.network import DMCNNNetwork
    from restorers.common.complexity import Example


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


class DMCNN(PretrainedRestorer[DMCNNConfig, "DMCNNNetwork"]):
    """DMCNN, a network a quality factor, from the coefficients and pixels of a JPEG file."""

    name = "dmcnn"
    multi_model = True
    year = 2018
    needs_jpeg = True
    sizes: ClassVar[Mapping[str, DMCNNConfig]] = PRESETS
    # DMCNN at published size takes 1.7 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=768 * 768, side=768, overlap=224, least=256)
    paper: ClassVar[str] = (
        "Zhang, Yang, Hu, Liu: DMCNN: Dual-Domain Multi-Scale Convolutional Neural Network for "
        "Compression Artifacts Removal. ICIP 2018 (arXiv 1806.03275)."
    )

    @classmethod
    def untrained(cls, config: DMCNNConfig) -> DMCNNNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.dmcnn import network

        return network.DMCNNNetwork(config)

    @classmethod
    def example(cls, height: int, width: int) -> Example:
        """See `PretrainedRestorer`: the coefficients of a 4:2:0 file, and the image."""
        from restorers.common.complexity import jpeg_example

        return jpeg_example(height, width)

    @classmethod
    def call(cls, network: DMCNNNetwork, example: Example) -> object:
        """See `PretrainedRestorer`: from coefficients and pixels."""
        return network(example.planes, example.image)

    def spoiled_border(self, network: DMCNNNetwork) -> int:
        """See `PretrainedRestorer`: of the pixel branch at published size, the larger one."""
        return 93

    def run(self, network: DMCNNNetwork, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        from restorers.architectures.dmcnn.network import restore

        return restore(network, compressed, tile)
