"""torchvision's segmenters predict what torchvision itself predicts, image by image."""

from __future__ import annotations

from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from harness.assets.cards import read_card
from harness.errors import ImageError, UserError
from harness.plugins import registry
from tasks.segmentation.models.torchvision_models import LRASPPMobileNet, TorchvisionSegmenter

pytestmark = pytest.mark.slow

NAMES = (
    "fcn_resnet50 fcn_resnet101 deeplabv3_resnet50 deeplabv3_resnet101 "
    "deeplabv3_mobilenet_v3_large lraspp_mobilenet_v3_large"
).split()


def of(name) -> type[TorchvisionSegmenter]:
    return registry.models("segmentation").get(name)


def module_of(name, classes=21):
    """torchvision's network as it would be with its weights, with random ones."""
    import torch
    from torchvision.models import get_model

    torch.manual_seed(3)
    options = {} if name.startswith("lraspp") else {"aux_loss": True}
    module = get_model(name, weights=None, weights_backbone=None, num_classes=classes, **options)
    # With statistics of something seen, features differ from place to place, and so do classes.
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    with torch.inference_mode():
        module.train()(torch.rand(2, 3, 96, 96))
    return module.eval()


def picture(height, width):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3), dtype=np.uint8)
    return coarse.repeat(9, 0).repeat(9, 1)[:height, :width]


@pytest.fixture(scope="module")
def lraspp(tmp_path_factory):
    """torchvision's smallest segmenter, and a file of its weights."""
    import torch

    module = module_of("lraspp_mobilenet_v3_large")
    path = tmp_path_factory.mktemp("torchvision") / "lraspp.pth"
    torch.save(module.state_dict(), path)
    return module, path


def directly(module, name, image):
    """torchvision by its own documentation, and the logits resized to the image."""
    import torch
    from PIL import Image
    from torch.nn.functional import interpolate
    from torchvision.models import get_model_weights

    transform = get_model_weights(name).COCO_WITH_VOC_LABELS_V1.transforms()
    with torch.inference_mode():
        out = module(transform(Image.fromarray(image)).unsqueeze(0))["out"]
        out = interpolate(out, size=image.shape[:2], mode="bilinear", align_corners=False)
    return out[0].argmax(0).numpy()


@pytest.mark.parametrize("size", [(61, 83), (120, 50)])
def test_equals_torchvision_called_directly(lraspp, size):
    module, path = lraspp
    image = picture(*size)
    found = LRASPPMobileNet.make(str(path)).predict(image)
    expected = directly(module, "lraspp_mobilenet_v3_large", image)
    assert found.shape == size and found.dtype == np.uint8
    assert len(np.unique(found)) > 1
    assert np.array_equal(found, expected)
    swapped = np.ascontiguousarray(image[:, :, ::-1])
    assert not np.array_equal(found, directly(module, "lraspp_mobilenet_v3_large", swapped))


def test_the_auxiliary_head_is_read_and_not_run(tmp_path):
    import torch

    name = "deeplabv3_mobilenet_v3_large"
    module = module_of(name)
    trained = {"model": module.state_dict(), "epoch": 3, "args": Namespace(lr=0.01)}
    torch.save(trained, tmp_path / "model_3.pth")  # as torchvision's training script
    model = of(name).make(str(tmp_path / "model_3.pth"))
    image = picture(40, 40)
    found = model.predict(image)
    assert len(np.unique(found)) > 1
    assert np.array_equal(found, directly(module, name, image))
    weights = module.state_dict()
    without = {k: v for k, v in weights.items() if not k.startswith("aux_")}
    assert len(without) < len(weights)
    torch.save(without, tmp_path / "without.pth")
    slim = of(name).make(str(tmp_path / "without.pth"))
    assert np.array_equal(slim.predict(image), found)


def test_threads_do_not_disturb_one_another(lraspp):
    model = LRASPPMobileNet.make(str(lraspp[1]))
    model.prepare()
    images = [picture(30 + i, 30 - i) for i in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(model.predict, images))
    for image, found in zip(images, together, strict=True):
        assert np.array_equal(found, model.predict(image))


def test_grey_and_slim_images(lraspp):
    model = LRASPPMobileNet.make(str(lraspp[1]))
    grey = picture(33, 21)[:, :, :1].repeat(3, axis=2)
    assert model.predict(grey).shape == (33, 21)
    assert model.predict(picture(1, 3)).shape == (1, 3)
    with pytest.raises(ImageError, match="is 61×1 pixels.*more than 16 times"):
        model.predict(picture(1, 61))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_torchvision_says(name, tmp_path, monkeypatch):
    from torchvision.models import get_model_weights

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    model = of(name).make()
    card = read_card(model.cards()[0])
    theirs = get_model_weights(name).DEFAULT
    figures = theirs.meta["_metrics"]["COCO-val2017-VOC-labels"]
    assert card.name == model.name == name
    assert card.url == theirs.url
    assert theirs.url.endswith(f"-{card.sha256}.pth") and len(card.sha256) == 8
    assert card.published == {"mIoU": figures["miou"], "aAcc": figures["pixel_acc"]}
    assert card.published_on == "coco-val2017-voc"
    background, *classes = theirs.meta["categories"]
    assert (background, model.labels) == ("__background__", ("background", *classes))
    with pytest.raises(UserError, match=f"harness fetch {name}"):
        model.prepare()


def test_own_weights_of_other_classes_and_of_other_networks(lraspp, tmp_path):
    import torch

    torch.save(module_of("lraspp_mobilenet_v3_large", 4).state_dict(), tmp_path / "four.pth")
    four = LRASPPMobileNet.make(str(tmp_path / "four.pth"))
    assert four.labels == ("class 0", "class 1", "class 2", "class 3")
    assert four.predict(picture(20, 20)).max() <= 3

    class Coco:
        name = "coco-val2017-voc"
        images = staticmethod(lambda: [None] * 5000)

    assert four.expected(Coco, "mIoU") is None
    published = LRASPPMobileNet().expected(Coco, "mIoU")
    assert (published.value, published.tolerance) == (57.9, 1.0)
    with pytest.raises(UserError, match="do not fit deeplabv3_mobilenet_v3_large"):
        of("deeplabv3_mobilenet_v3_large").make(str(lraspp[1])).prepare()
    with pytest.raises(UserError, match="there is no file"):
        LRASPPMobileNet.make("nowhere.pth")
    assert four.fingerprint() != LRASPPMobileNet.make(str(lraspp[1])).fingerprint()
