"""The network of DMCNN (arXiv 1806.03275), colour, and its multi-scale loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.plugins import Compressed
from restorers.architectures.dmcnn.config import Branch, DMCNNConfig
from restorers.common.pixels import to_pixels, to_tensor
from restorers.common.tiling import Box, Tile, blended
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import (
    FREQUENCIES,
    Planes,
    deviations,
    on_chroma_grid,
    on_luma_grid,
    render,
    tensors,
)


class DMCNNResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))), 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        out: Tensor = features + self.second(F.relu(self.first(features), inplace=True))
        return out


class DMCNNAutoEncoder(nn.Module):
    """An encoder, dilated convolutions, and a decoder with a shortcut from every scale.

    Args:
        inputs: channels in.
        branch: its size.
    """

    def __init__(self, inputs: int, branch: Branch) -> None:
        super().__init__()
        widths = branch.widths
        self.head = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.encoder, self.down = nn.ModuleList(), nn.ModuleList()
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for index, count in enumerate(branch.blocks):
            fine, coarse = widths[index], widths[index + 1]
            self.encoder.append(nn.Sequential(*(DMCNNResidualBlock(fine) for _ in range(count))))
            self.down.append(nn.Conv2d(fine, coarse, 2, stride=2))
            self.up.append(nn.ConvTranspose2d(coarse, fine, 2, stride=2))
            self.decoder.append(nn.Sequential(*(DMCNNResidualBlock(fine) for _ in range(count))))
        self.dilated = nn.ModuleList(
            nn.Conv2d(widths[-1], widths[-1], 3, padding=d, dilation=d) for d in branch.dilations
        )
        self.multiple = 1 << len(branch.blocks)

    def forward(self, maps: Tensor) -> list[Tensor]:
        """Features at every scale.

        Args:
            maps: (N, inputs, H, W); padded inside by repeating the last row and column.

        Returns:
            Of scale i (N, widths[i], ceil(H / 2^i), ceil(W / 2^i)), finest first.
        """
        height, width = maps.shape[2:]
        bottom, right = -height % self.multiple, -width % self.multiple
        features: Tensor = self.head(F.pad(maps, (0, right, 0, bottom), mode="replicate"))
        skips = []
        for encode, down in zip(self.encoder, self.down, strict=True):
            features = encode(features)
            skips.append(features)
            features = F.relu(down(features), inplace=True)
        for convolution in self.dilated:
            features = features + F.relu(convolution(features), inplace=True)
        scales = [features]
        for index in reversed(range(len(skips))):
            features = self.decoder[index](self.up[index](features) + skips[index])
            scales.append(features)
        sides = [(-(-height // f), -(-width // f)) for f in _factors(len(scales))]
        return [m[:, :, :h, :w] for m, (h, w) in zip(reversed(scales), sides, strict=True)]


def _factors(scales: int) -> list[int]:
    return [1 << index for index in range(scales)]


class SpectralBranch(nn.Module):
    """The DCT-domain branch: coefficients in, changes of coefficients out.

    The 64 frequencies are channels, so that a convolution sees the same frequency of neighbouring
    blocks, and dilations reach over many blocks.
    """

    deviations: Tensor

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.body = DMCNNAutoEncoder(3 * FREQUENCIES, branch)
        self.luma = _silent(branch.widths[0], FREQUENCIES)
        self.chroma = _silent(branch.widths[0], 2 * FREQUENCIES)
        self.register_buffer("deviations", deviations(), persistent=False)

    def forward(self, planes: Planes) -> tuple[Tensor, Tensor]:
        """Changes of the luma and of the chroma coefficients, shaped like those of ``planes``."""
        scaled = planes.chroma / self.deviations[1:, :, None, None]
        chroma = on_luma_grid(scaled.flatten(1, 2), planes)
        luma = planes.luma / self.deviations[0, :, None, None]
        features = self.body(torch.cat([luma, chroma], dim=1))[0]
        change = self.luma(features)
        changes = self.chroma(on_chroma_grid(features, planes)).unflatten(1, (2, FREQUENCIES))
        return (
            rectified(change, planes.tables[:, 0]),
            rectified(changes, planes.tables[:, 1:]),
        )


def rectified(steps: Tensor, tables: Tensor) -> Tensor:
    """DCT rectify unit: the original coefficient lies within half a quantiser step of the file's.

    Args:
        steps: wanted changes, (..., 64, h, w), in quantiser steps.
        tables: quantiser steps, (..., 64).

    Returns:
        Changes of coefficients, clipped to half a step either way.
    """
    return steps.clamp(-0.5, 0.5) * tables[..., None, None]


def _silent(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that says nothing until it is trained."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class DMCNNOutput(NamedTuple):
    """What a DMCNN makes of a batch.

    Attributes:
        image: the restored images, (N, 3, H, W), nominally 0..1, not clamped.
        spectral: what the DCT-domain branch alone would give, likewise.
        scales: estimates at 1/2, 1/4, ... of the size (rounded up), for the multi-scale loss.
    """

    image: Tensor
    spectral: Tensor
    scales: list[Tensor]


class DMCNNNetwork(nn.Module):
    """DCT-domain branch, then pixel-domain branch; both add to the decoded image.

    Untrained, it returns the decoded image bit for bit.

    Attributes:
        weight: of the DCT-domain estimate in the result; the decoded image has the rest.
    """

    def __init__(self, config: DMCNNConfig) -> None:
        super().__init__()
        self.spectral = SpectralBranch(config.spectral)
        self.pixel = DMCNNAutoEncoder(6, config.pixel)
        self.outputs = nn.ModuleList(_silent(width, 3) for width in config.pixel.widths)
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, planes: Planes, image: Tensor) -> DMCNNOutput:
        """Restore a batch.

        Args:
            planes: coefficients and quantisation tables.
            image: the same files, decoded, (N, 3, H, W), 0..1.
        """
        rendered = self.rendered(planes)
        features = self.pixel(torch.cat([image, image + rendered], dim=1))
        added, *coarse = (out(f) for out, f in zip(self.outputs, features, strict=True))
        scales = [halved(image, i + 1) + change for i, change in enumerate(coarse)]
        return DMCNNOutput(image + self.weight * rendered + added, image + rendered, scales)

    def rendered(self, planes: Planes) -> Tensor:
        """What the DCT-domain branch changes in the decoded images, (N, 3, H, W)."""
        luma, chroma = self.spectral(planes)
        # Transforms are linear: adding the rendered changes spares rounding and clipping twice.
        return render(luma, chroma, planes.ratio, planes.size)

    def tiled(self, planes: Planes, image: Tensor, tile: Tile) -> Tensor:
        """The restored image alone, the pixel-domain branch going tile by tile.

        The DCT-domain branch sees the whole image. It reaches much further, over 70 blocks, and
        at an eighth of the height and width needs little memory.

        Args:
            planes: see `forward`; one file.
            image: (1, 3, H, W).
            tile: how to cut it.
        """
        rendered = self.rendered(planes)

        def added(box: Box) -> Tensor:
            part = box.cut(image)
            both = torch.cat([part, part + box.cut(rendered)], dim=1)
            out: Tensor = self.outputs[0](self.pixel(both)[0])
            return out

        change = blended(added, planes.size, tile)
        return image + self.weight * rendered + change


def halved(image: Tensor, times: int) -> Tensor:
    """An image at 1/2^times of its size, rounded up: means of what there is in each cell."""
    factor = 1 << times
    return F.avg_pool2d(image, factor, ceil_mode=True, count_include_pad=False)


def multi_scale_loss(
    restored: DMCNNOutput, target: Tensor, theta: float = 0.618, spectral: float = 0.9
) -> Tensor:
    """Mean squared errors of the image, of the coarser scales, and of the DCT-domain estimate.

    Args:
        restored: of the network.
        target: the original images, (N, 3, H, W), 0..1.
        theta: weight of scale 1/2; of scale 1/2^i it is theta^i.
        spectral: weight of the DCT-domain estimate.
    """
    loss = F.mse_loss(restored.image, target)
    loss = loss + spectral * F.mse_loss(restored.spectral, target)
    for index, scale in enumerate(restored.scales, start=1):
        loss = loss + theta**index * F.mse_loss(scale, halved(target, index))
    return loss


def restore(
    network: DMCNNNetwork, compressed: Compressed, tile: Tile | None = None
) -> NDArray[np.uint8]:
    """The restored image, (height, width, 3) uint8 RGB, by a network in evaluation mode.

    Args:
        network: in evaluation mode.
        compressed: the image.
        tile: how the pixel-domain branch cuts it; None: not at all.

    Raises:
        UserError: the file is no JPEG, or one of a kind that `coefficients.read` refuses.
    """
    device = network.weight.device
    planes = tensors(read(compressed)).to(device)
    with torch.inference_mode():
        image = to_tensor(compressed.pixels, device)
        if tile is None:
            return to_pixels(network(planes, image).image)
        return to_pixels(network.tiled(planes, image, tile))
