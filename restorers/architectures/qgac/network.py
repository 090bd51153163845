"""The network of QGAC (arXiv 2004.09320): luma first, then chroma guided by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.plugins import Compressed
from restorers.architectures.qgac.layers import (
    RRDB,
    BlockNet,
    FilterManifold,
    FrequencyNet,
    convolution,
    joined,
)
from restorers.common.blending import Box, blended
from restorers.common.colour import to_pixels, to_tensor
from restorers.common.tiling import Tile
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import BLOCK, FREQUENCIES, Planes, deviations, render, tensors

if TYPE_CHECKING:
    from restorers.architectures.qgac import QGACConfig


class LumaNet(nn.Module):
    """Block-wise, frequency-wise, block-wise; all three fused into a change of the coefficients."""

    def __init__(self, config: QGACConfig) -> None:
        super().__init__()
        latent, inner = config.latent, config.frequency
        self.first = BlockNet(1, latent, config.blocks, config.manifold)
        self.frequencies = FrequencyNet(latent, inner)
        self.second = BlockNet(latent, latent, config.blocks, config.manifold)
        self.fusion = nn.Sequential(
            convolution(3 * latent + 1, inner, FREQUENCIES),
            nn.PReLU(),
            convolution(inner, inner, FREQUENCIES),
            nn.PReLU(),
            convolution(inner, 1, FREQUENCIES),
        )
        _silence(self.fusion[-1])

    def forward(self, luma: Tensor, table: Tensor) -> Tensor:
        """The change of the coefficients, (N, 64, h, w), all normalised."""
        blocks = self.first(luma, table)
        frequencies = self.frequencies(blocks)
        again = self.second(frequencies, table)
        # The coefficients themselves are an addition to the paper: without them the nets have to
        # learn to pass them on first, and a short training gains nothing.
        features = joined([again, frequencies, blocks, luma], FREQUENCIES)
        change: Tensor = self.fusion(features)
        return change


class ChromaNet(nn.Module):
    """Cb or Cr, brought to the luma blocks' grid and guided by the restored luma."""

    def __init__(self, config: QGACConfig) -> None:
        super().__init__()
        width, manifold = config.colour, config.manifold
        self.encode = FilterManifold(FREQUENCIES, width, manifold)
        self.enhance = RRDB(width)
        self.doubler = nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)
        self.guide = FilterManifold(FREQUENCIES, width, manifold)
        self.combine = RRDB(2 * width)
        self.decode = FilterManifold(2 * width, FREQUENCIES, manifold)
        self.activations = nn.ModuleList(nn.PReLU() for _ in range(3))
        # A manifold that makes no filters whatever the table, until it is trained.
        nn.init.zeros_(self.decode.filters.weight)

    def forward(
        self, chroma: Tensor, luma: Tensor, tables: tuple[Tensor, Tensor], ratio: tuple[int, int]
    ) -> Tensor:
        """The change of a chroma component, as coefficients at the luma's resolution.

        Args:
            chroma: (N, 64, hc, wc), normalised.
            luma: restored, (N, 64, h, w), normalised.
            tables: of chroma and of luma, each (N, 64).
            ratio: luma samples to a chroma sample.

        Returns:
            (N, 64, h, w), normalised.
        """
        features = self.enhance(self.activations[0](self.encode(chroma, tables[0])))
        doubled = self.activations[1](self.doubler(features))
        # Made for 4:2:0; an axis that was not subsampled is halved again.
        on_grid = F.avg_pool2d(doubled, (2 // ratio[0], 2 // ratio[1]))
        on_grid = on_grid[:, :, : luma.shape[2], : luma.shape[3]]
        guide = self.activations[2](self.guide(luma, tables[1]))
        combined = self.combine(torch.cat([on_grid, guide], dim=1))
        change: Tensor = self.decode(combined, tables[0])
        return change


def _silence(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class QGACNetwork(nn.Module):
    """Both stages. Untrained, it returns the decoded image bit for bit."""

    deviations: Tensor

    def __init__(self, config: QGACConfig) -> None:
        super().__init__()
        self.luma = LumaNet(config)
        self.chroma = ChromaNet(config)
        self.register_buffer("deviations", deviations(), persistent=False)

    def changes(self, planes: Planes) -> tuple[Tensor, Tensor]:
        """Changes of coefficients, of luma and, at the luma's resolution, of chroma.

        Returns:
            (N, 64, h, w) and (N, 2, 64, h, w).
        """
        scale = self.deviations[:, :, None, None]
        luma = planes.luma / scale[0]
        added = self.luma(luma, planes.tables[:, 0])
        restored = luma + added
        # One net serves Cb and Cr: they go through as one batch.
        count = len(luma)
        chroma = (planes.chroma / scale[1:]).transpose(0, 1).flatten(0, 1)
        tables = planes.tables[:, 1:].transpose(0, 1).flatten(0, 1)
        guides = restored.repeat(2, 1, 1, 1), planes.tables[:, 0].repeat(2, 1)
        coloured = self.chroma(chroma, guides[0], (tables, guides[1]), planes.ratio)
        coloured = coloured.unflatten(0, (2, count)).transpose(0, 1)
        return added * scale[0], coloured * scale[1:]

    def forward(self, planes: Planes, image: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            planes: coefficients and quantisation tables.
            image: the same files, decoded, (N, 3, H, W), 0..1.

        Returns:
            (N, 3, H, W), nominally 0..1, not clamped.
        """
        return image + self.rendered(planes)

    def rendered(self, planes: Planes) -> Tensor:
        """What is changed in the decoded images, (N, 3, H, W)."""
        # Transforms are linear: adding the rendered changes spares rounding and clipping twice.
        return render(*self.changes(planes), (1, 1), planes.size)

    def tiled(self, planes: Planes, image: Tensor, tile: Tile) -> Tensor:
        """As `forward`, tile by tile.

        Args:
            planes: see `forward`; one file.
            image: (1, 3, H, W).
            tile: how to cut it, along the chroma blocks.
        """
        step = [BLOCK * ratio for ratio in planes.ratio]

        def change(box: Box) -> Tensor:
            # At the lower and right borders a tile takes the padding of the last blocks along.
            height, width = (
                -(-side // s) * s for side, s in zip((box.height, box.width), step, strict=True)
            )
            return self.rendered(planes.cut(box.top, box.left, height, width))

        return image + blended(change, planes.size, tile, max(step))


def correction_loss(restored: Tensor, target: Tensor, weight: float = 0.05) -> Tensor:
    """Mean absolute error, less ``weight`` times the mean structural similarity, as in the paper.

    Args:
        restored: (N, 3, H, W), 0..1, at least 11x11 pixels.
        target: the original images, likewise.
        weight: of the similarity.
    """
    return F.l1_loss(restored, target) - weight * similarity(restored, target)


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean SSIM (Wang et al., 2004): Gaussian window 11x11 of sigma 1.5, range 1, each channel."""
    taps = torch.exp(-((torch.arange(11, device=first.device) - 5.0) ** 2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    window = (taps[:, None] * taps)[None, None].to(first.dtype)

    def mean(maps: Tensor) -> Tensor:
        return F.conv2d(maps.flatten(0, 1)[:, None], window)

    a, b = mean(first), mean(second)
    variances = mean(first**2) - a**2 + mean(second**2) - b**2
    covariance = mean(first * second) - a * b
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * a * b + c1) * (2 * covariance + c2)
    return (index / ((a**2 + b**2 + c1) * (variances + c2))).mean()


def restore(
    network: QGACNetwork, compressed: Compressed, tile: Tile | None = None
) -> NDArray[np.uint8]:
    """The restored image, (height, width, 3) uint8 RGB, by a network in evaluation mode.

    Args:
        network: in evaluation mode.
        compressed: the image.
        tile: how to cut it; None: not at all.

    Raises:
        UserError: the file is no JPEG, or one of a kind that `coefficients.read` refuses.
    """
    device = network.deviations.device
    planes = tensors(read(compressed)).to(device)
    with torch.inference_mode():
        image = to_tensor(compressed.pixels, device)
        if tile is None:
            return to_pixels(network(planes, image), compressed.pixels)
        return to_pixels(network.tiled(planes, image, tile), compressed.pixels)
