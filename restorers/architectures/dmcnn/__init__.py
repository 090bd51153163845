"""DMCNN, the dual-domain multi-scale network: one network a quality factor.

Zhang, Yang, Hu, Liu: "DMCNN: Dual-Domain Multi-Scale Convolutional Neural Network for Compression
Artifacts Removal", ICIP 2018 (arXiv 1806.03275). `docs/explanation/baselines.md` says what
was chosen where the paper is silent.

`config` is light; `network` imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from harness.plugins import RGB, Compressed
from restorers.architectures.dmcnn.config import PRESETS
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from torch import nn


class DMCNN(PretrainedRestorer):
    """DMCNN, a network a quality factor, from the coefficients and pixels of a JPEG file."""

    name = "dmcnn"
    multi_model = True
    year = 2018
    needs_jpeg = True
    sizes: ClassVar[Mapping[str, Any]] = PRESETS
    # DMCNN at published size takes 1.7 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=768 * 768, side=768, overlap=224, least=256)
    paper: ClassVar[str] = (
        "Zhang, Yang, Hu, Liu: DMCNN: Dual-Domain Multi-Scale Convolutional Neural Network for "
        "Compression Artifacts Removal. ICIP 2018 (arXiv 1806.03275)."
    )

    @classmethod
    def untrained(cls, config: Any) -> nn.Module:
        """See `PretrainedRestorer`."""
        from restorers.architectures.dmcnn import network

        return network.DMCNNNetwork(config)

    @classmethod
    def example(cls, height: int, width: int) -> tuple[Any, ...]:
        """See `PretrainedRestorer`: the coefficients of a 4:2:0 file, and the image."""
        from restorers.common.complexity import jpeg_example

        return jpeg_example(height, width)

    def run(self, network: Any, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        from restorers.architectures.dmcnn.network import restore

        return restore(network, compressed, tile)
