"""FBCNN, the flexible blind network: one network, which predicts the quality factor or is told it.

Jiang, Zhang, Timofte: "Towards Flexible Blind JPEG Artifacts Removal", ICCV 2021 (arXiv
2109.14573). The network is spandrel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import Compressed, Restored
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from spandrel.architectures.FBCNN import FBCNN as FBCNNNetwork  # noqa: N811
    from torch import Tensor


@dataclass(frozen=True)
class FBCNNConfig:
    """One FBCNN. The defaults are the published size.

    Attributes:
        widths: channels of the four scales, full resolution first.
        blocks: residual blocks in a scale.
        qf_width: of the MLPs that predict and embed the quality factor.
        colours: 3 for RGB, 1 for luma.
    """

    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks: int = 4
    qf_width: int = 512
    colours: int = 3

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> FBCNNConfig:
        """The size of the network that weights in the authors' layout are of.

        Raises:
            LookupError: they are no FBCNN's.
            ValueError: they are of an FBCNN with other channels, or other ways to change the scale.
        """
        from spandrel.util import get_seq_len

        blocks = get_seq_len(tensors, "m_body_encoder")
        if f"m_down1.{blocks}.weight" not in tensors or "m_up3.0.weight" not in tensors:
            raise ValueError("they change the scale by other means than strided convolutions")
        if tensors["m_head.weight"].shape[1] not in (1, 3):
            raise ValueError("they are neither for RGB nor for luma")
        stages = ("m_head.weight", "m_down2.0.res.0.weight", "m_down3.0.res.0.weight")
        first, second, third = (tensors[name].shape[0] for name in stages)
        return cls(
            widths=(first, second, third, tensors["m_body_encoder.0.res.0.weight"].shape[0]),
            blocks=blocks,
            qf_width=tensors["qf_embed.0.weight"].shape[0],
            colours=tensors["m_head.weight"].shape[1],
        )


PUBLISHED = FBCNNConfig()
"""The authors': 71.92 M parameters."""

SMALL = FBCNNConfig(widths=(16, 32, 64, 128), blocks=2, qf_width=128)
"""A quarter of the widths, half the blocks: for two CPU cores."""

PRESETS: Mapping[str, FBCNNConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""


class FBCNN(PretrainedRestorer[FBCNNConfig, "FBCNNNetwork"]):
    """FBCNN, blind, or told the quality factor (``fbcnn:known_qf``).

    The quality factor it predicts is kept in the record, whether it is told one or not.
    """

    name = "fbcnn"
    multi_model = False
    year = 2021
    sizes: ClassVar[Mapping[str, FBCNNConfig]] = PRESETS
    blind: ClassVar[bool] = True
    # FBCNN at published size takes 1.3 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=1 << 20, side=1024, overlap=288, least=256)
    paper: ClassVar[str] = (
        "Jiang, Zhang, Timofte: Towards Flexible Blind JPEG Artifacts Removal. ICCV 2021 "
        "(arXiv 2109.14573)."
    )

    @classmethod
    def untrained(cls, config: FBCNNConfig) -> FBCNNNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.fbcnn.network import build

        return build(config)

    @classmethod
    def foreign(cls, path: Path) -> FBCNNNetwork:
        """See `PretrainedRestorer`: the authors' files, in colour or grey."""
        from restorers.architectures.fbcnn.network import build
        from restorers.checkpoints.state_dict import network_from

        return network_from(path, FBCNNConfig.from_tensors, build, "FBCNN in its authors' layout")

    def run(self, network: FBCNNNetwork, compressed: Compressed, tile: Tile | None) -> Restored:
        """See `PretrainedRestorer`."""
        from restorers.architectures.fbcnn.network import restore, restore_luma

        qf, grey = compressed.qf if self.known_qf else None, compressed.grey
        if network.m_head.weight.shape[1] == 3:
            pixels, predicted = restore(network, compressed.pixels, qf, tile)
        else:
            pixels, predicted = restore_luma(network, compressed.pixels, grey, qf, tile)
        return Restored(pixels, predicted)
