"""A small network of mmsegmentation: its config, its weights, a picture for it."""

from __future__ import annotations

import numpy as np

from tasks.segmentation.models.mmseg_models import MMSegFile

CONFIG = """
norm = dict(type="SyncBN", requires_grad=True)
model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(
        type="SegDataPreProcessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=(64, 64)),
    pretrained="open-mmlab://resnet18_v1c",
    backbone=dict(
        type="ResNetV1c", depth=18, stem_channels=16, base_channels=16, num_stages=4,
        out_indices=(0, 1, 2, 3), dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1), norm_cfg=norm,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet18")),
    decode_head=dict(
        type="PSPHead", in_channels=128, in_index=3, channels=16, pool_scales=(1, 2, 3, 6),
        num_classes=5, norm_cfg=norm, align_corners=False),
    auxiliary_head=dict(
        type="FCNHead", in_channels=64, in_index=2, channels=16, num_convs=1, num_classes=5,
        norm_cfg=norm),
    test_cfg=TEST_CFG)
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(256, 64), keep_ratio=True),
    dict(type="LoadAnnotations"),
    dict(type="PackSegInputs")]
test_dataloader = dict(dataset=dict(type="PascalVOCDataset", pipeline=test_pipeline))
"""


WHOLE = "dict(mode='whole')"


SLIDE = "dict(mode='slide', crop_size=(48, 48), stride=(32, 32))"


NAMES = ("background", "cat", "dog", "cup", "van")


def built(config, seed=0):
    """mmsegmentation's network with random weights and random statistics."""
    import torch
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS

    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope("mmseg"):
        module = MODELS.build(config.model)
    for name, value in module.state_dict().items():
        if value.is_floating_point() and value.ndim == 1:
            low = 0.5 if name.endswith(("running_var", "weight")) else -0.5
            value.uniform_(low, low + 1)
    return module


def opened(folder, config="small", weights="small.pth"):
    return MMSegFile.open(folder / f"{config}.py", str(folder / weights))


def picture(height=61, width=83, seed=0):
    """Coloured blobs, so that channels and places matter."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3), dtype=np.uint8)
    return coarse.repeat(9, 0).repeat(9, 1)[:height, :width]
