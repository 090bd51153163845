"""The embedded detector's network, torchvision's Faster R-CNN on EfficientNet-Lite0 with an FPN.

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
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from tasks.weights.backbone import MEAN, STAGES, STD, EfficientNetLite

_CHANNELS = 48
_LEVELS = (1, 2, 4, 5)
"""The backbone's stages that end at strides 4, 8, 16 and 32."""


class LitePyramid(nn.Module):
    """EfficientNet-Lite0's first stages and a feature pyramid on those at strides 4 to 32.

    Input (B, 3, H, W), output a dictionary of four (B, 48, H/s, W/s).
    """

    out_channels = _CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.backbone = EfficientNetLite()
        widths = [STAGES[k][1] for k in _LEVELS]
        # Normalised: features of a large standard deviation, which an unnormalised pyramid gives,
        # kill half of the box head's units within 200 steps.
        self.fpn = FeaturePyramidNetwork(widths, _CHANNELS, norm_layer=nn.BatchNorm2d)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Feature maps by level name."""
        outputs = self.backbone(x)
        levels = OrderedDict((str(k), outputs[k]) for k in _LEVELS)
        features: dict[str, torch.Tensor] = self.fpn(levels)
        return features


def build(classes: int) -> FasterRCNN:
    """The untrained detector (Ren et al. 2015, FPN: Lin et al. 2017).

    It takes a list of (3, H, W) float images, 0..1, RGB, which are neither resized nor, in
    evaluation, batched; it pads them to a multiple of 32.

    Args:
        classes: number of object classes, background not counted.
    """
    anchors = AnchorGenerator(((16,), (32,), (64,), (128,)), ((0.5, 1.0, 2.0),) * 4)
    pool = MultiScaleRoIAlign([str(k) for k in _LEVELS], output_size=7, sampling_ratio=2)
    # torchvision assigns boxes to levels for 224-pixel ImageNet images; ours are smaller.
    pool.canonical_scale, pool.canonical_level = 96, 4
    network = FasterRCNN(
        LitePyramid(),
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
    network.transform = _AsTheyAre(1, 1, list(MEAN), list(STD), size_divisible=32)
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
