"""What recipes may say: all shipped ones hold, mistakes get one sentence."""

import re
from functools import partial

import numpy as np
import pytest
import torch
import yaml
from paths import CONFIGS, DOCS
from training_tools import TINY, Interrupt, common, stage

from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.study.recipe import read_recipe
from restorers.common.architecture import built, sized
from restorers.common.complexity import weightless
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import tensors
from restorers.training import arcnn, dagn, single
from restorers.training.batches import PatchBatch
from restorers.training.methods import METHODS
from restorers.training.recipe import Recipe, SingleStage, ThreeStages, checked

RECIPES = {path.stem: read_recipe(path) for path in sorted((CONFIGS / "train").glob("*.yaml"))}
OURS = {name: recipe for name, recipe in RECIPES.items() if "learning_rate" not in recipe}
SINGLE = {name: recipe for name, recipe in OURS.items() if recipe["trainer"] in METHODS}
DAGNS = {name: recipe for name, recipe in OURS.items() if recipe["trainer"] == "dagn"}
PUBLISHED = {"dagn", "fbcnn", "qgac", "dmcnn-q10", "swinir-q10", "ipt-q10"}
"""Recipes of published size, beside those of the shipped checkpoints."""


def batch_of(side, coefficients):
    """A batch of one patch, without values."""
    image = torch.empty(1, 3, side, side)
    file = Jpeg().compress(np.zeros((side, side, 3), np.uint8), 10)
    planes = tensors(read(file)) if coefficients else None
    return PatchBatch(image, image, torch.tensor([10]), planes).to(torch.device("meta"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SINGLE)
def test_every_recipe_of_one_stage_makes_a_network_that_takes_its_patches(name):
    plan = checked(SINGLE[name], SingleStage)
    method = METHODS[plan.trainer]
    numbers = sized(method.restorer, plan.size)
    method.check(plan.patch_size, numbers, plan.precision)
    network = weightless(lambda: method.restorer.build(numbers))

    loss = method.loss(network, batch_of(plan.patch_size, method.coefficients), 1)["loss"]

    assert loss.shape == ()
    assert plan.trainer != "swinir" or plan.patch_size % numbers["window"] == 0
    assert method.restorer.multi_model is (plan.qf[0] == plan.qf[1])
    assert f"-q{plan.qf[0]}" in name or not method.restorer.multi_model


@pytest.mark.parametrize("name", DAGNS)
def test_every_recipe_of_dagn_makes_networks_that_take_its_patches(name):
    plan = checked(DAGNS[name], ThreeStages)
    config = dagn.dagn_config(plan)
    network = weightless(lambda: dagn.dagn.DAGNNetwork(config))
    autos = (dagn.InsensitiveAutoEncoder, dagn.SensitiveAutoEncoder)

    for kind, training in zip(autos, (plan.insensitive, plan.sensitive), strict=True):
        batch = batch_of(training.patch_size, False)
        found = weightless(partial(kind, config))(batch.compressed, batch.clean)
        assert found.image_c.shape == batch.clean.shape
    batch = batch_of(plan.restoration.patch_size, False)
    told = batch.qf if config.csgm else None
    assert dagn.restoration_loss(network, batch.compressed, batch.clean, told).shape == ()
    assert plan.variant in name or plan.variant == "dagn"


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_sizes_have_recipes(name):
    assert OURS[name]["size"] == "published"


def test_the_recipes_of_arcnn_are_valid():
    assert [checked(OURS[f"arcnn-q{qf}"], Recipe).qf for qf in (10, 20, 30, 40)] == [10, 20, 30, 40]


@pytest.mark.parametrize("name", METHODS)
def test_presets_are_networks_and_their_numbers_are_what_build_takes(name):
    method = METHODS[name]
    network = built(method.restorer, sized(method.restorer, "small"))
    again = built(method.restorer, sized(method.restorer, sized(method.restorer, "small")))

    assert {k: v.shape for k, v in network.state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }


def test_a_size_changes_some_numbers_of_the_published_one():
    numbers = sized(METHODS["dmcnn"].restorer, {"pixel": {"widths": [8, 8, 8]}})

    assert numbers["pixel"]["widths"] == [8, 8, 8]
    assert numbers["pixel"]["blocks"] == (4, 2)
    assert numbers["spectral"]["widths"] == (96, 96, 96)


@pytest.fixture(scope="module")
def three(images):
    recipe = {**common(images), "trainer": "dagn", "size": TINY}
    return recipe | {name: stage(1) for name in dagn.STAGES}


@pytest.fixture(scope="module")
def one(images):
    size = {"widths": [4, 4, 4, 4], "blocks": 1, "qf_width": 8}
    return {**common(images), **stage(1), "trainer": "fbcnn", "size": size}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoders_from": "no/such/run"}, "no/such/run.*train that recipe first"),
        ({"variant": "dagm"}, "no variant named dagm: did you mean dagn"),
        ({"size": "huge"}, "no size 'huge'; it has: published"),
        ({"size": {"width": 4}}, "has no width; it has: widths"),
        ({"size": {"widths": [4, 4]}}, "makes no dagn"),
        ({"size": {"blocks": "two"}}, "makes no dagn"),
        ({"insensitive": stage(1, patch_size=40)}, "multiple of 16, not 40"),
        ({"restoration": stage(0)}, "restoration.steps"),
        ({"constraint": "l2"}, "constraint"),
        ({"told": 2}, "told"),
    ],
)
def test_bad_recipes_of_three_stages_get_one_sentence(three, tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        dagn.train({**three, **change}, tmp_path, Interrupt())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qf": [30, 20]}, "'tiny' is not valid: qf: needs one quality factor"),
        ({"qf": 101}, "qf: needs one"),
        ({"qf": "low"}, "qf"),
        ({"leaning_rate": 1}, "leaning_rate"),
        ({"precision": "16"}, "precision"),
        ({"size": {"widths": [1]}}, "makes no fbcnn"),
        ({"size": {"blocks": "two"}}, "makes no fbcnn"),
        ({"accelerator": "abacus"}, "No training on 1 × abacus.*Change accelerator"),
        ({"images": [{"path": "no/such/folder"}]}, "images no/such/folder does not exist: put"),
        ({"validation": {"path": "no/such/folder"}}, "no/such/folder does not exist"),
        ({"validation": {"path": __file__}}, "is a file"),
        ({"images": [{"path": "dataset:no-such"}]}, "no-such"),
        ({"init_from": "no/such/card.yaml"}, "no/such/card"),
    ],
)
def test_bad_recipes_of_one_stage_get_one_sentence(one, tmp_path, change, message):
    with pytest.raises(UserError, match=message) as raised:
        single.train({**one, **change}, tmp_path, Interrupt())
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("half", "storage"), [(True, "float16"), (False, "float32")])
def test_recipes_of_before_say_half(one, half, storage):
    earlier = {key: value for key, value in one.items() if key != "storage"}
    assert checked({**earlier, "half": half}, SingleStage).storage == storage


def test_all_images_held_out_is_said(one, images, tmp_path):
    with pytest.raises(UserError, match="No training image is left of"):
        single.train({**one, "validation": {"path": str(images)}}, tmp_path, Interrupt())


@pytest.mark.parametrize("name", SINGLE)
def test_no_recipe_asks_for_a_precision_in_which_its_network_does_not_learn(name):
    plan = checked(SINGLE[name], SingleStage)
    method = METHODS[plan.trainer]

    method.check(plan.patch_size, sized(method.restorer, plan.size), plan.precision)


@pytest.mark.parametrize("said", [{"precision": "bf16-mixed"}, {}], ids=["said", "default"])
def test_qgac_is_not_trained_in_bfloat16(one, said, tmp_path):
    recipe = {key: value for key, value in one.items() if key != "precision"}
    with pytest.raises(UserError, match="qgac does not learn in bf16-mixed.*precision to 32-true"):
        single.train({**recipe, **said, "trainer": "qgac", "size": "small"}, tmp_path, Interrupt())


def test_ipt_is_trained_on_its_own_patches_only(one, tmp_path):
    with pytest.raises(UserError, match="ipt of this size is trained on patches of 48 pixels"):
        single.train({**one, "trainer": "ipt", "size": "small"}, tmp_path, Interrupt())


@pytest.mark.parametrize("name", ["dmcnn", "qgac"])
def test_patches_with_coefficients_are_whole_units(one, tmp_path, name):
    with pytest.raises(UserError, match="patch_size 40 is no multiple of 16"):
        recipe = {**one, "trainer": name, "size": "small", "patch_size": 40}
        single.train(recipe, tmp_path, Interrupt())


def test_arcnns_trainer_says_the_same_of_a_missing_folder(images, tmp_path):
    recipe = {**OURS["arcnn-q10"], "validation": {"path": "no/such/folder"}}
    with pytest.raises(UserError, match="no/such/folder does not exist"):
        arcnn.train(recipe, tmp_path, Interrupt())


DOCUMENT = (DOCS / "guides" / "training.md").read_text()


def test_the_documents_table_of_shipped_checkpoints_names_every_recipe_and_its_start():
    section = DOCUMENT.split("## The shipped checkpoints")[1]
    said = {}
    for names, qfs, start in re.findall(r"\| (`.*) \| (.*) \| (.*) \|", section):
        first, *more = re.findall(r"`(-?[a-z].*?)`", names)
        for name in [first, *more]:
            whole = first.rsplit("-", 1)[0] + name if name.startswith("-") else name
            said[whole] = qfs, start
    assert said.keys() == OURS.keys() - PUBLISHED
    for name, (qfs, start) in said.items():
        recipe = OURS[name]
        low = recipe["qf"] if isinstance(recipe["qf"], int) else recipe["qf"][0]
        assert str(low) in re.findall(r"\d+", qfs)
        assert ("init_from" in recipe) is (start == "the quality below")
        assert ("encoders_from" in recipe) is start.startswith("the encoders of")


def test_the_documents_recipe_is_valid_and_its_fields_are_all_there_are():
    recipe = yaml.safe_load(re.search(r"```yaml\n(.*?)```", DOCUMENT, re.S).group(1))
    fields = set()
    for row in re.findall(r"^\| (`.*?) \|", DOCUMENT.split("## The recipe")[1], re.M):
        fields |= set(re.findall(r"`(\w+)`", row))

    assert checked(recipe, SingleStage).name == "mine"
    for kind in (SingleStage, ThreeStages):
        assert kind.model_fields.keys() - fields <= set(dagn.STAGES)
