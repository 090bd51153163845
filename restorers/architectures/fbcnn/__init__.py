"""FBCNN, the flexible blind network: one network, which predicts the quality factor or is told it.

Jiang, Zhang, Timofte: "Towards Flexible Blind JPEG Artifacts Removal", ICCV 2021 (arXiv
2109.14573). The network is spandrel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.plugins import Compressed, Restored
from restorers.architectures.fbcnn.config import PRESETS
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from torch import nn


class FBCNN(PretrainedRestorer):
    """FBCNN, blind, or told the quality factor (``fbcnn:told``).

    The quality factor it predicts is kept in the record, whether it is told one or not.
    """

    name = "fbcnn"
    multi_model = False
    year = 2021
    sizes: ClassVar[Mapping[str, Any]] = PRESETS
    blind: ClassVar[bool] = True
    # FBCNN at published size takes 1.3 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=1 << 20, side=1024, overlap=288, least=256)
    paper: ClassVar[str] = (
        "Jiang, Zhang, Timofte: Towards Flexible Blind JPEG Artifacts Removal. ICCV 2021 "
        "(arXiv 2109.14573)."
    )

    @classmethod
    def untrained(cls, config: Any) -> nn.Module:
        """See `PretrainedRestorer`."""
        from restorers.architectures.fbcnn.network import build

        return build(config)

    @classmethod
    def foreign(cls, path: Path) -> nn.Module:
        """See `PretrainedRestorer`: the authors' files, in colour or grey."""
        from restorers.architectures.fbcnn.network import build, config_from_tensors
        from restorers.checkpoints.state_dict import network_from

        return network_from(path, config_from_tensors, build, "FBCNN in its authors' layout")

    def run(self, network: Any, compressed: Compressed, tile: Tile | None) -> Restored:
        """See `PretrainedRestorer`."""
        from restorers.architectures.fbcnn.network import restore, restore_luma

        qf, grey = compressed.qf if self.told else None, compressed.grey
        if network.m_head.weight.shape[1] == 3:
            pixels, predicted = restore(network, compressed.pixels, qf, tile)
        else:
            pixels, predicted = restore_luma(network, compressed.pixels, grey, qf, tile)
        return Restored(pixels, predicted)
