import csv

import numpy as np
import pytest
import yaml
from paths import CONFIGS
from safetensors.numpy import load_file

from harness.assets.cards import file_sha256, read_card
from harness.errors import UserError
from tasks.classification.training import train
from tasks.weights.recipe import check_recipe

STEPS = 32


@pytest.fixture(scope="module", autouse=True)
def cache_directory(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def shipped():
    return yaml.safe_load((CONFIGS / "train" / "mobilenet_scenes.yaml").read_text())


def tiny(**changes):
    recipe = {"steps": STEPS, "batch_size": 4, "images": 1, "warmup_steps": 2, "decay_steps": 4}
    return shipped() | recipe | {"log_every": 8, "save_every": 8, "evaluate": 0} | changes


def weights(card):
    return load_file(card.parent / read_card(card).file)


class Killed(BaseException):
    """What a kill looks like from inside."""


@pytest.mark.slow
def test_the_loss_falls_and_a_killed_run_resumed_equals_an_unbroken_one(tmp_path):
    recipe = tiny()
    whole = train(recipe, tmp_path / "whole", lambda line: None)
    with (tmp_path / "whole" / "log.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == STEPS // 8
    assert np.mean(losses[2:]) < 0.9 * losses[0]

    def kill(line):
        if "step 24 " in line:
            raise Killed

    with pytest.raises(Killed):
        train(recipe, tmp_path / "broken", kill)
    assert not list((tmp_path / "broken").glob("*.safetensors"))
    lines = []
    resumed = train(recipe, tmp_path / "broken", lines.append)
    assert not any("step 8 " in line for line in lines), "it began again instead of resuming"

    expected, found = weights(whole), weights(resumed)
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        assert np.array_equal(value, found[key]), key
    card = read_card(whole)
    assert card.recipe == recipe
    assert card.sha256 == file_sha256(whole.parent / card.file)


@pytest.mark.slow
def test_the_card_has_the_accuracy_on_uncompressed_pictures(tmp_path, monkeypatch):
    from tasks.classification import scenes_things

    few = scenes_things.ScenesThings(count=2)
    monkeypatch.setattr(scenes_things, "ScenesThings", lambda: few)
    card = read_card(train(tiny(steps=2, evaluate=5), tmp_path, lambda line: None))
    assert card.measured["images"] == "5 of scenes-things, uncompressed"
    assert card.measured["top-1"] in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trainer": "pspnet"}, "for trainer pspnet, not classifier"),
        ({"precision": "fp8"}, "fp32 or bf16"),
        ({"speed": 3}, "does not know the key 'speed'"),
    ],
)
def test_a_wrong_recipe_is_refused_in_a_sentence(change, message, tmp_path):
    with pytest.raises(UserError, match=message):
        train(tiny() | change, tmp_path, lambda line: None)


def test_the_shipped_recipe_is_of_this_trainer_and_measures_every_picture():
    recipe = shipped()
    check_recipe(recipe, "classifier")
    assert recipe["name"] == "mobilenet_scenes" and recipe["images"] == 3000
    assert recipe["evaluate"] == 514
