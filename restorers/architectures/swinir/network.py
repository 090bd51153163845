"""SwinIR's network: spandrel's, padded as its authors pad, and its loss."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor, nn
from torch.nn import functional as F

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

    def forward_features(self, x: Tensor) -> Tensor:
        """The transformer layers, (B, C, H, W) to the same.

        Restoring on a CPU, every transformer block works through the image one row of windows
        after the other: what it needs in between then stays in the cores' caches, which halves its
        time. Values differ from spandrel's by rounding alone.
        """
        if torch.is_grad_enabled() or x.device.type != "cpu" or self.ape:
            features: Tensor = super().forward_features(x)
            return features
        size = (x.shape[2], x.shape[3])
        tokens = self.patch_embed(x)
        for layer in self.layers:
            inner = tokens
            for block in layer.residual_group.blocks:
                inner = by_rows_of_windows(block, inner, size)
            tokens = tokens + layer.patch_embed(layer.conv(layer.patch_unembed(inner, size)))
        whole: Tensor = self.patch_unembed(self.norm(tokens), size)
        return whole


def by_rows_of_windows(block: Any, tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """A transformer block of spandrel's SwinIR in evaluation mode, one row of windows at a time.

    Args:
        block: with windows of side w, perhaps shifted.
        tokens: (B, H W, C).
        size: H and W, multiples of w.

    Returns:
        (B, H W, C).
    """
    (height, width), side, shift = size, int(block.window_size), int(block.shift_size)
    batch, _, channels = tokens.shape
    image = tokens.view(batch, height, width, channels)
    inner = last = _position_bias(block.attn)
    if shift:
        image = image.roll((-shift, -shift), (1, 2))
        # The first of two rows of windows has the mask of all rows but the last one.
        masks = block.calculate_mask((2 * side, width)).repeat(batch, 1, 1)
        inner, last = (mask[:, None] + inner for mask in _halves(masks, batch))
    result = torch.empty_like(image)
    for top in range(0, height, side):
        row = image[:, top : top + side].view(batch, side, -1, side, channels)
        windows = row.transpose(1, 2).reshape(-1, side * side, channels)
        bias = last if top + side == height else inner
        windows = windows + _attention(block.attn, block.norm1(windows), bias)
        windows = windows + block.mlp(block.norm2(windows))
        row = windows.view(batch, -1, side, side, channels).transpose(1, 2)
        result[:, top : top + side] = row.flatten(2, 3)
    if shift:
        result = result.roll((shift, shift), (1, 2))
    return result.view(batch, height * width, channels)


def _halves(masks: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """The masks of two rows of windows, (B windows N N) each, from those of B images of two."""
    first, second = masks.view(batch, 2, -1, *masks.shape[1:]).unbind(1)
    return first.flatten(0, 1), second.flatten(0, 1)


def _position_bias(attention: Any) -> Tensor:
    """What attention adds for relative positions, (1, heads, N, N) of windows of N pixels."""
    index = attention.relative_position_index
    bias: Tensor = attention.relative_position_bias_table[index]
    return bias.permute(2, 0, 1)[None]


def _attention(attention: Any, windows: Tensor, bias: Tensor) -> Tensor:
    """Attention inside windows, (M, N, C), as one operator.

    Args:
        attention: spandrel's.
        windows: (M, N, C).
        bias: added before the softmax, (M or 1, heads, N, N).
    """
    count, pixels, channels = windows.shape
    heads = int(attention.num_heads)
    query, key, value = (
        attention.qkv(windows).view(count, pixels, 3, heads, -1).permute(2, 0, 3, 1, 4)
    )
    bias = bias.expand(count, heads, pixels, pixels)
    mixed = F.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, scale=float(attention.scale)
    )
    result: Tensor = attention.proj(mixed.transpose(1, 2).reshape(count, pixels, channels))
    return result


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
