"""What recipes, cards and pages say of the same thing is the same.

A recipe named a precision in which its network does not learn, and a page said of the shipped
restorers, which were trained on scenes, that they had not seen their like.
"""

import re

import pytest
import yaml
from paths import CONFIGS, ROOT

from restorers.checkpoints.sources import SHIPPED
from restorers.training.methods import METHODS
from restorers.training.recipe import Common, SingleStage, ThreeStages, Training

RECIPES = {
    path.stem: yaml.safe_load(path.read_text()) for path in (CONFIGS / "train").glob("*.yaml")
}
CARDS = {path.stem: yaml.safe_load(path.read_text()) for path in SHIPPED.glob("*.yaml")}
TRAINING = (ROOT / "docs/guides/training.md").read_text()
FOOTGUNS = (ROOT / "docs/explanation/footguns.md").read_text()
SCENES = (ROOT / "docs/reference/scenes.md").read_text()
PUBLISHED = ["dagn", "fbcnn", "qgac", "swinir-q10", "dmcnn-q10", "ipt-q10"]


def rows(text, head):
    """The cells of the Markdown table whose heading begins so."""
    lines = text[text.index(head) :].splitlines()[2:]
    table = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def plain(cell):
    return re.sub(r"[`*]", "", cell)


@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_shipped_card_says_what_its_recipe_does(name):
    assert CARDS[name]["recipe"] == RECIPES[name]


@pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if r["trainer"] in METHODS])
def test_a_recipe_trains_in_a_precision_in_which_its_network_learns(name):
    plan = SingleStage.model_validate(RECIPES[name])

    assert plan.precision in METHODS[plan.trainer].precisions


def test_the_pages_say_which_shipped_restorers_have_seen_scenes_and_which_bsds500():
    shares, photographs = {}, {}
    for name, card in CARDS.items():
        sources = {source["path"]: source["share"] for source in card["recipe"]["images"]}
        shares[name] = sources.get("dataset:scenes-train", 0) / sum(sources.values())
        photographs[name] = {path for path in sources if "bsds500" in path}

    assert {name: share for name, share in shares.items() if share != 0.25} == {"dagn-small": 0}
    assert all(name.startswith("dagn") != bool(photographs[name]) for name in CARDS)
    assert "The shipped restorers but DAGN are trained on BSDS500's train" in FOOTGUNS
    assert "`dagn-small` was trained on the photographs of CID22 and GB82" in TRAINING
    assert (
        "a quarter of\nthe patches they were trained on are of the first edition's `scenes-train`"
        in SCENES
    )
    assert "has not seen its like" not in SCENES
    assert "a quarter of the patches, on the rendered scenes of\n`scenes-train`" in TRAINING
    readme = (ROOT / "README.md").read_text()
    assert "all but DAGN's a quarter of it on scenes" in readme
    assert "in minutes to hours on two CPU cores" in TRAINING
    assert "trained for minutes to hours on two CPU cores" in readme


def test_held_out_images_are_as_many_as_the_page_says():
    limits = {name: card["recipe"]["validation"]["limit"] for name, card in CARDS.items()}

    assert "with ten images of val (ARCNN: twenty) held out" in TRAINING
    assert {limits[name] for name in limits if name.startswith("arcnn")} == {20}
    assert {limits[name] for name in limits if not name.startswith("arcnn")} == {10}


def test_recipes_of_published_size_read_what_the_page_says():
    for name in PUBLISHED:
        recipe = RECIPES[name]
        assert recipe["images"][0]["path"] == "data/DIV2K_train_HR", name
        assert recipe["validation"]["path"] == "data/BSDS500/images/test", name
        assert recipe["measure"] == "data/LIVE1", name
    assert RECIPES["dagn"]["images"][1] == {"path": "data/Flickr2K", "share": 2650}
    assert "`data/Flickr2K`, 2650 images" in TRAINING


def test_the_pages_defaults_are_the_recipes():
    fields = {
        **Training.model_fields, **Common.model_fields, **SingleStage.model_fields,
        **ThreeStages.model_fields,
    }  # fmt: skip
    table = rows(TRAINING, "| field | what | default |")
    table += rows(TRAINING[TRAINING.index("DAGN gives `steps`") :], "| field | what | default |")
    said = {}
    for names, _, defaults in table:
        parts = re.split(r", (?=[^,]*$)", defaults) if "," in names else [defaults]
        for name, default in zip(plain(names).split(", "), parts, strict=False):
            said[name] = plain(default)
    in_words = {
        "as the auto-encoder's": (None,),
        "none": (None, ()),
        "a quarter of steps": (None,),
        "warm_up 100": (100,),
    }
    checked = 0
    for name, default in said.items():
        if not default or name not in fields:
            continue
        known = fields[name].default
        if name == "lr":  # the cell of lr and warm_up names the second alone
            continue
        assert known in in_words.get(default, ()) or str(known) in (default, f"{default}.0"), name
        checked += 1

    assert checked >= 18
    assert fields["warm_up"].default == 100


@pytest.mark.parametrize("column", range(4))
def test_the_pages_figures_are_the_cards(column):
    qf = (10, 20, 30, 40)[column]
    for name, *figures in rows(TRAINING, "| LIVE1, PSNR in dB |"):
        if name == "JPEG":
            stem, key = "arcnn", "psnr_jpeg"
        else:
            stem, key = name, "psnr"
        card = next(
            CARDS[n]
            for n in (f"{stem}-q{qf}", f"{stem}-small-q{qf}", f"{stem}-small")
            if n in CARDS
        )
        measured = card["measured"]
        value = measured.get(f"live1_q{qf}_{key}", measured.get(f"live1_{key}"))
        assert figures[column] == ("–" if value is None else f"{value:.2f}"), name


def test_what_is_stored_in_8_bits_is_what_the_page_says():
    stored = {name: recipe.get("storage", "float16") for name, recipe in RECIPES.items()}
    eight = {name.partition("-")[0] for name in CARDS if stored[name] == "int8"}

    assert eight == {"dmcnn", "qgac"}
    assert "DMCNN's and QGAC's filters are\nstored in 8 bits" in TRAINING


@pytest.mark.parametrize("name", ["faster_rcnn_scenes", "pspnet_scenes"])
def test_the_vision_models_trained_as_the_page_says(name):
    recipe = RECIPES[name]
    took = re.search(r"Each took\s+(\d+) steps, of (\d+) and of (\d+) images, in (\w+)", SCENES)
    batch = {"faster_rcnn_scenes": took[2], "pspnet_scenes": took[3]}[name]

    assert (recipe["steps"], recipe["batch_size"]) == (int(took[1]), int(batch))
    assert recipe["precision"] == took[4]
