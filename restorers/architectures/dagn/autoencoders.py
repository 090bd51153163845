"""The two auto-encoders of Sec. III-A; only their encoders are used to restore."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from restorers.architectures.dagn.config import BOTTLENECK, MULTIPLE, QUALITIES, DAGNConfig


class ResNetEncoder(nn.Module):
    """E_ci and E_cs: a ResNet-50 without average pooling, the last stride of 2 replaced by 1.

    Parameter names and shapes at the published size are torchvision's ``resnet50``, so that
    weights trained for it can be loaded (with ``strict=False``: there is no ``fc`` here).

    Args:
        config: its size.
        bottleneck: channels of the layer behind the features; 0: there is none.
    """

    def __init__(self, config: DAGNConfig, bottleneck: int) -> None:
        super().__init__()
        width = config.encoder_width
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs, depths = width, config.encoder_depths
        # Strides 1, 2, 2 and, where ResNet-50 has its last 2, 1: the features are at 1/16.
        for index, (depth, stride) in enumerate(zip(depths, (1, 2, 2, 1), strict=True)):
            planes = width << index
            self.add_module(f"layer{index + 1}", _stage(inputs, planes, depth, stride))
            inputs = Bottleneck.expansion * planes
        assert inputs == config.features
        if bottleneck:
            # Names and shapes are those of the authors' files.
            self.conv5 = nn.Conv2d(inputs, bottleneck, 3, padding=1, bias=False)
            self.bn5 = nn.BatchNorm2d(bottleneck)

    def forward(self, image: Tensor) -> Tensor:
        """Features of an image.

        Args:
            image: (N, 3, H, W), 0..1.

        Returns:
            (N, 32 ``encoder_width``, ceil(H / 16), ceil(W / 16)), not negative.
        """
        features: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        for index in range(1, 5):
            features = self.get_submodule(f"layer{index}")(features)
        return features

    def narrowed(self, features: Tensor) -> Tensor:
        """Features of `forward` through the bottleneck: (N, ``bottleneck``, h, w), not negative."""
        narrow: Tensor = self.relu(self.bn5(self.conv5(features)))
        return narrow


def _stage(inputs: int, planes: int, depth: int, stride: int) -> nn.Sequential:
    outputs = Bottleneck.expansion * planes
    shortcut = nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
    )
    first = Bottleneck(inputs, planes, stride, shortcut)
    return nn.Sequential(first, *(Bottleneck(outputs, planes) for _ in range(depth - 1)))


class ImageDecoder(nn.Module):
    """D_ci and D_cs: 15 layers, five convolutions, then convolution and transposed in turn.

    They decode the eight channels of the encoder's bottleneck, as the released encoders end. From
    the features themselves, of 2.7 values a pixel value (2048 channels at 1/16), an image comes
    back almost whatever they are, and learning to decode it teaches them nothing of its content.

    The encoder's stride is 16 and there are five transposed convolutions: four double the size,
    the fifth, of stride 1, gives the image.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        wide = config.widths[3]
        layers: list[nn.Module] = []
        for index in range(5):
            layers += _activated(nn.Conv2d(wide if index else BOTTLENECK, wide, 3, padding=1))
        # Eighths of the widths halve towards the image: 512 -> 256 -> 128 -> 64 -> 64 channels.
        outputs = [config.widths[2], config.widths[1], config.widths[0], config.widths[0]]
        for before, after in zip([wide, *outputs[:-1]], outputs, strict=True):
            layers += _activated(nn.Conv2d(before, after, 3, padding=1))
            layers += _activated(nn.ConvTranspose2d(after, after, 2, stride=2))
        layers += _activated(nn.Conv2d(outputs[-1], outputs[-1], 3, padding=1))
        layers.append(nn.ConvTranspose2d(outputs[-1], 3, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, narrow: Tensor) -> Tensor:
        """(N, 8, h, w) to an image (N, 3, 16 h, 16 w), not clamped."""
        image: Tensor = self.layers(narrow)
        return image


def _activated(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]


class PooledMLP(nn.Module):
    """J (2048x2048x1) and P_qf (2048x2048x100): an MLP on the features' spatial mean.

    The features, not the bottleneck: the paper's sizes say so, and the guiders see these means.
    What is to be constrained is what they are given.
    """

    def __init__(self, config: DAGNConfig, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(config.features, config.features),
            nn.ReLU(inplace=True),
            nn.Linear(config.features, outputs),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, features, h, w) to logits (N, outputs)."""
        logits: Tensor = self.layers(features.mean(dim=(2, 3)))
        return logits


class Encoded(NamedTuple):
    """What an auto-encoder makes of a batch of compressed images and their originals.

    Attributes:
        features_c: of the compressed images, (N, features, h, w).
        features_o: of the originals.
        image_c: the compressed images, decoded from ``features_c`` by way of the bottleneck,
            (N, 3, H, W).
        image_o: the originals, likewise from ``features_o``.
    """

    features_c: Tensor
    features_o: Tensor
    image_c: Tensor
    image_o: Tensor


class AutoEncoder(nn.Module):
    """An encoder and a decoder; the two subclasses add what tells their features apart."""

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(config, BOTTLENECK)
        self.decoder = ImageDecoder(config)

    def forward(self, compressed: Tensor, original: Tensor) -> Encoded:
        """Encode and decode both.

        They go through as one batch: apart, batch normalization would give each its own mean and
        variance, and so hide from the discriminator what inference cannot hide.

        Args:
            compressed: (N, 3, H, W), 0..1, H and W multiples of 16.
            original: the same, before compression.

        Raises:
            ValueError: a shape is none that the decoder can give back.
        """
        if compressed.shape != original.shape:
            raise ValueError(f"{tuple(compressed.shape)} compressed, {tuple(original.shape)} not")
        if compressed.shape[2] % MULTIPLE or compressed.shape[3] % MULTIPLE:
            raise ValueError(f"{tuple(compressed.shape)} is no multiple of {MULTIPLE} pixels")
        features = self.encoder(torch.cat([compressed, original]))
        images = self.decoder(self.encoder.narrowed(features))
        return Encoded(*features.chunk(2), *images.chunk(2))


class InsensitiveAutoEncoder(AutoEncoder):
    """E_ci, D_ci and the discriminator J, for the first stage (Eqs. 3-6).

    J gives the logit of the probability that features are an original's.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__(config)
        self.discriminator = PooledMLP(config, 1)


class SensitiveAutoEncoder(AutoEncoder):
    """E_cs, D_cs and the predictor P_qf, for the second stage (Eqs. 7-9).

    P_qf gives logits of the hundred quality factors: index ``qf - 1``.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__(config)
        self.qf_predictor = PooledMLP(config, QUALITIES)
