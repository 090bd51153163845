"""What a network is given equals what the usual loaders give it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_tools import noise
from PIL import Image

from tasks.exported.fields import Input
from tasks.exported.geometry import placement
from tasks.exported.images import to_input

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BASE = {"layout": "nchw", "order": "rgb", "range": "unit"}


def tensor_of(image, **fields):
    return to_input(image, Input.model_validate({**BASE, **fields}))[0]


def test_order_range_mean_and_type():
    image = noise(5, 7)
    chw = torch.from_numpy(image).permute(2, 0, 1)

    assert torch.equal(tensor_of(image), chw.float() / 255)
    assert torch.equal(tensor_of(image, order="bgr"), chw.flip(0).float() / 255)
    assert torch.equal(tensor_of(image, range="byte", dtype="uint8", order="bgr"), chw.flip(0))
    # detectron2's: the mean is of BGR, in 0..255.
    mean = (103.53, 116.28, 123.675)
    expected = chw.flip(0).float() - torch.tensor(mean)[:, None, None]
    assert torch.equal(tensor_of(image, range="byte", order="bgr", mean=mean), expected)


def test_the_image_is_neither_changed_nor_shared():
    image = noise(4, 4)
    image.setflags(write=False)
    before = image.copy()
    for dtype in ("float32", "uint8"):
        tensor = tensor_of(image, range="byte", dtype=dtype)
        tensor.zero_()
        assert tensor.is_contiguous()
    assert np.array_equal(image, before)


@settings(max_examples=25, deadline=None)
@given(height=st.integers(2, 90), width=st.integers(2, 90))  # of one row torchvision leaves none
def test_torchs_resizing_is_torchvisions_detectors(height, width):
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

    image = noise(height, width)
    reference = GeneralizedRCNNTransform(40, 64, list(MEAN), list(STD)).eval()
    batch, _ = reference([torch.from_numpy(image).permute(2, 0, 1).float() / 255])

    ours = tensor_of(image, mean=MEAN, std=STD, size={"short": 40, "long": 64}, multiple_of=32)

    assert torch.equal(ours, batch.tensors[0])


@settings(max_examples=25, deadline=None)
@given(height=st.integers(8, 90), width=st.integers(8, 90))
def test_opencvs_resizing_is_mmsegs(height, width):
    from mmcv import imrescale

    image = noise(height, width)
    resized = imrescale(image, (64, 40))

    given_ = {"size": {"short": 40, "long": 64}, "resize_with": "opencv", "range": "byte"}
    assert torch.equal(tensor_of(image, **given_), torch.from_numpy(resized).permute(2, 0, 1))


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90))
def test_pillows_resizing_and_crop_are_torchvisions_classifiers(height, width):
    from torchvision.transforms.v2 import functional as F

    image = noise(height, width)
    cut = F.center_crop(F.resize(Image.fromarray(image), [40]), [32])
    expected = F.normalize(F.to_dtype(F.to_image(cut), torch.float32, scale=True), MEAN, STD)

    size = {"short": 40, "crop": 32}
    ours = tensor_of(image, size=size, resize_with="pillow", mean=MEAN, std=STD)

    assert torch.allclose(ours, expected, atol=1e-6)


def test_bicubic_is_the_librarys_own():
    import cv2

    image = noise(20, 30)
    fields = {"size": {"height": 33, "width": 17}, "interpolation": "bicubic", "range": "byte"}
    pillow = np.asarray(Image.fromarray(image).resize((17, 33), Image.Resampling.BICUBIC))
    opencv = cv2.resize(image, (17, 33), interpolation=cv2.INTER_CUBIC)
    chw = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    ours = torch.nn.functional.interpolate(chw, (33, 17), mode="bicubic")[0]

    for name, expected in {"pillow": pillow, "opencv": opencv}.items():
        tensor = tensor_of(image, resize_with=name, **fields)
        assert torch.equal(tensor, torch.from_numpy(expected.copy()).permute(2, 0, 1)), name
    assert torch.equal(tensor_of(image, **fields), ours)
    # In bytes, what goes beyond 0 and 255 is cut off.
    assert ours.min() < 0
    bytes_ = tensor_of(image, **fields, dtype="uint8")
    assert torch.equal(bytes_, ours.round().clamp(0, 255).byte())


@pytest.mark.parametrize(
    ("fields", "canvas", "region"),
    [  # of an image of 30×50: height and width of the canvas; top, left, height, width within it
        ({"multiple_of": 32}, (32, 64), (0, 0, 30, 50)),
        ({"multiple_of": 32, "pad_at": "both"}, (32, 64), (1, 7, 30, 50)),
        ({"size": {"letterbox": 100}}, (100, 100), (20, 0, 60, 100)),
        ({"size": {"letterbox": 25}}, (25, 25), (5, 0, 15, 25)),
        ({"size": {"letterbox": 100}, "pad_at": "end"}, (100, 100), (0, 0, 60, 100)),
        ({"size": {"letterbox": 75}, "multiple_of": 32}, (96, 96), (25, 10, 45, 75)),
        ({"size": {"height": 10, "width": 9}}, (10, 9), (0, 0, 10, 9)),
    ],
)
def test_padding_lies_where_and_is_what_the_card_says(fields, canvas, region):
    image = np.full((30, 50, 3), 200, np.uint8)
    norm = {"mean": (0.1, 0.2, 0.3), "std": (0.5, 1.0, 2.0)}
    for pad in (None, 114):
        tensor = tensor_of(image, pad=pad, **norm, **fields)
        top, left, rows, columns = region
        inside = torch.zeros(canvas, dtype=torch.bool)
        inside[top : top + rows, left : left + columns] = True

        assert tensor.shape[1:] == canvas
        for channel, mean, std in zip(tensor, norm["mean"], norm["std"], strict=True):
            outside = 0.0 if pad is None else (114 / 255 - mean) / std
            assert torch.allclose(channel[inside], torch.tensor((200 / 255 - mean) / std))
            assert torch.allclose(channel[~inside], torch.tensor(outside))


def test_a_very_long_image_keeps_a_pixel():
    fields = Input.model_validate({**BASE, "size": {"short": 8, "long": 10}})
    assert placement(1, 1000, fields).canvas == (1, 10)
    letterbox = Input.model_validate({**BASE, "size": {"letterbox": 10}})
    assert placement(1000, 1, letterbox).resized == (10, 1)
