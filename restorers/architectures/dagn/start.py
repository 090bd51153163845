"""Where the training of DAGN's third stage starts: the authors' initialisation, and three changes.

The authors train for two million steps of 256 patches. Trainings here are a thousandth of that, and
there it counts that a network starts near its input and that its guidance is alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from restorers.architectures.dagn.network import DAGNNetwork

GAIN = 0.2
"""Of orthogonal weights, in the authors' options."""

SHARP = 2.0
"""Weight of the normalization of fusion's queries and keys: similarities vary by about 1 over the
85 cells. From weights of 0.1 to 1 they vary by 0.1, and every cell has the same share."""


def initialise(network: DAGNNetwork, frozen: Iterable[nn.Module]) -> None:
    """Start values of all but the encoders.

    The authors': orthogonal weights of gain 0.2, no biases, batch normalization's weights uniform
    from 0.1 to 1. Changed: the first and the last convolution give the image back between them;
    the guiders' shared layers keep the variance of what they are given; their last ones and the
    fusion's begin at zero, that is at scale 1/2, bias 0 and nothing fused, whatever the features;
    fusion's queries tell keys apart (`SHARP`).

    Args:
        network: changed in place.
        frozen: its parts that keep their values.
    """
    kept = {id(module) for part in frozen for module in part.modules()}
    for module in network.modules():
        if id(module) in kept:
            continue
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.orthogonal_(module.weight, gain=GAIN)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.1, 1)
    _give_back(network.base_encoder.head, network.decoder.tail)
    for guider in network.guiders():
        for layer in (guider.shared1, guider.shared2):
            nn.init.orthogonal_(layer.weight)
        for layer in (*guider.scales, *guider.biases):
            nn.init.zeros_(layer.weight)
    if network.config.cfm:
        nn.init.zeros_(network.fusion.out.weight)
        for norm in network.fusion.norms():
            nn.init.constant_(norm.weight, SHARP)


@torch.no_grad()
def _give_back(head: nn.Conv2d, tail: nn.Conv2d) -> None:
    """Make ``tail(head(x))`` equal ``x``: there is no skip from image to image that would.

    Three orthogonal directions of the head's channels carry the pixel's colours, and the tail reads
    these; the head's filters otherwise are as they were, but for these directions.
    """
    channels, colours = head.out_channels, head.in_channels
    carried = nn.init.orthogonal_(torch.empty(channels, colours, device=head.weight.device))
    flat = head.weight.flatten(1)
    head.weight -= (carried @ (carried.T @ flat)).reshape(head.weight.shape)
    head.weight[:, :, 1, 1] += carried
    tail.weight.zero_()
    tail.weight[:, :, 1, 1] = carried.T


@torch.no_grad()
def calibrate(network: DAGNNetwork, image: Tensor) -> None:
    """Before stage 3: guiders and fusion see features of mean 0 and variance 1 a channel.

    This changes weights, nothing else. The features of a trained encoder have much in common for
    all images, and a few channels vary the most; from them as they are, guiders give all images
    nearly the same.

    Args:
        network: its encoders are trained; changed in place.
        image: of the kind to train on, (N, 3, H, W), 0..1; the more, the better.
    """
    config = network.config
    if config.cigm or config.cfm:
        features = network.insensitive_encoder(image)
        if config.cigm:
            _standardise(network.insensitive_guider.shared1, features.mean(dim=(2, 3)))
        if config.cfm:
            cells = features.movedim(1, -1).flatten(0, -2)
            for layer in network.fusion.projections():
                _standardise(layer, cells)
    if config.csgm:
        features = network.sensitive_encoder(image).mean(dim=(2, 3))
        _standardise(network.sensitive_guider.shared1, features)


@torch.no_grad()
def _standardise(layer: nn.Linear | nn.Conv2d, values: Tensor) -> None:
    """Have a layer begin as if its inputs had mean 0 and variance 1 in every channel.

    Args:
        layer: linear, or a 1x1 convolution; changed in place.
        values: of its inputs, (count, channels).
    """
    mean, deviation = values.mean(dim=0), values.std(dim=0)
    # A channel that hardly varies says nothing, and is not to be blown up.
    deviation = deviation.clamp(min=max(0.1 * float(deviation.mean()), 1e-6))
    scale = (1 / deviation).reshape(1, -1, *[1] * (layer.weight.ndim - 2))
    layer.weight.mul_(scale)
    assert layer.bias is not None
    layer.bias -= layer.weight.flatten(1) @ mean
