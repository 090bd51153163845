"""SwinIR, a transformer of shifted windows: one network a quality factor.

Liang, Cao, Sun, Zhang, Van Gool, Timofte: "SwinIR: Image Restoration Using Swin Transformer", ICCV
Workshops 2021 (arXiv 2108.10257). The network is spandrel's; padding is the authors'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.plugins import RGB, Compressed
from restorers.architectures.swinir.config import PRESETS
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling

if TYPE_CHECKING:
    from torch import nn


class SwinIR(PretrainedRestorer):
    """SwinIR, a network a quality factor."""

    name = "swinir"
    multi_model = True
    year = 2021
    sizes: ClassVar[Mapping[str, Any]] = PRESETS
    # SwinIR at published size takes 2.0 GB for so many pixels.
    tiling: ClassVar[Tiling] = Tiling(above=448 * 448, side=448, overlap=126)
    paper: ClassVar[str] = (
        "Liang, Cao, Sun, Zhang, Van Gool, Timofte: SwinIR: Image Restoration Using Swin "
        "Transformer. ICCV Workshops 2021 (arXiv 2108.10257)."
    )

    @classmethod
    def untrained(cls, config: Any) -> nn.Module:
        """See `PretrainedRestorer`."""
        from restorers.architectures.swinir.network import build

        return build(config)

    @classmethod
    def call(cls, network: Any, *inputs: Any) -> Any:
        """See `PretrainedRestorer`: padded as its authors pad."""
        from restorers.architectures.swinir.network import restore

        return restore(network, inputs[0])

    @classmethod
    def foreign(cls, path: Path) -> nn.Module:
        """See `PretrainedRestorer`: the authors' files for JPEG artifacts."""
        from restorers.architectures.swinir.network import build, config_from_tensors
        from restorers.checkpoints.state_dict import network_from

        return network_from(
            path, config_from_tensors, build, "SwinIR for JPEG in its authors' layout"
        )

    def run(self, network: Any, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        import torch

        from restorers.architectures.swinir.network import restore
        from restorers.common.pixels import to_pixels, to_tensor

        with torch.inference_mode():
            image = to_tensor(compressed.pixels, next(network.parameters()).device)
            return to_pixels(restore(network, image, tile))
