"""DAGN, the dual awareness guidance network: one network for all quality factors.

Ma, Zhao, Peng, Tian: "Sensitivity Decouple Learning for Image Compression Artifacts Reduction",
IEEE Transactions on Image Processing 2024 (arXiv 2405.09291), Section III.
`docs/explanation/dagn.md` says where each equation is and what was chosen where the paper is
silent.

`config` is light; the other modules import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import Compressed, Restored
from restorers.architectures.dagn.config import PRESETS, DAGNConfig
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from torch import nn

    from restorers.architectures.dagn.network import DAGNNetwork


class DAGN(PretrainedRestorer[DAGNConfig, "DAGNNetwork"]):
    """DAGN, blind, or told the quality factor (``dagn:known_qf``).

    The quality factor it predicts is kept in the record, whether it is told one or not.
    """

    name = "dagn"
    multi_model = False
    year = 2024
    sizes: ClassVar[Mapping[str, DAGNConfig]] = PRESETS
    blind: ClassVar[bool] = True
    # DAGN at published size takes 1.8 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=1 << 20, side=1024, overlap=352, least=256)
    paper: ClassVar[str] = (
        "Ma, Zhao, Peng, Tian: Sensitivity Decouple Learning for Image Compression Artifacts "
        "Reduction. IEEE Transactions on Image Processing, 2024 (arXiv 2405.09291)."
    )

    @classmethod
    def untrained(cls, config: DAGNConfig) -> DAGNNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.dagn import network

        return network.DAGNNetwork(config)

    @classmethod
    def counted(cls, network: DAGNNetwork) -> list[nn.Module]:
        """See `PretrainedRestorer`: what a blind restoration depends on, the QF predictor not."""
        return list(network.parts().values())

    @classmethod
    def foreign(cls, path: Path) -> DAGNNetwork:
        """See `PretrainedRestorer`: the authors' file, whole or of an ablation."""
        from restorers.architectures.dagn.released import from_released, released_config
        from restorers.checkpoints.state_dict import network_from

        what = f"weights of {cls.name} in its authors' layout"
        return network_from(path, released_config, cls.untrained, what, from_released)

    def run(self, network: DAGNNetwork, compressed: Compressed, tile: Tile | None) -> Restored:
        """See `PretrainedRestorer`."""
        from restorers.architectures.dagn.network import restore

        qf = compressed.qf if self.known_qf else None
        pixels, predicted = restore(network, compressed.pixels, qf, tile)
        return Restored(pixels, predicted)
