import csv
from importlib import import_module

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from paths import CONFIGS

from harness.assets.cards import file_sha256, read_card
from harness.errors import UserError

pytestmark = pytest.mark.slow

TRAINERS = {
    "faster_rcnn": ("tasks.detection.training", "faster_rcnn_scenes"),
    "pspnet": ("tasks.segmentation.training", "pspnet_scenes"),
}
STEPS = 10


@pytest.fixture(scope="module", autouse=True)
def cache_directory(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def shipped(trainer):
    return yaml.safe_load((CONFIGS / "train" / f"{TRAINERS[trainer][1]}.yaml").read_text())


def tiny(trainer, **changes):
    recipe = {"steps": STEPS, "batch_size": 2, "images": 8, "warmup_steps": 2, "decay_steps": 4}
    # In float32: where the processor has no bfloat16, it is emulated, and ten times as slow.
    recipe |= {"log_every": 2, "save_every": 4, "evaluate": 0, "precision": "fp32"}
    return shipped(trainer) | recipe | changes


def run(trainer, recipe, directory, report=lambda line: None):
    return import_module(TRAINERS[trainer][0]).train(recipe, directory, report)


def weights(card):
    from safetensors.numpy import load_file

    return load_file(card.parent / read_card(card).file)


class Killed(BaseException):
    """What a kill looks like from inside."""


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_loss_falls_and_a_killed_run_resumed_equals_an_unbroken_one(trainer, tmp_path):
    recipe = tiny(trainer)
    whole = run(trainer, recipe, tmp_path / "whole")
    with (tmp_path / "whole" / "log.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == STEPS // 2
    assert losses[-1] < 0.85 * losses[0]

    def kill(line):
        if "step 6 " in line:
            raise Killed

    with pytest.raises(Killed):
        run(trainer, recipe, tmp_path / "broken", kill)
    assert not list((tmp_path / "broken").glob("*.safetensors"))
    lines = []
    resumed = run(trainer, recipe, tmp_path / "broken", lines.append)
    assert not any("step 2 " in line for line in lines), "it began again instead of resuming"

    expected, found = weights(whole), weights(resumed)
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        assert np.array_equal(value, found[key]), key
    with (tmp_path / "broken" / "log.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    # Rows after the last save were dropped with the steps they described.
    assert steps == sorted(set(steps)) and steps[-1] == STEPS

    for key, value in expected.items():
        kind = np.float16 if value.ndim > 1 else np.float32  # normalisation's statistics stay
        assert value.dtype == kind, key

    card = read_card(whole)
    assert card.recipe == recipe
    assert card.sha256 == file_sha256(whole.parent / card.file)


def test_in_bfloat16_a_part_computes_in_it_and_hands_out_float32():
    import torch

    from tasks.weights.training import in_bf16

    torch.manual_seed(0)
    part, image = torch.nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 8)
    exact = part(image)
    in_bf16(part)
    found = part(image)
    found.sum().backward()

    assert found.dtype == part.weight.grad.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert torch.allclose(found, exact, atol=2e-2)
    assert torch.equal(found, found.bfloat16().float())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trainer": "arcnn"}, "for trainer arcnn, not pspnet"),
        ({"precision": "fp8"}, "fp32 or bf16"),
        ({"speed": 3}, "does not know the key 'speed'"),
    ],
)
def test_a_wrong_recipe_is_refused_in_a_sentence(change, message, tmp_path):
    with pytest.raises(UserError, match=message):
        run("pspnet", tiny("pspnet") | change, tmp_path)


def test_a_recipe_with_a_key_missing_is_refused(tmp_path):
    recipe = tiny("pspnet")
    del recipe["average"]
    with pytest.raises(UserError, match="lacks the key 'average'"):
        run("pspnet", recipe, tmp_path)


@given(st.integers(1, 500), st.integers(0, 50), st.integers(0, 200), st.data())
def test_the_schedule_rises_stays_and_falls(steps, warmup, decay, data):
    from tasks.weights.training import learning_rate_factor as factor

    step = data.draw(st.integers(0, steps - 1))
    value = factor(step, steps, warmup, decay)
    assert 0 < value <= 1
    if step + 1 >= warmup and steps - step >= decay:
        assert value == 1
    # What comes before the fall does not depend on when the fall comes.
    if steps - step >= decay:
        assert value == factor(step, steps + 1000, warmup, decay)
    assert factor(steps - 1, steps, warmup, decay) <= 1 / max(decay, 1)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_shipped_recipe_trains_on_nothing_but_clean_scenes(trainer):
    recipe = shipped(trainer)
    assert recipe["trainer"] == trainer and recipe["name"] == TRAINERS[trainer][1]
    import_module("tasks.weights.recipe").check_recipe(recipe, trainer)
    assert recipe["evaluate"] >= 96
