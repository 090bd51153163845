"""QGAC, quantization guided artifact correction: one network for all quality factors.

Ehrlich, Davis, Lim, Shrivastava: "Quantization Guided JPEG Artifact Correction", ECCV 2020 (arXiv
2004.09320). `docs/explanation/baselines.md` says what was chosen where the paper is silent.

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
    from restorers.architectures.qgac.network import QGACNetwork
    from restorers.common.complexity import Example


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


class QGAC(PretrainedRestorer[QGACConfig, "QGACNetwork"]):
    """QGAC, one network guided by the quantisation tables in the JPEG file."""

    name = "qgac"
    multi_model = False
    year = 2020
    needs_jpeg = True
    sizes: ClassVar[Mapping[str, QGACConfig]] = PRESETS
    # QGAC at published size takes 1.7 GB for so many pixels, its weights another one.
    tiling: ClassVar[Tiling] = Tiling(above=1 << 20, side=1024, overlap=352, least=256)
    paper: ClassVar[str] = (
        "Ehrlich, Davis, Lim, Shrivastava: Quantization Guided JPEG Artifact Correction. "
        "ECCV 2020 (arXiv 2004.09320)."
    )

    @classmethod
    def untrained(cls, config: QGACConfig) -> QGACNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.qgac import network

        return network.QGACNetwork(config)

    @classmethod
    def example(cls, height: int, width: int) -> Example:
        """See `PretrainedRestorer`: the coefficients of a 4:2:0 file, and the image."""
        from restorers.common.complexity import jpeg_example

        return jpeg_example(height, width)

    @classmethod
    def call(cls, network: QGACNetwork, example: Example) -> object:
        """See `PretrainedRestorer`: from coefficients and pixels."""
        return network(example.planes, example.image)

    def run(self, network: QGACNetwork, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        from restorers.architectures.qgac.network import restore

        return restore(network, compressed, tile)
