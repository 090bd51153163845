"""What DMCNN is built from: the auto-encoder of both branches, and the DCT-domain branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restorers.jpeg.dct import FREQUENCIES, Planes, deviations, on_chroma_grid, on_luma_grid

if TYPE_CHECKING:
    from restorers.architectures.dmcnn import Branch


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
        self.luma = silent_convolution(branch.widths[0], FREQUENCIES)
        self.chroma = silent_convolution(branch.widths[0], 2 * FREQUENCIES)
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


def silent_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that says nothing until it is trained."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
