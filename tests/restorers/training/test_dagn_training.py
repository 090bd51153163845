"""Each stage's loss falls, encoders stay frozen, a resumed run equals an unbroken one."""

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from training_tools import TINY, Interrupt, common, log, stage, tinted

from harness.assets.cards import checked_file, read_card
from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from harness.plugins.training_loop import read_checkpoint
from harness.study.recipe import train
from restorers.architectures.dagn import DAGN
from restorers.architectures.dagn.autoencoders import ResNetEncoder
from restorers.checkpoints.sources import Files
from restorers.training import dagn

pytestmark = pytest.mark.slow

STEPS = {"insensitive": 10, "sensitive": 10, "restoration": 20}


@pytest.fixture(scope="module")
def recipe(images):
    return {
        **common(images),
        "trainer": "dagn",
        "size": TINY,
        "constraint": "cross_entropy",
        **{name: stage(steps) for name, steps in STEPS.items()},
        # Patches as large as the image that is validated: the features of 32x32 pixels are four
        # cells, all of them at the border, and guidance learnt from these is none for others.
        "restoration": stage(STEPS["restoration"], float32_steps=5, patch_size=96),
    }


@pytest.fixture(scope="module")
def unbroken(recipe, tmp_path_factory):
    """The folder of a whole training."""
    folder = tmp_path_factory.mktemp("unbroken")
    dagn.train(recipe, folder, Interrupt())
    return folder


def trained(folder, name):
    """What a stage hands on: the average of its networks."""
    average = read_checkpoint(folder / name / "last.pt")["state"]["average"]
    return {key.removeprefix("module."): value for key, value in average.items()}


@pytest.mark.parametrize("name", STEPS)
def test_each_stages_loss_falls(unbroken, name):
    rows = log(unbroken / name)

    assert [row["step"] for row in rows] == list(range(5, STEPS[name] + 1, 5))
    first, last = rows[0]["loss"], np.mean([row["loss"] for row in rows[len(rows) // 2 :]])
    assert last < 0.9 * first


def test_stage_3_gains_on_an_image_it_has_not_seen(unbroken):
    rows = log(unbroken / "restoration")
    measured = read_card(unbroken / "tiny.yaml").measured

    assert -3 < rows[0]["validation_gain_q6"] < 0.5  # it starts near its input, not at black
    assert measured["validation_q6_psnr"] > measured["validation_q6_psnr_jpeg"] + 0.1


def test_stage_3_leaves_the_encoders_of_stages_1_and_2_bit_for_bit(unbroken):
    network = trained(unbroken, "restoration")
    found = set()
    for name, prefix in (("insensitive", "insensitive_"), ("sensitive", "sensitive_")):
        for key, value in trained(unbroken, name).items():
            target = prefix + key if key.startswith("encoder.") else key
            if key.startswith(("encoder.", "qf_predictor.")):
                assert torch.equal(network[target], value), target
                found.add(target)
    kept = ("insensitive_encoder", "sensitive_encoder", "qf_predictor")
    assert found == {key for key in network if key.startswith(kept)}
    assert any("running_mean" in key for key in found)  # the statistics are among them


def test_stage_1_trains_both_players(recipe, unbroken):
    torch.manual_seed(recipe["seed"])
    stages = dagn.Stages(dagn.checked(recipe, dagn.ThreeStages), unbroken, Interrupt())
    untrained = dagn.InsensitiveAutoEncoder(stages.config).state_dict()
    after = trained(unbroken, "insensitive")

    for part in ("encoder.", "decoder.", "discriminator."):
        keys = [key for key in after if key.startswith(part) and key.endswith("weight")]
        assert keys
        assert not any(torch.equal(untrained[key], after[key]) for key in keys)


def test_the_discriminator_can_have_a_learning_rate_of_its_own(recipe, unbroken, tmp_path):
    plan = {**recipe, "discriminator_lr": 1e-9, "lambda_ci": 0.001}
    torch.manual_seed(recipe["seed"])
    stages = dagn.Stages(dagn.checked(plan, dagn.ThreeStages), tmp_path, Interrupt())
    before = dagn.InsensitiveAutoEncoder(stages.config).state_dict()
    torch.manual_seed(recipe["seed"])

    after = stages.insensitive().state_dict()

    moved = {
        part: max(
            float((after[key] - before[key]).abs().max())
            for key in after
            if key.startswith(part) and key.endswith("weight")
        )
        for part in ("encoder.", "decoder.", "discriminator.")
    }
    assert moved["discriminator."] < 1e-6 < 1e-3 < min(moved["encoder."], moved["decoder."])


def check_equal(folder, unbroken):
    """Cards, logs and checkpoints of all stages are the same."""
    assert read_card(folder / "tiny.yaml") == read_card(unbroken / "tiny.yaml")  # sha256 included
    for name in STEPS:
        assert log(folder / name) == log(unbroken / name)
        mine, theirs = (read_checkpoint(at / name / "last.pt") for at in (folder, unbroken))
        assert same(mine, theirs), name


def test_a_command_killed_in_stage_2_and_repeated_equals_an_unbroken_one(
    recipe, unbroken, tmp_path
):
    path, folder = tmp_path / "tiny.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(recipe))
    command = [Path(sys.executable).with_name("harness"), "train", path, "--output", folder]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        seen = next(line for line in process.stderr if "stage 2 (sensitive): step 5" in line)
        process.kill()
    assert seen
    assert not (folder / "restoration").exists()
    lines = Interrupt()

    train(path, folder, lines)

    assert not any("stage 1 (insensitive): step" in line for line in lines.lines)
    check_equal(folder, unbroken)


def test_an_interruption_in_stage_3_changes_nothing(recipe, unbroken, tmp_path):
    """Interrupted where a row is logged and its checkpoint is not saved yet."""
    with pytest.raises(KeyboardInterrupt):
        dagn.train(recipe, tmp_path, Interrupt("stage 3 (restoration): step 15"))
    assert len(log(tmp_path / "restoration")) == 3
    assert read_checkpoint(tmp_path / "restoration" / "last.pt")["step"] == 10
    lines = Interrupt()

    dagn.train(recipe, tmp_path, lines)

    assert [line.split("step ")[1][:2] for line in lines.lines if " step " in line] == ["15", "20"]
    check_equal(tmp_path, unbroken)


def same(mine, theirs):
    """Two checkpoints hold the same: parameters, buffers, optimizers, generators."""
    if isinstance(mine, torch.Tensor):
        return torch.equal(mine, theirs)
    if isinstance(mine, dict):
        return mine.keys() == theirs.keys() and all(same(mine[k], theirs[k]) for k in mine)
    if isinstance(mine, (list, tuple)):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return mine == theirs


def test_the_curves_are_there_for_tensorboard(unbroken):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(unbroken / "restoration" / "tensorboard"))
    events.Reload()
    shown = [(event.step, event.value) for event in events.Scalars("loss")]

    rows = log(unbroken / "restoration")
    assert [step for step, _ in shown] == [row["step"] for row in rows]
    assert np.allclose([value for _, value in shown], [row["loss"] for row in rows], rtol=1e-5)


@pytest.mark.parametrize("known_qf", [False, True])
def test_the_weights_load_back_and_restore_an_image_of_odd_size(unbroken, known_qf):
    path = checked_file(unbroken / "tiny.yaml")[1]
    restorer = DAGN(Files(path), known_qf=known_qf)
    file = Jpeg().compress(tinted(9, 35, 51), 6)

    restored = restorer.restore(file)

    assert isinstance(restored, Restored)
    assert restored.pixels.shape == (35, 51, 3)
    assert not np.array_equal(restored.pixels, file.pixels)
    assert 1 <= restored.predicted_qf <= 100


def test_a_variant_takes_the_encoders_of_another_training(recipe, unbroken, tmp_path):
    lines = Interrupt()
    again = {
        **recipe,
        "variant": "csgm",
        "encoders_from": str(unbroken),
        "size": {**TINY, "widths": [4, 4, 4, 4]},
        "restoration": stage(2),
    }

    card = read_card(dagn.train(again, tmp_path, lines))

    assert not (tmp_path / "sensitive").exists()
    mine, theirs = trained(tmp_path, "restoration"), trained(unbroken, "restoration")
    frozen = [key for key in mine if key.startswith(("sensitive_encoder", "qf_predictor"))]
    assert frozen
    assert all(torch.equal(mine[key], theirs[key]) for key in frozen)
    assert str(unbroken) in card.source
    assert not any(key.startswith("insensitive") for key in mine)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": {**TINY, "encoder_width": 3}}, "another size"),
        ({"size": {**TINY, "encoder_depths": [2, 1, 1, 1]}}, "another size"),
    ],
)
def test_encoders_of_another_size_are_refused(recipe, unbroken, tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        dagn.train({**recipe, **change, "encoders_from": str(unbroken)}, tmp_path, Interrupt())


def test_the_authors_encoders_start_a_training_without_a_predictor(recipe, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    config = dagn.dagn_config(dagn.checked(recipe, dagn.ThreeStages))
    states = {}
    for seed, name in enumerate(("is_encoder", "se_encoder")):
        torch.manual_seed(seed)
        states[name] = ResNetEncoder(config, 8).state_dict()
        torch.save({"encoder_state": states[name], "epoch": 3}, theirs / f"{name}.pth")
    again = {**recipe, "encoders_from": str(theirs), "restoration": stage(2)}

    dagn.train(again, tmp_path / "out", Interrupt())

    network = trained(tmp_path / "out", "restoration")
    for name, part in (("is_encoder", "insensitive"), ("se_encoder", "sensitive")):
        for key, value in states[name].items():
            assert torch.equal(network[f"{part}_encoder.{key}"], value), key
    assert not any(key.startswith(("qf_predictor", "told_qf")) for key in network)
    path = checked_file(tmp_path / "out" / "tiny.yaml")[1]
    assert DAGN(Files(path)).restore(Jpeg().compress(tinted(9), 6)).predicted_qf is None


def test_the_authors_encoders_of_another_size_are_refused(recipe, tmp_path):
    torch.save({"encoder_state": {"conv1.weight": torch.ones(3)}}, tmp_path / "is_encoder.pth")

    with pytest.raises(UserError, match=r"is_encoder\.pth holds no encoder of the size"):
        dagn.train({**recipe, "encoders_from": str(tmp_path)}, tmp_path / "out", Interrupt())


def test_encoders_of_an_unfinished_stage_are_refused(recipe, tmp_path):
    run, longer = tmp_path / "run", copy.deepcopy(recipe)
    run.mkdir()
    longer["insensitive"]["steps"] = 50
    (run / "recipe.yaml").write_text(yaml.safe_dump(longer))
    with pytest.raises(KeyboardInterrupt):
        dagn.train(longer, run, Interrupt("step 10"))

    with pytest.raises(UserError, match="at step 5 of 50"):
        dagn.train({**recipe, "encoders_from": str(run)}, tmp_path / "b", Interrupt())
