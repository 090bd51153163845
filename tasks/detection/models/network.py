"""The embedded detector's network, torchvision's Faster R-CNN on a slim ResNet with an FPN.

And what any Faster R-CNN of torchvision needs before its first image: `settle`.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.models.resnet import BasicBlock
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

_STEM = 24
_WIDTHS = (32, 64, 128, 192)
_CHANNELS = 48


class SlimResNet(nn.Module):
    """Four stages of basic blocks (He et al. 2016) at strides 4, 8, 16 and 32, then an FPN.

    Input (B, 3, H, W), output a dictionary of four (B, 48, H/s, W/s).
    """

    out_channels = _CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, _STEM, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(inplace=True),
            nn.Conv2d(_STEM, _STEM, 3, padding=1, bias=False),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(inplace=True),
        )
        blocks = (2, 2, 2, 1)
        stages, before = [], _STEM
        for width, count in zip(_WIDTHS, blocks, strict=True):
            stages.append(_stage(before, width, count))
            before = width
        self.stages = nn.ModuleList(stages)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # Normalised, because nothing here is pretrained: features of standard deviation 7, which
        # an unnormalised pyramid gave, killed half of the box head's units within 200 steps.
        self.fpn = FeaturePyramidNetwork(list(_WIDTHS), _CHANNELS, norm_layer=nn.BatchNorm2d)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Feature maps by level name."""
        x = self.stem(x)
        levels: OrderedDict[str, torch.Tensor] = OrderedDict()
        for k, stage in enumerate(self.stages):
            x = stage(x)
            levels[str(k)] = x
        features: dict[str, torch.Tensor] = self.fpn(levels)
        return features


def _stage(before: int, width: int, count: int) -> nn.Sequential:
    shortcut = nn.Sequential(
        nn.Conv2d(before, width, 1, stride=2, bias=False), nn.BatchNorm2d(width)
    )
    first = BasicBlock(before, width, stride=2, downsample=shortcut)
    return nn.Sequential(first, *[BasicBlock(width, width) for _ in range(count - 1)])


def build(classes: int) -> FasterRCNN:
    """The untrained detector (Ren et al. 2015, FPN: Lin et al. 2017).

    It takes a list of (3, H, W) float images, 0..1, RGB, which are neither resized nor, in
    evaluation, batched; it pads them to a multiple of 16.

    Args:
        classes: number of object classes, background not counted.
    """
    anchors = AnchorGenerator(((16,), (32,), (64,), (128,)), ((0.5, 1.0, 2.0),) * 4)
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2)
    # torchvision assigns boxes to levels for 224-pixel ImageNet images; ours are smaller.
    pool.canonical_scale, pool.canonical_level = 96, 4
    network = FasterRCNN(
        SlimResNet(),
        rpn_anchor_generator=anchors,
        box_roi_pool=pool,
        box_head=TwoMLPHead(_CHANNELS * 49, 256),
        box_predictor=FastRCNNPredictor(256, classes + 1),
        rpn_pre_nms_top_n_train=400,
        rpn_post_nms_top_n_train=300,
        rpn_pre_nms_top_n_test=250,
        rpn_post_nms_top_n_test=100,
        rpn_batch_size_per_image=128,
        box_batch_size_per_image=96,
        box_score_thresh=0.02,
    )
    network.transform = _AsTheyAre(1, 1, [0.42, 0.41, 0.39], [0.2, 0.2, 0.2], size_divisible=16)
    return network


def settle(module: nn.Module) -> None:
    """Fix what RoI pooling would otherwise take from the first image, and keep.

    torchvision infers the strides of the feature maps when it first pools; from a very slim image
    it infers wrong ones, and every later prediction would depend on which image came first.

    Args:
        module: a Faster R-CNN of torchvision, in evaluation mode.
    """
    side = 256
    with torch.inference_mode():
        features = module.get_submodule("backbone")(torch.zeros(1, 3, side, side))
        box = torch.tensor([[0.0, 0.0, 32.0, 32.0]])
        module.get_submodule("roi_heads.box_roi_pool")(features, [box], [(side, side)])


class _AsTheyAre(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Normalises and pads; never resizes."""

    def resize(
        self, image: torch.Tensor, target: dict[str, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
        """The image and its targets, unchanged."""
        return image, target
