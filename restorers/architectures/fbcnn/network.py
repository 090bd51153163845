"""FBCNN's network: spandrel's, in sizes of our own too, and its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from restorers.common.blending import tiled
from restorers.common.colour import Plane, on_luma, to_pixels, to_tensor
from restorers.common.tiling import Tile

if TYPE_CHECKING:
    from spandrel.architectures.FBCNN import FBCNN

    from restorers.architectures.fbcnn import FBCNNConfig

QF_WIDTH = 512
"""Width of the quality-factor MLPs in spandrel's class, which knows no other: the published one."""

STRIDE = 8
"""The network pads heights and widths to a multiple of this: its coarsest scale is 1/8."""


def build(config: FBCNNConfig) -> FBCNN:
    """An untrained FBCNN; called with (N, C, H, W) in 0..1 and optionally `told`.

    It returns the restored images and what it predicts: (N, 1), 1 - QF / 100.
    """
    from spandrel.architectures.FBCNN import FBCNN

    network = FBCNN(
        in_nc=config.colours, out_nc=config.colours, nc=list(config.widths), nb=config.blocks
    )
    if config.widths[3] != QF_WIDTH or config.qf_width != QF_WIDTH:
        _resize(network, config)
    return network


def _resize(network: FBCNN, config: FBCNNConfig) -> None:
    """Give the quality-factor MLPs, 512 wide in spandrel's class, the config's width."""
    width, first = config.qf_width, config.blocks + 2
    predictor, embedding = network.qf_pred, network.qf_embed
    predictor[first] = nn.Linear(config.widths[3], width)
    predictor[first + 2] = nn.Linear(width, width)
    predictor[first + 4] = nn.Linear(width, 1)
    for index, inputs in ((0, 1), (2, width), (4, width)):
        embedding[index] = nn.Linear(inputs, width)
    for scale, channels in zip((1, 2, 3), config.widths, strict=False):
        for part in ("gamma", "beta"):
            getattr(network, f"to_{part}_{scale}")[0] = nn.Linear(width, channels)


def told(qf: Tensor) -> Tensor:
    """Quality factors (N,), 1..100, as the network takes and predicts them: (N, 1), 1 - QF/100."""
    return (1 - qf.float() / 100)[:, None]


def flexible_loss(
    restored: Tensor, predicted: Tensor, target: Tensor, qf: Tensor, weight: float = 0.1
) -> Tensor:
    """L1 of the image plus ``weight`` times L1 of the predicted quality factor, as in the paper.

    Args:
        restored: (N, C, H, W), 0..1.
        predicted: (N, 1), see `told`.
        target: the original images.
        qf: of the compressed images, (N,), 1..100.
        weight: lambda.
    """
    return F.l1_loss(restored, target) + weight * F.l1_loss(predicted.float(), told(qf))


def start_at_identity(network: FBCNN) -> None:
    """Initialise so that the network returns its input.

    FBCNN has no connection from input to output, and a short training would spend itself on
    learning to copy. So the first channels of the head carry the colours; the first scale's skip
    connection brings them to the tail, whose centre taps give them back; and what the decoder adds
    to those channels, and the tail takes from the others, starts at zero. The architecture stays
    as it is.
    """
    colours = network.m_head.weight.shape[1]
    own = slice(0, colours)
    with torch.no_grad():
        for layer in (network.m_head, network.m_tail):
            layer.weight[own] = 0
            layer.bias[own] = 0
            for channel in range(colours):
                layer.weight[channel, channel, 1, 1] = 1
        upscale, *attentions = network.m_up1
        upscale.weight[:, own] = 0
        upscale.bias[own] = 0
        for layer in [attention.res[-1] for attention in attentions] + [network.to_beta_1[0]]:
            layer.weight[own] = 0
            layer.bias[own] = 0


def predict(network: FBCNN, image: Tensor, tile: Tile) -> Tensor:
    """What the network predicts for a whole image it sees in tiles: (1, 1), 1 - QF / 100.

    Its prediction goes by the mean of features at 1/8 of the size; those of the tiles are put
    together before the mean is taken.

    Args:
        network: in evaluation mode.
        image: (1, C, H, W), 0..1, H and W multiples of `STRIDE`.
        tile: how to cut it.
    """
    blocks = len(network.m_body_encoder)
    encoder = nn.Sequential(
        network.m_head,
        network.m_down1,
        network.m_down2,
        network.m_down3,
        network.m_body_encoder,
        network.qf_pred[:blocks],
    )
    predicted: Tensor = network.qf_pred[blocks:](tiled(encoder, image, tile, STRIDE, STRIDE))
    return predicted


def restore_tiled(
    network: FBCNN, image: Tensor, known: Tensor | None, tile: Tile
) -> tuple[Tensor, Tensor]:
    """What ``network(image, known)`` returns, tile by tile.

    Tiles go by one quality factor: ``known``, or what is predicted for the whole image.

    Args:
        network: in evaluation mode.
        image: (1, C, H, W), 0..1.
        known: the quality factor as `told` gives it; None: blind.
        tile: how to cut the image.
    """
    height, width = image.shape[2:]
    image = F.pad(image, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
    predicted = predict(network, image, tile)
    given = predicted if known is None else known
    restored = tiled(lambda part: network(part, given)[0], image, tile, STRIDE)
    return restored[:, :, :height, :width], predicted


def restore(
    network: FBCNN, pixels: NDArray[np.uint8], qf: int | None, tile: Tile | None = None
) -> tuple[NDArray[np.uint8], float]:
    """The restored image and the quality factor the network predicts, 0..100.

    Args:
        network: in evaluation mode.
        pixels: (height, width, 3) uint8 RGB.
        qf: what to tell it; None: let it go by its own prediction.
        tile: how to cut the image; None: not at all.
    """
    restored, predicted = _run(network, to_tensor(pixels), qf, tile)
    return to_pixels(restored, pixels), predicted


def restore_luma(
    network: FBCNN, pixels: NDArray[np.uint8], grey: bool, qf: int | None, tile: Tile | None = None
) -> tuple[NDArray[np.uint8], float]:
    """As `restore`, by a network for luma; ``grey`` is `on_luma`'s."""
    predictions = []

    def run(plane: Plane) -> Plane:
        restored, predicted = _run(network, torch.from_numpy(plane)[None, None], qf, tile)
        predictions.append(predicted)
        return restored[0, 0].cpu().numpy()

    return on_luma(pixels, grey, run), predictions[0]


def _run(network: FBCNN, image: Tensor, qf: int | None, tile: Tile | None) -> tuple[Tensor, float]:
    """The restored image, (1, C, H, W) as ``image``, and the predicted quality factor."""
    with torch.inference_mode():
        device = next(network.parameters()).device
        image = image.to(device)
        known = None if qf is None else told(torch.tensor([qf], device=device))
        if tile is None:
            restored, predicted = network(image, known)
        else:
            restored, predicted = restore_tiled(network, image, known, tile)
        return restored, 100 * (1 - float(predicted[0, 0]))
