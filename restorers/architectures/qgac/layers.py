"""What QGAC is built from: convolutional filter manifolds, dense blocks, and nets of these.

Maps of coefficients are (N, 64 C, h, w) on the blocks' grid, the frequency first: channel
``C k + c`` is feature c of frequency k. An 8x8 convolution of stride 8 over C maps of pixels is
then a 1x1 convolution, its transpose likewise, and a net for each frequency is a convolution in 64
groups.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from restorers.jpeg.dct import BLOCK, FREQUENCIES

SLOPE = 0.25
"""PReLU's slope for negative inputs before any training."""


class FilterManifold(nn.Module):
    """Convolutional filter manifold: a linear map whose weights a quantisation table decides.

    A net of three layers: two on the table, the last making every weight from
    ``manifold`` channels. Each image of a batch gets filters of its own.

    Args:
        inputs: channels in.
        outputs: channels out.
        manifold: channels inside.
    """

    def __init__(self, inputs: int, outputs: int, manifold: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.embed = nn.Sequential(
            nn.Linear(FREQUENCIES, manifold),
            nn.PReLU(),
            nn.Linear(manifold, manifold),
            nn.PReLU(),
        )
        self.filters = nn.Linear(manifold, inputs * outputs, bias=False)
        self.biases = nn.Linear(manifold, outputs)
        self._initialise(manifold)

    def _initialise(self, manifold: int) -> None:
        # So that the filters a table of middling steps makes are those of He et al. (ICCV 2015).
        for layer in (self.embed[0], self.embed[2]):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.filters.weight, std=math.sqrt(2 / (manifold * self.inputs)))
        nn.init.zeros_(self.biases.weight)
        nn.init.zeros_(self.biases.bias)

    def forward(self, maps: Tensor, table: Tensor) -> Tensor:
        """Filter ``maps``.

        Args:
            maps: (N, inputs, h, w).
            table: quantiser steps, (N, 64), 1..65535.

        Returns:
            (N, outputs, h, w).
        """
        # Steps double every few quality factors: their logarithm spreads all QFs over 0..1.
        embedded = self.embed(table.log2() / BLOCK)
        weights: Tensor = self.filters(embedded).reshape(-1, self.outputs, self.inputs)
        filtered: Tensor = torch.bmm(weights, maps.flatten(2)) + self.biases(embedded)[:, :, None]
        return filtered.reshape(len(maps), self.outputs, *maps.shape[2:])


def joined(maps: list[Tensor], groups: int) -> Tensor:
    """Concatenate maps, (N, groups C_i, h, w), within each group of channels."""
    grouped = [part.reshape(len(part), groups, -1, *part.shape[2:]) for part in maps]
    return torch.cat(grouped, dim=2).flatten(1, 2)


def convolution(inputs: int, outputs: int, groups: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, ``inputs`` and ``outputs`` channels a group."""
    layer = nn.Conv2d(groups * inputs, groups * outputs, 3, padding=1, groups=groups)
    # PReLU's first slope; a dozen layers of smaller weights would leave little of a signal.
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class DenseBlock(nn.Module):
    """Five convolutions, each seeing all before it; the last is added, scaled by 0.2."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.layers = nn.ModuleList(
            convolution(channels * (index + 1), channels, groups) for index in range(5)
        )
        self.activations = nn.ModuleList(nn.PReLU() for _ in range(5))
        for layer in self.layers:
            # As ESRGAN's authors found, deep residual nets start better with smaller weights.
            weight: Tensor = layer.weight  # type: ignore[assignment]
            weight.data *= 0.1

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C, h, w)."""
        seen = [features]
        for layer, activation in zip(self.layers, self.activations, strict=True):
            seen.append(activation(layer(joined(seen, self.groups))))
        return features + 0.2 * seen[-1]


class RRDB(nn.Module):
    """Residual in residual dense block of ESRGAN (Wang et al., 2018), without normalisation.

    Args:
        channels: a group has.
        groups: 1, or 64 for a net for each frequency.
    """

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(channels, groups) for _ in range(3)))

    def forward(self, features: Tensor) -> Tensor:
        """(N, groups C, h, w) to the same shape."""
        out: Tensor = features + 0.2 * self.blocks(features)
        return out


class BlockNet(nn.Module):
    """Block-wise net: a block of 8x8 coefficients becomes one vector, an RRDB, and back.

    Args:
        inputs: features a coefficient has before.
        outputs: and after.
        channels: of a block's vector.
        manifold: channels of the filter manifolds.
    """

    def __init__(self, inputs: int, outputs: int, channels: int, manifold: int) -> None:
        super().__init__()
        self.encode = FilterManifold(FREQUENCIES * inputs, channels, manifold)
        self.enhance = RRDB(channels)
        self.decode = FilterManifold(channels, FREQUENCIES * outputs, manifold)
        self.encoded, self.decoded = nn.PReLU(), nn.PReLU()

    def forward(self, maps: Tensor, table: Tensor) -> Tensor:
        """(N, 64 inputs, h, w) to (N, 64 outputs, h, w), given the table, (N, 64)."""
        features = self.enhance(self.encoded(self.encode(maps, table)))
        out: Tensor = self.decoded(self.decode(features, table))
        return out


class FrequencyNet(nn.Module):
    """Frequency-wise net: every frequency apart, across the blocks."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(features, channels, FREQUENCIES),
            nn.PReLU(),
            RRDB(channels, FREQUENCIES),
            convolution(channels, features, FREQUENCIES),
            nn.PReLU(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(N, 64 C, h, w) to (N, 64 C, h, w)."""
        out: Tensor = self.layers(maps)
        return out
