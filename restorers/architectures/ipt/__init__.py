"""IPT, the pre-trained image processing transformer, with a head for JPEG: one network a QF.

Chen, Wang, Guo, Xu, Deng, Liu, Ma, Xu, Xu, Gao: "Pre-Trained Image Processing Transformer", CVPR
2021 (arXiv 2012.00364). The network is spandrel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.plugins import RGB, Compressed
from restorers.architectures.ipt.config import PRESETS
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling, Unneeded

if TYPE_CHECKING:
    from torch import nn

    from restorers.common.complexity import Cost


class IPT(PretrainedRestorer):
    """IPT, a network a quality factor, on overlapping patches."""

    name = "ipt"
    multi_model = True
    year = 2021
    sizes: ClassVar[Mapping[str, Any]] = PRESETS
    # It restores in patches anyway, so many at a time.
    tiling: ClassVar[Tiling] = Unneeded()
    paper: ClassVar[str] = (
        "Chen, Wang, Guo, Xu, Deng, Liu, Ma, Xu, Xu, Gao: Pre-Trained Image Processing "
        "Transformer. CVPR 2021 (arXiv 2012.00364)."
    )

    @classmethod
    def untrained(cls, config: Any) -> nn.Module:
        """See `PretrainedRestorer`."""
        from restorers.architectures.ipt.network import build

        return build(config)

    @classmethod
    def call(cls, network: Any, *inputs: Any) -> Any:
        """See `PretrainedRestorer`: patch by patch."""
        from restorers.architectures.ipt.network import restore

        return restore(network, inputs[0], network.stride)

    @classmethod
    def cost(cls, preset: str, height: int, width: int) -> Cost:
        """See `PretrainedRestorer`: one patch's cost times the patches, too many to count."""
        from restorers.architectures.ipt.network import patch_count

        config = cls.presets()[preset]
        one = super().cost(preset, config.patch, config.patch)
        count = patch_count(height, width, config.patch, config.stride)
        return replace(one, macs=count * one.macs, macs_by_output=count * one.macs_by_output)

    @classmethod
    def foreign(cls, path: Path) -> nn.Module:
        """See `PretrainedRestorer`: files in the authors' layout, with one head and one tail."""
        from restorers.architectures.ipt.network import build, config_from_tensors
        from restorers.checkpoints.state_dict import network_from

        return network_from(path, config_from_tensors, build, "IPT in its authors' layout")

    def run(self, network: Any, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        import torch

        from restorers.architectures.ipt.network import restore
        from restorers.common.pixels import to_pixels, to_tensor

        with torch.inference_mode():
            image = to_tensor(compressed.pixels, next(network.parameters()).device)
            return to_pixels(restore(network, image, network.stride))
