import subprocess
import sys

import numpy as np
import pytest
import yaml
from paths import DOCS, ROOT
from vision_tools import pixels, score

from harness.assets.cards import file_sha256, read_card, write_card
from harness.errors import UserError
from tasks.classification.models.embedded import MobileNetScenes
from tasks.classification.scenes_things import ScenesThings
from tasks.classification.task import Classification
from tasks.classification.training import measure
from tasks.scenes import CLASSES
from tasks.weights.checkpoints import WEIGHTS

pytestmark = pytest.mark.slow

CARD = WEIGHTS / "mobilenet_scenes.yaml"


@pytest.fixture(scope="module")
def model():
    return MobileNetScenes()


@pytest.fixture(scope="module")
def few_things(tmp_path_factory):
    """The things of the first evaluation scenes, cut into a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        things = ScenesThings(count=32)
        things.images()
    return things


def fitted(model, data_set):
    task = Classification()
    task.fit(model, data_set)
    return task


def test_it_knows_the_things_as_its_card_says_and_compression_hides_some(model, few_things):
    clean = score(fitted(model, few_things), model, few_things)
    compressed = score(fitted(model, few_things), model, few_things, 10)
    claimed = read_card(CARD).measured["top-1"]
    count = len(few_things.images())
    # The subset's figure scatters around that of all; three standard errors.
    assert abs(clean - claimed) <= 3 * (claimed * (1 - claimed) / count) ** 0.5
    assert compressed <= clean - 0.1
    # The trainer's own measurement and the task's metric are one.
    assert measure(model, few_things, count)["top-1"] == pytest.approx(clean, abs=1e-6)


def test_the_card_tells_the_truth_about_the_shipped_weights():
    card = read_card(CARD)
    assert card.sha256 == file_sha256(WEIGHTS / card.file)
    assert (WEIGHTS / card.file).stat().st_size <= 2e6
    assert card.recipe == yaml.safe_load((ROOT / "configs/train/mobilenet_scenes.yaml").read_text())
    assert card.measured["top-1"] >= 0.7
    log = (WEIGHTS / "mobilenet_scenes.csv").read_text().splitlines()
    assert log[-1].startswith(f"{card.recipe['steps']},")


def test_the_gate_expects_what_the_card_measured_on_all_pictures_only(model, few_things):
    assert model.expected(few_things, "top-1") is None

    class Whole(ScenesThings):
        def images(self):
            return [None] * 514

    expected = model.expected(Whole(), "top-1")
    assert expected.value == pytest.approx(100 * read_card(CARD).measured["top-1"])


def test_scores_are_probabilities_and_repeatable(model, few_things):
    for reference in few_things.images()[:3]:
        found = model.predict(pixels(reference))
        assert found.shape == (len(CLASSES),) and found.dtype == np.float32
        assert found.min() >= 0 and found.sum() == pytest.approx(1, abs=1e-5)
        assert np.array_equal(found, MobileNetScenes().predict(pixels(reference)))


@pytest.mark.parametrize("size", [(1, 1), (37, 61), (240, 320)])
def test_any_size_works(model, size):
    assert model.predict(np.full((*size, 3), 128, np.uint8)).shape == (10,)


def test_other_weights_than_the_cards_are_refused(tmp_path):
    card = read_card(CARD)
    (tmp_path / card.file).write_bytes(b"not these")
    write_card(card, tmp_path / "card.yaml")
    model = MobileNetScenes(tmp_path / "card.yaml")
    assert model.fingerprint()["weights"] == card.sha256
    with pytest.raises(UserError, match="not the file its card describes"):
        model.predict(np.zeros((32, 32, 3), np.uint8))


def test_a_fingerprint_needs_no_torch():
    code = (
        "import sys; from tasks.classification.models.embedded import MobileNetScenes as M; "
        "M().fingerprint(); print('torch' in sys.modules or 'torchvision' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip() == "False"


def test_the_documents_figure_is_the_cards():
    text = (DOCS / "reference" / "classification.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("| original |"))
    assert (
        line.split("|")[2].split("/")[0].strip() == f"{100 * read_card(CARD).measured['top-1']:.1f}"
    )
