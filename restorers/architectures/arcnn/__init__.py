"""ARCNN, the first artifact-reduction network: one small network a quality factor.

Dong, Deng, Loy, Tang: "Compression Artifacts Reduction by a Deep Convolutional Network", ICCV 2015.

The shipped networks work on RGB, which the paper's do not; the authors' own Matlab files run too,
on luma as in the paper: ``arcnn:path/to/q10.mat``, or a folder of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, Compressed
from restorers.common.colour import on_luma
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling, Unneeded

if TYPE_CHECKING:
    from restorers.architectures.arcnn.network import ARCNNNetwork
    from restorers.common.complexity import Example


class ARCNN(PretrainedRestorer[int, "ARCNNNetwork"]):
    """ARCNN, 9-7-1-5, a network a quality factor, in float32 on the CPU."""

    name = "arcnn"
    multi_model = True
    year = 2015
    sizes: ClassVar[Mapping[str, int]] = MappingProxyType({"published": 3})  # colours
    default: ClassVar[str] = ""
    # It restores in strips anyway, which change no pixel.
    tiling: ClassVar[Tiling] = Unneeded()
    paper: ClassVar[str] = (
        "Dong, Deng, Loy, Tang: Compression Artifacts Reduction by a Deep Convolutional Network. "
        "ICCV 2015."
    )

    @classmethod
    def untrained(cls, config: int) -> ARCNNNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.arcnn.network import ARCNNNetwork

        return ARCNNNetwork(config)

    @classmethod
    def call(cls, network: ARCNNNetwork, example: Example) -> object:
        """See `PretrainedRestorer`: the border is replicated, as in `restore`."""
        from torch.nn import functional as F

        return network(F.pad(example.image, (network.margin,) * 4, mode="replicate"))

    @classmethod
    def foreign(cls, path: Path) -> ARCNNNetwork:
        """See `PretrainedRestorer`: the authors' Matlab files, and safetensors without a header."""
        from restorers.architectures.arcnn import matlab, network

        return matlab.load(path) if path.suffix.lower() == ".mat" else network.load(path)

    def run(self, network: ARCNNNetwork, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`; a network of one channel restores luma."""
        from restorers.architectures.arcnn.network import restore, restore_plane

        if network.colours == 3:
            return restore(network, compressed.pixels)
        return on_luma(
            compressed.pixels, compressed.grey, lambda plane: restore_plane(network, plane)
        )
