"""The network of DMCNN (arXiv 1806.03275), colour, and its multi-scale loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.plugins import Compressed
from restorers.architectures.dmcnn.branches import (
    DMCNNAutoEncoder,
    SpectralBranch,
    silent_convolution,
)
from restorers.common.blending import Box, blended
from restorers.common.colour import to_pixels, to_tensor
from restorers.common.tiling import Tile
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import Planes, render, tensors

if TYPE_CHECKING:
    from restorers.architectures.dmcnn import DMCNNConfig


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
        self.outputs = nn.ModuleList(silent_convolution(width, 3) for width in config.pixel.widths)
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
            return to_pixels(network(planes, image).image, compressed.pixels)
        return to_pixels(network.tiled(planes, image, tile), compressed.pixels)
