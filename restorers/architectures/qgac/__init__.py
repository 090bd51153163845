"""QGAC, quantization guided artifact correction: one network for all quality factors.

Ehrlich, Davis, Lim, Shrivastava: "Quantization Guided JPEG Artifact Correction", ECCV 2020 (arXiv
2004.09320). `docs/explanation/baselines.md` says what was chosen where the paper is silent.

`config` is light; the other modules import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from harness.plugins import RGB, Compressed
from restorers.architectures.qgac.config import PRESETS
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from torch import nn


class QGAC(PretrainedRestorer):
    """QGAC, one network guided by the quantisation tables in the JPEG file."""

    name = "qgac"
    multi_model = False
    year = 2020
    needs_jpeg = True
    sizes: ClassVar[Mapping[str, Any]] = PRESETS
    # QGAC at published size takes 1.7 GB for so many pixels, its weights another one.
    tiling: ClassVar[Tiling] = Tiling(above=1 << 20, side=1024, overlap=352, least=256)
    paper: ClassVar[str] = (
        "Ehrlich, Davis, Lim, Shrivastava: Quantization Guided JPEG Artifact Correction. "
        "ECCV 2020 (arXiv 2004.09320)."
    )

    @classmethod
    def untrained(cls, config: Any) -> nn.Module:
        """See `PretrainedRestorer`."""
        from restorers.architectures.qgac import network

        return network.QGACNetwork(config)

    @classmethod
    def example(cls, height: int, width: int) -> tuple[Any, ...]:
        """See `PretrainedRestorer`: the coefficients of a 4:2:0 file, and the image."""
        from restorers.common.complexity import jpeg_example

        return jpeg_example(height, width)

    def run(self, network: Any, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        from restorers.architectures.qgac.network import restore

        return restore(network, compressed, tile)
