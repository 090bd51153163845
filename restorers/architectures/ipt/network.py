"""IPT's network: spandrel's, restoring an image patch by patch, and its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


class Cut(NamedTuple):
    """A row of patches along one axis.

    Attributes:
        start: their first pixel.
        first: the first pixel that they count for.
        stop: behind the last one.
    """

    start: int
    first: int
    stop: int


def restore(network: IPT, image: Tensor, stride: int) -> Tensor:
    """Restore an image of any size from overlapping patches, laid together as the authors' are.

    Patches are cut every ``stride`` pixels, and flush with the last row and column. Of a patch the
    middle half counts, and what lies between it and the first row or column; where several count,
    their mean is taken. Below and to the right it is the flush patches alone, over a little more
    than their lower and right halves. In the upper left corner the first patch alone gives the top
    rows, as wide as it is: so does the authors' program (`forward_chop`). Their stride is a quarter
    of a patch. An image smaller than a patch is continued by its border; theirs cannot be.

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
    rows, columns = (cuts(length, side, stride) for length in image.shape[2:])
    places = [(row, column) for row in rows for column in columns]
    total, weight = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    corner = None
    for begin in range(0, len(places), PATCHES_AT_ONCE):
        some = places[begin : begin + PATCHES_AT_ONCE]
        patches = torch.cat(
            [image[:, :, r.start : r.start + side, c.start : c.start + side] for r, c in some]
        )
        for patch, (row, column) in zip(network(patches), some, strict=True):
            corner = patch if corner is None else corner
            counted = patch[
                :,
                row.first - row.start : row.stop - row.start,
                column.first - column.start : column.stop - column.start,
            ]
            total[0, :, row.first : row.stop, column.first : column.stop] += counted
            weight[0, :, row.first : row.stop, column.first : column.stop] += 1
    restored: Tensor = total / weight
    assert corner is not None
    top, left = side // 4, min(side, _flush_alone(image.shape[3], side, stride))
    restored[0, :, :top, :left] = corner[:, :top, :left]
    return restored[:, :, :height, :width] / RANGE


def patch_count(height: int, width: int, side: int, stride: int) -> int:
    """How many patches `restore` cuts an image of height x width pixels into."""
    rows, columns = (len(cuts(max(length, side), side, stride)) for length in (height, width))
    return rows * columns


def cuts(length: int, side: int, stride: int) -> list[Cut]:
    """Where patches are cut along an axis, and what of them counts.

    Args:
        length: of the image, at least ``side``.
        side: of a patch.
        stride: see `restore`.
    """
    margin, last = side // 4, length - side
    if last == 0:
        return [Cut(0, 0, length)]
    end = _flush_alone(length, side, stride)
    regular = [
        Cut(start, start + margin if start else 0, min(start + side - margin, end))
        for start in range(0, last, stride)
    ]
    is_regular = last % stride == 0
    return [*regular, Cut(last, last + margin if is_regular else end, length)]


def _flush_alone(length: int, side: int, stride: int) -> int:
    """From where on the patches flush with the end of an axis count alone."""
    left_over = (length - side) % stride
    return length - left_over - (side - left_over) // 2


def reconstruction_loss(restored: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error, IPT's supervised loss (its Eq. 5), both in 0..1."""
    return F.l1_loss(restored, target)
