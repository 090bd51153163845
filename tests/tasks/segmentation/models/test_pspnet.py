import subprocess
import sys

import numpy as np
import pytest
import yaml
from paths import ROOT
from vision_tools import pixels, score

from harness.assets.cards import file_sha256, read_card, write_card
from harness.errors import UserError
from tasks.scenes import CLASSES
from tasks.segmentation.models.pspnet import PSPNetScenes
from tasks.segmentation.task import Segmentation
from tasks.weights.checkpoints import WEIGHTS

CARD = WEIGHTS / "pspnet_scenes.yaml"


@pytest.fixture(scope="module")
def model():
    return PSPNetScenes()


@pytest.mark.slow
def test_it_knows_the_things_and_compression_hides_some(model, few_scenes):
    clean = score(Segmentation(), model, few_scenes)
    compressed = score(Segmentation(), model, few_scenes, 10)
    assert clean >= 0.75
    assert compressed <= clean - 0.2


def test_the_card_tells_the_truth_about_the_shipped_weights():
    card = read_card(CARD)
    assert card.sha256 == file_sha256(WEIGHTS / card.file)
    assert card.recipe == yaml.safe_load((ROOT / "configs/train/pspnet_scenes.yaml").read_text())
    assert card.measured["mIoU"] >= 0.7
    log = (WEIGHTS / "pspnet_scenes.csv").read_text().splitlines()
    assert log[-1].startswith(f"{card.recipe['steps']},")


@pytest.mark.slow
def test_a_class_map_is_repeatable_and_of_the_images_size(model, few_scenes):
    for reference in few_scenes.images()[3:6]:
        image = pixels(reference)
        found = model.predict(image)
        assert found.shape == image.shape[:2] and found.dtype == np.uint8
        assert found.max() <= len(CLASSES)
        assert np.array_equal(found, PSPNetScenes().predict(image))


def test_an_odd_size_works(model):
    assert model.predict(np.full((37, 61, 3), 128, np.uint8)).shape == (37, 61)


def test_predicting_does_not_warn_of_operators_nobody_uses(recwarn):
    PSPNetScenes().predict(np.zeros((32, 32, 3), np.uint8))
    assert not [w for w in recwarn if "mmcv" in str(w.message)]


def test_other_weights_than_the_cards_are_refused(tmp_path):
    card = read_card(CARD)
    (tmp_path / card.file).write_bytes(b"not these")
    write_card(card, tmp_path / "card.yaml")
    model = PSPNetScenes(tmp_path / "card.yaml")
    assert model.fingerprint()["weights"] == card.sha256
    with pytest.raises(UserError, match="not the file its card describes"):
        model.predict(np.zeros((32, 32, 3), np.uint8))


@pytest.mark.slow
def test_a_fingerprint_needs_no_torch():
    code = (
        "import sys; from tasks.segmentation.models.pspnet import PSPNetScenes as M; "
        "M().fingerprint(); print('torch' in sys.modules or 'mmseg' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip() == "False"
