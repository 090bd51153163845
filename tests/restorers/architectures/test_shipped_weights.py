"""The shipped checkpoints restore: photographs they were not trained on come out nearer."""

import numpy as np
import pytest
import torch
from paths import LIVE1
from PIL import Image

from harness.images.fidelity import psnr
from harness.images.jpeg import Jpeg
from harness.plugins import registry
from restorers.checkpoints.sources import SHIPPED

pytestmark = pytest.mark.slow

SEVEN = ("arcnn", "dmcnn", "ipt", "swinir", "qgac", "fbcnn", "dagn")
CROP = 176
LIMIT_MB = 36
"""Of all weights in the tree, so that it can be carried to any machine."""


@pytest.fixture(scope="module")
def crops():
    if not LIVE1.is_dir():
        pytest.skip(f"needs the LIVE1 images in {LIVE1}")
    files = sorted(file for file in LIVE1.iterdir() if file.suffix in (".png", ".bmp"))[::3]
    return [np.array(Image.open(f).convert("RGB"))[64 : 64 + CROP, 64 : 64 + CROP] for f in files]


def gain(restorer, crops, qf):
    """Mean PSNR over JPEG's, dB."""
    torch.set_num_threads(1)
    files = [Jpeg().compress(crop, qf) for crop in crops]
    restored = [restorer.restore(file) for file in files]
    pixels = [getattr(image, "pixels", image) for image in restored]
    pairs = zip(crops, pixels, files, strict=True)
    return np.mean([psnr(crop, image) - psnr(crop, file.pixels) for crop, image, file in pairs])


@pytest.mark.parametrize("name", SEVEN)
@pytest.mark.parametrize(("qf", "least"), [(10, 0.5), (40, 0.3)])
def test_each_gains_on_live1(name, qf, least, crops):
    assert gain(registry.restorers().get(name).make(), crops, qf) >= least


@pytest.mark.parametrize("name", ["fbcnn", "dagn"])
def test_telling_the_quality_factor_does_no_harm(name, crops):
    restorer = registry.restorers().get(name)

    blind, told = (gain(restorer.make(variant), crops, 10) for variant in (None, "known_qf"))

    assert told >= blind - 0.02


def test_fbcnn_tells_files_of_low_quality_from_files_of_high(crops):
    restorer = registry.restorers().get("fbcnn").make()

    low, high = (
        [restorer.restore(Jpeg().compress(crop, qf)).predicted_qf for crop in crops]
        for qf in (10, 80)
    )

    assert np.median(low) < 20
    assert np.median(high) > 40


def test_the_weights_are_small_enough_to_ship():
    vision = SHIPPED.parents[1] / "tasks" / "weights"
    files = [file for folder in (SHIPPED, vision) for file in folder.glob("*.safetensors")]

    assert len(files) > 20
    assert sum(file.stat().st_size for file in files) <= LIMIT_MB * 1_000_000
