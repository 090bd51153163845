"""IPT, the pre-trained image processing transformer, with a head for JPEG: one network a QF.

Chen, Wang, Guo, Xu, Deng, Liu, Ma, Xu, Xu, Gao: "Pre-Trained Image Processing Transformer", CVPR
2021 (arXiv 2012.00364). The network is spandrel's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from harness.errors import UserError
from harness.plugins import RGB, Compressed, Cost
from restorers.common.pretrained import PretrainedRestorer
from restorers.common.tiling import Tile, Tiling, Unneeded

if TYPE_CHECKING:
    from spandrel.architectures.IPT import IPT as IPTNetwork  # noqa: N811
    from torch import Tensor

    from restorers.common.complexity import Example


@dataclass(frozen=True)
class IPTConfig:
    """One IPT with a single head and tail. The defaults are the published size.

    Attributes:
        width: channels of the convolutions.
        patch: side of the patches the transformer sees, pixels.
        token: side of a token, pixels; tokens have ``width token^2`` channels.
        heads: attention heads.
        layers: transformer layers of the encoder, and again of the decoder.
        stride: pixels between the patches an image is restored in.
    """

    width: int = 64
    patch: int = 48
    token: int = 3
    heads: int = 12
    layers: int = 12
    stride: int = 12

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> IPTConfig:
        """The size of the network that weights in the authors' layout are of.

        The number of attention heads leaves no trace in the weights: they are taken to be as many
        as the authors'.

        Raises:
            LookupError: they are no IPT's.
            UserError: they have several heads and tails, or a tail that enlarges.
        """
        from spandrel.util import get_seq_len

        tasks = get_seq_len(tensors, "head")
        if tasks > 1 or "tail.0.0.0.weight" in tensors:
            raise UserError(
                f"These IPT weights are for {tasks} tasks or for super-resolution: save a file "
                "with one head and one tail, those for JPEG at the image's own size."
            )
        width = tensors["head.0.0.weight"].shape[0]
        channels = tensors["body.linear_encoding.weight"].shape[0]
        token = math.isqrt(channels // width)
        tokens = tensors["body.query_embed.weight"].shape[1] // channels
        patch = math.isqrt(tokens) * token
        layers = get_seq_len(tensors, "body.encoder.layers")
        return cls(width=width, patch=patch, token=token, layers=layers, stride=patch // 4)


PUBLISHED = IPTConfig()
"""The authors'."""

SMALL = IPTConfig(width=6, token=4, heads=4, layers=1, stride=24)
"""Two layers, tokens of 96 channels, patches that overlap by half: for two CPU cores."""

PRESETS: Mapping[str, IPTConfig] = MappingProxyType({"published": PUBLISHED, "small": SMALL})
"""Sizes, by name."""


class IPT(PretrainedRestorer[IPTConfig, "IPTNetwork"]):
    """IPT, a network a quality factor, on overlapping patches."""

    name = "ipt"
    version = "2"  # patches are laid together as by its authors
    multi_model = True
    year = 2021
    sizes: ClassVar[Mapping[str, IPTConfig]] = PRESETS
    # It restores in patches anyway, so many at a time.
    tiling: ClassVar[Tiling] = Unneeded()
    paper: ClassVar[str] = (
        "Chen, Wang, Guo, Xu, Deng, Liu, Ma, Xu, Xu, Gao: Pre-Trained Image Processing "
        "Transformer. CVPR 2021 (arXiv 2012.00364)."
    )

    @classmethod
    def untrained(cls, config: IPTConfig) -> IPTNetwork:
        """See `PretrainedRestorer`."""
        from restorers.architectures.ipt.network import build

        return build(config)

    @classmethod
    def call(cls, network: IPTNetwork, example: Example) -> object:
        """See `PretrainedRestorer`: patch by patch."""
        from restorers.architectures.ipt.network import restore

        return restore(network, example.image, network.stride)

    @classmethod
    def cost(cls, preset: str, height: int, width: int) -> Cost:
        """See `PretrainedRestorer`: one patch's cost times the patches, too many to count."""
        from restorers.architectures.ipt.network import patch_count

        config = cls.presets()[preset]
        patch = super().cost(preset, config.patch, config.patch)
        count = patch_count(height, width, config.patch, config.stride)
        return replace(patch, macs=count * patch.macs, macs_by_output=count * patch.macs_by_output)

    @classmethod
    def foreign(cls, path: Path) -> IPTNetwork:
        """See `PretrainedRestorer`: files in the authors' layout, with one head and one tail."""
        from restorers.architectures.ipt.network import build
        from restorers.checkpoints.state_dict import network_from

        return network_from(path, IPTConfig.from_tensors, build, "IPT in its authors' layout")

    def run(self, network: IPTNetwork, compressed: Compressed, tile: Tile | None) -> RGB:
        """See `PretrainedRestorer`."""
        import torch

        from restorers.architectures.ipt.network import restore
        from restorers.common.colour import to_pixels, to_tensor

        with torch.inference_mode():
            image = to_tensor(compressed.pixels, next(network.parameters()).device)
            return to_pixels(restore(network, image, network.stride), compressed.pixels)
