"""IPT's network: spandrel's, restoring an image patch by patch, and its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from spandrel.architectures.IPT import IPT

    from restorers.architectures.ipt import IPTConfig

RANGE = 255.0
PATCHES_AT_ONCE = 64


def build(config: IPTConfig) -> IPT:
    """An untrained IPT: (N, 3, patch, patch) in 0..255 to the same."""
    from spandrel.architectures.IPT import IPT

    network: IPT = IPT(
        patch_size=config.patch,
        patch_dim=config.token,
        n_feats=config.width,
        rgb_range=RANGE,
        num_heads=config.heads,
        num_layers=config.layers,
        scale=[1],
    )
    network.stride = config.stride
    return network


def start_at_identity(network: IPT) -> None:
    """Initialise so that the network returns its input.

    IPT has no connection from input to output. The first channels of the head carry the colours;
    whatever is added to them on the way, by residual blocks, linear maps and attention, starts at
    zero; the body's result is added to the head's, so the tail's centre taps are one half. The
    architecture stays as it is.
    """
    with torch.no_grad():
        first, *blocks = network.head[0]
        tail = network.tail[0][-1]
        for layer, tap in ((first, 1.0), (tail, 0.5)):
            layer.weight[:3] = 0
            layer.bias[:3] = 0
            for channel in range(3):
                centre = layer.kernel_size[0] // 2
                layer.weight[channel, channel, centre, centre] = tap
        for block in blocks:
            block.body[-1].weight[:3] = 0
            block.body[-1].bias[:3] = 0
        body = network.body
        silent = [body.linear_encoding, body.mlp_head[-2]]
        for layer in [*body.encoder.layers, *body.decoder.layers]:
            silent += [layer.linear2, layer.self_attn.out_proj]
            if hasattr(layer, "multihead_attn"):
                silent.append(layer.multihead_attn.out_proj)
        for layer in silent:
            layer.weight.zero_()
            if layer.bias is not None:
                layer.bias.zero_()
        body.position_encoding.pe.weight.zero_()


def restore(network: IPT, image: Tensor, stride: int) -> Tensor:
    """Restore an image of any size from overlapping patches.

    As the authors' code: patches every ``stride`` pixels and flush with the last row and column;
    of a patch only the middle half counts where another one has the rest; where several
    count, their mean is taken. The authors' stride is a quarter of a patch. An image smaller than a
    patch is continued by its border.

    Args:
        network: `build`'s, in evaluation mode.
        image: (1, 3, H, W), 0..1.
        stride: see `IPTConfig`, at most half a patch.

    Returns:
        (1, 3, H, W), not clamped.
    """
    side = int(network.patch_size)
    height, width = image.shape[2:]
    bottom, right = max(0, side - height), max(0, side - width)
    image = F.pad(image, (0, right, 0, bottom), mode="replicate") * RANGE
    rows, columns = (_positions(length, side, stride) for length in image.shape[2:])
    places = [(top, left) for top in rows for left in columns]
    total, weight = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for begin in range(0, len(places), PATCHES_AT_ONCE):
        some = places[begin : begin + PATCHES_AT_ONCE]
        patches = torch.cat([image[:, :, y : y + side, x : x + side] for y, x in some])
        for patch, (top, left) in zip(network(patches), some, strict=True):
            y0, y1 = _counted(top, side, image.shape[2])
            x0, x1 = _counted(left, side, image.shape[3])
            total[0, :, y0:y1, x0:x1] += patch[:, y0 - top : y1 - top, x0 - left : x1 - left]
            weight[0, :, y0:y1, x0:x1] += 1
    restored: Tensor = (total / weight / RANGE)[:, :, :height, :width]
    return restored


def patch_count(height: int, width: int, side: int, stride: int) -> int:
    """How many patches `restore` cuts an image of height x width pixels into."""
    rows, columns = (len(_positions(max(length, side), side, stride)) for length in (height, width))
    return rows * columns


def _positions(length: int, side: int, stride: int) -> list[int]:
    regular = list(range(0, length - side + 1, stride))
    return regular if regular[-1] == length - side else [*regular, length - side]


def _counted(start: int, side: int, length: int) -> tuple[int, int]:
    """The part of a patch that counts: all but a quarter at each side that is not the image's."""
    first = start if start == 0 else start + side // 4
    last = start + side if start + side == length else start + side - side // 4
    return first, last


def reconstruction_loss(restored: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error, IPT's supervised loss (its Eq. 5), both in 0..1."""
    return F.l1_loss(restored, target)
