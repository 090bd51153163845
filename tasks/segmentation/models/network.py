"""The embedded segmenter: mmsegmentation's PSPNet parts, small."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.nn import functional as F

from harness.errors import UserError
from tasks.weights.backbone import MEAN, STAGES, STD, EfficientNetLite


class PSPNet(nn.Module):
    """EfficientNet-Lite0's stages but the last, output stride 8, and a pyramid pooling head.

    mmsegmentation's `PSPHead` (Zhao et al. 2017), narrow; `mmseg` is not asked to build it by name
    from a config.

    Args:
        classes: number of classes, background counted.

    Raises:
        UserError: mmsegmentation cannot be imported.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # mmcv warns of compiled operators and mmseg of a loss, neither of which is used here.
            warnings.simplefilter("ignore")
            try:
                from mmseg.models.decode_heads import PSPHead
            except ImportError as error:
                raise UserError(
                    f"mmsegmentation cannot be loaded: {error}. Install the project again; if it "
                    "is libGL or libglib that is missing, install the system packages libgl1 and "
                    "libglib2.0-0, or opencv-python-headless in place of opencv-python."
                ) from error
            norm = {"type": "BN", "requires_grad": True}
            self.backbone = EfficientNetLite(stages=5, stride=8)
            self.decode_head = PSPHead(
                in_channels=STAGES[4][1],
                in_index=4,
                channels=64,
                pool_scales=(1, 2, 3, 6),
                dropout_ratio=0.1,
                num_classes=classes,
                norm_cfg=norm,
                align_corners=False,
            )
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes, H, W) for images (B, 3, H, W), RGB, 0..1."""
        features = self.backbone((images - self.get_buffer("mean")) / self.get_buffer("std"))
        logits = self.decode_head(features)
        return F.interpolate(
            logits.float(), size=images.shape[2:], mode="bilinear", align_corners=False
        )
