"""The wrappers are torchvision itself; their cards say what torchvision says."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

from harness.assets.cards import file_sha256, read_card
from harness.errors import UserError
from harness.plugins import registry
from tasks.classification.models import torchvision_models
from tasks.classification.task import Classification
from tasks.datasets.folders.images import ImageFolder

PHOTOS = ROOT.parent / "shared" / "data" / "coco128"
NAMES = (
    "resnet18", "resnet50", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "vit_b_16",
)  # fmt: skip


def wrapper(name):
    return registry.models("classification").get(name)


def photos(count):
    if not PHOTOS.is_dir():
        pytest.skip("no coco128 beside the repository")
    return [Image.open(path).convert("RGB") for path in sorted(PHOTOS.rglob("*.jpg"))[:count]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Random weights of a network, as a training script saves them."""
    import torch
    from torchvision.models import get_model

    folder, made = tmp_path_factory.mktemp("weights"), {}

    def save(name):
        if name not in made:
            torch.manual_seed(1)
            module = get_model(name, weights=None)
            # Statistics like those of training, or every image has the same scores.
            with torch.no_grad():
                module(torch.randn(4, 3, 64, 64))
            made[name] = (folder / f"{name}.pth", module.eval())
            torch.save(module.state_dict(), made[name][0])
        return made[name]

    return save


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_large", "efficientnet_b0"])
def test_it_equals_torchvision_called_directly_bit_for_bit(name, saved):
    import torch
    from torchvision.models import get_weight

    images = photos(4)
    path, module = saved(name)
    enumeration = {"resnet18": "ResNet18", "mobilenet_v3_large": "MobileNet_V3_Large",
                   "efficientnet_b0": "EfficientNet_B0"}[name]  # fmt: skip
    transforms = get_weight(f"{enumeration}_Weights.DEFAULT").transforms()
    model = wrapper(name).make(str(path))
    model.prepare()
    found = [model.predict(np.asarray(image)) for image in images]
    for image, got in zip(images, found, strict=True):
        with torch.inference_mode():
            expected = torch.softmax(module(transforms(image).unsqueeze(0)), dim=1)[0].numpy()
        assert got.dtype == np.float32 and got.shape == (1000,)
        assert np.array_equal(got, expected)
    assert not np.array_equal(found[0], found[1])


@pytest.mark.slow
def test_threads_get_the_same_answers(saved):
    images = [np.asarray(image) for image in photos(4)]
    model = wrapper("resnet18").make(str(saved("resnet18")[0]))
    model.prepare()
    alone = [model.predict(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for expected, got in zip(alone, pool.map(model.predict, images), strict=True):
            assert np.array_equal(expected, got)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_torchvision_publishes(name):
    from torchvision.models import get_model_weights

    model = wrapper(name)()
    published = get_model_weights(name)[model.weights]
    assert published == get_model_weights(name).DEFAULT
    assert model.name == name and model.task == "classification"
    assert model.classes == tuple(published.meta["categories"])
    card = read_card(model.cards()[0])
    assert card.name == name and card.url == published.url
    assert card.file == published.url.rsplit("/", 1)[1]
    # torchvision's file names end with the beginning of the sha256.
    assert card.file.endswith(f"-{card.sha256}.pth") and len(card.sha256) == 8
    figures = published.meta["_metrics"]["ImageNet-1K"]
    assert card.published == {"top-1": figures["acc@1"], "top-5": figures["acc@5"]}
    assert published.name in card.source


def test_the_gate_holds_a_folder_named_imagenet_val_against_it(tmp_path, saved):
    """If it has as many images as ImageNet's validation set: two are not the published score's."""
    for name in ("tench", "goldfish"):
        (tmp_path / "imagenet-val" / name).mkdir(parents=True)
        (tmp_path / "imagenet-val" / name / "1.png").write_bytes(b"1")
    two = ImageFolder(tmp_path / "imagenet-val")
    assert wrapper("resnet18")().expected(two, Classification.metric) is None

    class Whole(ImageFolder):
        def images(self):
            return [*super().images()] * 25000

    data_set = Whole(tmp_path / "imagenet-val")
    known = wrapper("resnet18")().expected(data_set, Classification.metric)
    assert known.value == 69.758
    assert wrapper("resnet18")().expected(Whole(tmp_path), "top-1") is None
    own = wrapper("resnet18").make(str(saved("resnet18")[0]))
    assert own.expected(data_set, "top-1") is None


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    model = wrapper("resnet18").make()
    with pytest.raises(UserError, match=r"`harness fetch resnet18` downloads them, or put the "):
        model.prepare()
    with pytest.raises(UserError, match="harness fetch resnet18"):
        model.fingerprint()
    with pytest.raises(UserError, match=r"resnet18:nowhere\.pth: there is no file nowhere\.pth"):
        wrapper("resnet18").make("nowhere.pth")


@pytest.mark.slow
def test_own_weights_are_told_apart_and_must_fit(saved, tmp_path):
    import torch
    from torchvision.models import resnet18

    path = saved("resnet18")[0]
    own = wrapper("resnet18").make(str(path))
    assert own.name == "resnet18:resnet18" and own.fingerprint()["weights"] == file_sha256(path)
    torch.save(resnet18(num_classes=3).state_dict(), tmp_path / "three.pth")
    with pytest.raises(UserError, match=r"three\.pth do not fit resnet18 with 1000 classes: 'fc"):
        wrapper("resnet18").make(str(tmp_path / "three.pth")).prepare()


def test_its_module_is_light():
    code = (
        f"import sys, {torchvision_models.__name__} as m; m.ResNet50.make().cards(); "
        "print(sorted({'torch', 'torchvision', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"
