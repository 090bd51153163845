"""SwinIR's network: spandrel's, padded as its authors pad, and its loss."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor, nn

from restorers.common.blending import tiled
from restorers.common.tiling import Tile

if TYPE_CHECKING:
    from restorers.architectures.swinir import SwinIRConfig

RANGE = 255.0
"""What the authors multiply 0..1 images with in the networks for JPEG artifacts."""


COMPUTED = ("attn_mask", "relative_position_index")
"""Buffers that follow from the network's size, three quarters of a small network's file."""


class SwinIRNetwork(SwinIR):  # type: ignore[misc]
    """spandrel's network; files need not hold what is `COMPUTED`, and the authors' do."""

    def __init__(self, **numbers: object) -> None:
        super().__init__(**numbers)
        for module in self.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                if name in COMPUTED:
                    module.register_buffer(name, buffer, persistent=False)

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> object:
        """As torch's; what is `COMPUTED` may be there, and must be what was computed here.

        Raises:
            RuntimeError: it is not, or weights are missing, unknown or of other shapes.
        """
        rest, buffers = dict(state_dict), dict(self.named_buffers())
        for name in buffers.keys() & rest.keys() - self.state_dict().keys():
            given = rest.pop(name)
            if not torch.equal(given.to(buffers[name]), buffers[name]):
                raise RuntimeError(f"{name} is not what follows from the network's size.")
        return super().load_state_dict(rest, strict, assign)


def build(config: SwinIRConfig) -> SwinIRNetwork:
    """An untrained SwinIR, (N, 3, H, W) in 0..1 to the same."""
    with warnings.catch_warnings():
        # spandrel calls torch.meshgrid without saying how to index, which is its business.
        warnings.filterwarnings("ignore", "torch.meshgrid")
        return SwinIRNetwork(
            img_size=config.image,
            window_size=config.window,
            img_range=RANGE,
            depths=list(config.depths),
            embed_dim=config.width,
            num_heads=list(config.heads),
            mlp_ratio=2.0,
            upscale=1,
            upsampler="",
            resi_connection="1conv",
        )


def start_at_identity(network: SwinIR) -> None:
    """Initialise so that the network returns its input: the last convolution adds nothing."""
    nn.init.zeros_(network.conv_last.weight)
    nn.init.zeros_(network.conv_last.bias)


def padded(image: Tensor, window: int) -> Tensor:
    """The image continued by its mirror image, as the authors' test script does.

    Both sides become the next *larger* multiple of ``window``: an exact multiple grows by a whole
    window too. spandrel pads only what is needed, which gives other pixels near that border.

    Args:
        image: (N, C, H, W).
        window: side of an attention window.
    """
    height, width = image.shape[2:]
    bottom, right = (side // window * window + window - side for side in (height, width))
    image = torch.cat([image, image.flip(2)], 2)
    while image.shape[2] < height + bottom:  # an image smaller than a window
        image = torch.cat([image, image.flip(2)], 2)
    image = image[:, :, : height + bottom]
    image = torch.cat([image, image.flip(3)], 3)
    while image.shape[3] < width + right:
        image = torch.cat([image, image.flip(3)], 3)
    return image[:, :, :, : width + right]


def restore(network: SwinIR, image: Tensor, tile: Tile | None = None) -> Tensor:
    """Restore an image of any size.

    Args:
        network: in evaluation mode.
        image: (1, 3, H, W), 0..1.
        tile: how to cut it, along the attention windows; None: not at all.

    Returns:
        (1, 3, H, W), not clamped.
    """
    height, width = image.shape[2:]
    window = int(network.window_size)
    # Padded once, as a whole: a multiple of the window, tiles of it are multiples too.
    return tiled(network, padded(image, window), tile, window)[:, :, :height, :width]


def charbonnier_loss(restored: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference^2 + epsilon^2), SwinIR's Eq. 8."""
    return ((restored - target) ** 2 + epsilon**2).sqrt().mean()
