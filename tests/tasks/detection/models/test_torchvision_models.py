"""torchvision's detectors through the harness are torchvision's own, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from coco_tools import pictures
from paths import ROOT
from PIL import Image
from torchvision.models import get_model, get_model_weights

from harness.assets.cards import read_card
from harness.errors import UserError
from harness.images.io import read_image
from harness.plugins import DataSet
from tasks.classes import COCO, COCO_IDS
from tasks.detection.models.torchvision_models import (
    FasterRCNNMobileNet,
    FasterRCNNMobileNet320,
    FasterRCNNResNet50FPN,
    FasterRCNNResNet50FPNV2,
    _built,
)

ALL = [
    FasterRCNNResNet50FPN,
    FasterRCNNResNet50FPNV2,
    FasterRCNNMobileNet,
    FasterRCNNMobileNet320,
]
SMALL = FasterRCNNMobileNet320


def official(cls, weights, monkeypatch):
    """What ``fasterrcnn_...(weights=COCO_V1)`` gives, the download replaced by ``weights``."""
    enum = get_model_weights(cls.name)
    with monkeypatch.context() as patch:
        patch.setattr(enum, "get_state_dict", lambda self, *args, **kwargs: weights)
        return get_model(cls.name, weights=enum.COCO_V1).eval(), enum.COCO_V1.transforms()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Random weights of the small model that find a hundred boxes of many classes in anything."""
    torch.manual_seed(0)
    module = get_model(SMALL.name, weights=None, weights_backbone=None).eval()
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.1)
    head = module.roi_heads
    seen = []
    head.box_head.register_forward_hook(lambda _module, _given, out: seen.append(out))
    with torch.inference_mode():
        module([torch.rand(3, 16, 16).repeat_interleave(20, 1).repeat_interleave(20, 2)])
        # Scores of the features' differences; the mean is the same everywhere and says nothing.
        weight = head.box_predictor.cls_score.weight
        weight *= 2 / ((seen[0] - seen[0].mean(0)) @ weight.T).std()
        head.box_predictor.cls_score.bias.copy_(-weight @ seen[0].mean(0))
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(module.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def model(file):
    made = SMALL.make(str(file))
    made.prepare()
    return made


def same(a, b):
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("boxes", "scores", "labels"))


@pytest.mark.slow
def test_predictions_are_torchvisions_own_bit_for_bit(model, file, monkeypatch):
    module, transform = official(SMALL, torch.load(file, weights_only=True), monkeypatch)
    dropped = 0
    for path in pictures("coco128", 4):
        ours = model.predict(read_image(path))
        with Image.open(path) as image, torch.inference_mode():
            theirs = module([transform(image.convert("RGB"))])[0]
        used = np.isin(theirs["labels"].numpy(), COCO_IDS)
        dropped += (~used).sum()
        assert np.array_equal(ours.boxes, theirs["boxes"].numpy()[used])
        assert np.array_equal(ours.scores, theirs["scores"].numpy()[used])
        assert [COCO_IDS[k - 1] for k in ours.labels] == theirs["labels"].numpy()[used].tolist()
        assert len(ours) > 50 and len(set(ours.labels.tolist())) > 3
    assert dropped  # some of what it found was of COCO's unused ids


@pytest.mark.slow
@pytest.mark.parametrize("cls", ALL)
def test_networks_are_built_as_torchvision_builds_them_for_weights(cls, monkeypatch):
    """Without weights torchvision normalises otherwise: another layer, another epsilon."""
    with torch.device("meta"):
        ours = _built(cls.name, cls.frozen)
        theirs, _ = official(cls, ours.state_dict(), monkeypatch)

    def layers(network):
        return [(k, type(m), getattr(m, "eps", 0.0)) for k, m in network.named_modules()]

    assert layers(ours) == layers(theirs)
    assert ours.transform.__dict__.keys() == theirs.transform.__dict__.keys()
    assert str(ours.transform) == str(theirs.transform)


@pytest.mark.parametrize("cls", ALL)
def test_cards_say_what_torchvision_says(cls):
    weights = get_model_weights(cls.name).COCO_V1
    card = read_card(cls.cards()[0])
    assert (card.name, card.url) == (cls.name, weights.url)
    assert card.file == Path(weights.url).name
    assert f"-{card.sha256}." in weights.url
    assert card.published == {"mAP": weights.meta["_metrics"]["COCO-val2017"]["box_map"]}
    assert card.licence and card.paper


def test_the_first_image_decides_nothing(file, model):
    """From a slim image torchvision infers wrong strides, for ever after."""
    fresh = SMALL.make(str(file))
    fresh.predict(np.full((10, 640, 3), 128, np.uint8))
    image = read_image(pictures("coco128", 1)[0])
    assert same(fresh.predict(image), model.predict(image))


@pytest.mark.slow
def test_threads_do_not_disturb_each_other(model):
    images = [read_image(path) for path in pictures("coco128", 4)]
    alone = [model.predict(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, images * 2))
    assert all(same(a, b) for a, b in zip(alone * 2, together, strict=True))


class Coco(DataSet):
    name, classes = "coco-val2017", COCO
    fingerprint = None

    def images(self):
        return [None] * 5000


def test_only_published_weights_have_a_published_score(model):
    expected = FasterRCNNResNet50FPN().expected(Coco(), "mAP")
    assert (expected.value, expected.metric) == (37.0, "mAP")
    assert model.expected(Coco(), "mAP") is None


@pytest.mark.slow
def test_own_weights_are_named_and_fingerprinted(model, file, tmp_path):
    assert model.name == f"{SMALL.name}:random"
    assert SMALL().name == SMALL.name
    weights = torch.load(file, weights_only=True)
    weights["rpn.head.cls_logits.bias"] += 1
    torch.save({"model": weights, "epoch": 3}, tmp_path / "other.pth")
    other = SMALL.make(str(tmp_path / "other.pth"))
    other.prepare()
    assert other.fingerprint()["weights"] != model.fingerprint()["weights"]
    assert other.fingerprint()["architecture"] == model.fingerprint()["architecture"]


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"harness fetch fasterrcnn_resnet50_fpn_v2"):
        FasterRCNNResNet50FPNV2().prepare()
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / read_card(SMALL.cards()[0]).file).write_bytes(b"<html>proxy</html>")
    with pytest.raises(UserError, match="not the file its card describes"):
        SMALL().prepare()
    with pytest.raises(UserError, match=r"no file .*nowhere\.pth"):
        SMALL.make("nowhere.pth")


@pytest.mark.slow
def test_weights_for_other_classes_are_refused(file, tmp_path):
    module = get_model(SMALL.name, weights=None, weights_backbone=None, num_classes=21)
    torch.save(module.state_dict(), tmp_path / "voc.pth")
    with pytest.raises(UserError, match=r"voc\.pth are for 20 classes; .* has COCO's 90 ids"):
        SMALL.make(str(tmp_path / "voc.pth")).prepare()


def test_no_torch_before_it_is_needed():
    code = (
        "import sys; from tasks.detection.models.torchvision_models import FasterRCNNMobileNet; "
        "M = FasterRCNNMobileNet; "
        "M().cards(); print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip() == "False"
