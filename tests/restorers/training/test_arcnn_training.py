import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from paths import CONFIGS
from pictures import textured
from PIL import Image
from safetensors.torch import load_file

from harness.assets.cards import checked_file, read_card
from harness.errors import UserError
from harness.plugins import registry
from restorers.checkpoints.sources import SHIPPED as WEIGHTS
from restorers.training import arcnn
from restorers.training.data import (
    ImagePair,
    Patches,
    PatchSource,
    held_out,
    image_files,
    pairs,
    source_version,
    without_held_out,
)

RECIPES = CONFIGS / "train"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for seed in range(6):
        Image.fromarray(textured(seed, 60, 72)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def recipe(images):
    return {
        "trainer": "arcnn",
        "name": "tiny",
        "qf": 10,
        "seed": 3,
        "steps": 10,
        "float32_steps": 5,
        "batch_size": 2,
        "patch_size": 24,
        "lr": 1e-3,
        "images": [{"path": str(images)}],
        "validation": {"path": str(images), "limit": 2},
    }


@pytest.fixture
def lines():
    return []


def flat(level: int, side: int = 20) -> ImagePair:
    image = np.full((side, side, 3), level, np.uint8)
    return ImagePair(image, image)


@pytest.mark.slow
def test_training_gains_on_images_it_has_not_seen(recipe, tmp_path, lines, monkeypatch):
    monkeypatch.setattr(arcnn, "LOG_EVERY", 40)
    # In float32, which is much faster where bfloat16 is emulated.
    recipe.update(steps=160, float32_steps=160, batch_size=4, patch_size=40)
    card = read_card(arcnn.train(recipe, tmp_path, lines.append))
    assert card.measured["validation_psnr"] > card.measured["validation_psnr_jpeg"] + 0.1
    rows = log(tmp_path)
    assert [float(row["step"]) for row in rows] == [40, 80, 120, 160]
    assert float(rows[0]["validation_gain"]) == 0  # it starts at the identity
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert any("step 160 of 160" in line for line in lines)


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kill_at", [3, 4, 9])
def test_a_killed_run_resumed_equals_an_unbroken_one(recipe, tmp_path, monkeypatch, kill_at):
    monkeypatch.setattr(arcnn, "LOG_EVERY", 4)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = arcnn.train(recipe, whole, lambda line: None)
    batch = Patches.batch

    def killed(self, step, size):
        if step == kill_at:
            raise KeyboardInterrupt
        return batch(self, step, size)

    with monkeypatch.context() as patch:
        patch.setattr(Patches, "batch", killed)
        with pytest.raises(KeyboardInterrupt):
            arcnn.train(recipe, broken, lambda line: None)
    resumed = arcnn.train(recipe, broken, lambda line: None)
    assert read_card(resumed) == read_card(unbroken)  # the sha256 of the weights is in it
    keep = ("step", "loss", "validation_gain")
    assert [[r[k] for k in keep] for r in log(broken)] == [[r[k] for k in keep] for r in log(whole)]


def test_the_card_describes_the_weights_and_the_run(recipe, tmp_path, images):
    recipe.update(steps=1, measure=str(images))
    card, weights = checked_file(arcnn.train(recipe, tmp_path, lambda line: None))
    assert card.recipe == recipe
    assert set(load_file(weights)) >= {"layers.0.weight", "layers.3.bias"}
    assert {f"{images.name}_psnr", f"{images.name}_psnr_jpeg"} <= set(card.measured)


def test_a_missing_folder_to_measure_on_is_said_not_invented(recipe, tmp_path, lines):
    recipe.update(steps=1, measure="no/such/folder")
    card = read_card(arcnn.train(recipe, tmp_path, lines.append))
    assert set(card.measured) == {"validation_psnr", "validation_psnr_jpeg"}
    assert any("not measured on no/such/folder" in line for line in lines)


def test_a_run_can_start_from_another_checkpoint(recipe, tmp_path):
    first = arcnn.train({**recipe, "name": "first"}, tmp_path / "a", lambda line: None)
    second = {**recipe, "steps": 1, "float32_steps": 1, "lr": 1e-9, "init_from": str(first)}
    card = arcnn.train(second, tmp_path / "b", lambda line: None)
    before, after = (load_file(checked_file(path)[1]) for path in (first, card))
    assert all(torch.allclose(before[key], after[key], atol=1e-7) for key in before)
    assert read_card(first).sha256 in read_card(card).source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qf": 101}, "'tiny' is not valid: qf"),
        ({"leaning_rate": 1}, "leaning_rate"),
        ({"patch_size": 18}, "patch_size"),
        ({"images": []}, "images"),
        ({"patch_size": 61}, "no image of at least 61×61 pixels"),
        ({"images": [{"path": "no/such/folder"}]}, "no/such/folder"),
        ({"init_from": "no/such/card.yaml"}, "no/such/card"),
        ({"images": [{"path": "dataset:no-such-set"}]}, "no-such-set"),
    ],
)
def test_bad_recipes_get_one_sentence(recipe, tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        arcnn.train({**recipe, **change}, tmp_path, lambda line: None)


def test_held_out_images_are_not_trained_on(images):
    files = image_files(str(images))
    held = held_out(files, 2)
    assert held == held_out(files[::-1], 2)
    rest = pairs(without_held_out(files, held)[0], 10)
    kept = {pair.clean.tobytes() for pair in rest}
    assert len(rest) == 4
    assert not kept & {pair.clean.tobytes() for pair in pairs(held, 10)}


def test_a_registered_data_set_is_a_source(images, monkeypatch):
    class Set:
        def images(self):
            return [type("Ref", (), {"id": "a", "path": images / "0.png"})]

        def fingerprint(self):
            return {"renderer": "7"}

    entry = registry.Entry("tiny-set", f"{__name__}:Set", "test")
    monkeypatch.setattr(registry.Entry, "load", lambda self: Set)
    monkeypatch.setattr(registry, "datasets", lambda: registry.Registry("data set", [entry]))
    assert image_files("dataset:tiny-set") == [images / "0.png"]
    assert source_version("dataset:tiny-set") == "renderer 7"


def test_batches_depend_on_the_step_alone(images):
    source = [PatchSource(pairs(image_files(str(images)), 10), 1)]
    one, two = Patches(source, 24, 5), Patches(source, 24, 5)
    one.batch(0, 3)
    for a, b in zip(one.batch(7, 3), two.batch(7, 3), strict=True):
        assert torch.equal(a, b)
        assert a.shape == (3, 3, 24, 24)
    assert not torch.equal(one.batch(8, 3)[0], two.batch(7, 3)[0])
    assert not torch.equal(one.batch(7, 3)[0], Patches(source, 24, 6).batch(7, 3)[0])


def test_clean_and_compressed_patches_match():
    image = textured(9)
    compressed, clean = Patches([PatchSource([ImagePair(image, image)], 1)], 24, 0).batch(0, 16)
    assert torch.equal(compressed, clean)
    assert len({patch.numpy().tobytes() for patch in clean}) == 16


def test_patches_come_in_all_eight_orientations():
    corner = np.zeros((20, 20, 3), np.uint8)
    corner[2, 6] = 255
    clean, _ = Patches([PatchSource([ImagePair(corner, corner)], 1)], 20, 0).batch(0, 64)
    places = {tuple(patch[0].nonzero()[0].tolist()) for patch in clean}
    expected = {(2, 6), (6, 2), (2, 13), (13, 2), (17, 6), (6, 17), (17, 13), (13, 17)}
    assert places == expected


def test_sources_are_drawn_by_their_shares():
    sources = [PatchSource([flat(0)] * 9, 3), PatchSource([flat(255)], 1)]
    _, clean = Patches(sources, 20, 0).batch(0, 2000)
    assert abs(float(clean.mean()) - 0.25) < 0.04  # four standard deviations


@pytest.mark.parametrize("qf", [10, 20, 30, 40])
def test_shipped_weights_come_from_the_shipped_recipes(qf):
    recipe = yaml.safe_load((RECIPES / f"arcnn-q{qf}.yaml").read_text())
    assert read_card(WEIGHTS / f"arcnn-q{qf}.yaml").recipe == recipe
    with (WEIGHTS / f"arcnn-q{qf}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["step"]) == recipe["steps"]
    assert float(rows[-1]["validation_gain"]) > 0.4
