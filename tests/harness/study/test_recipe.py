import pytest
import yaml
from paths import CONFIGS, ROOT

from harness.errors import UserError
from harness.plugins import registry
from harness.study import recipe as recipes


@pytest.fixture
def trainer(monkeypatch):
    """A trainer that writes what it was given."""
    calls = []

    def fake(recipe, directory, report):
        calls.append((recipe, directory))
        report("done")
        (directory / "log.csv").write_text("step\n")
        return directory / "card.yaml"

    class Fakes:
        def get(self, name):
            return {"fake": fake}[name]

    monkeypatch.setattr(registry, "trainers", Fakes)
    return calls


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("trainer: fake\nname: net\nsteps: 3\n")
    return path


def test_a_recipe_is_handed_to_its_trainer(trainer, recipe, tmp_path):
    lines = []

    card = recipes.train(recipe, tmp_path / "out", lines.append)

    assert card == tmp_path / "out" / "card.yaml"
    assert trainer[0][0] == {"trainer": "fake", "name": "net", "steps": 3}
    assert lines == ["done"]


def test_the_directory_of_another_recipe_is_refused(trainer, recipe, tmp_path):
    recipes.train(recipe, tmp_path / "out", str)
    recipes.train(recipe, tmp_path / "out", str)
    recipe.write_text("trainer: fake\nname: net\nsteps: 4\n")

    with pytest.raises(UserError, match="training of another recipe"):
        recipes.train(recipe, tmp_path / "out", str)
    assert len(trainer) == 2


def test_a_recipe_that_could_not_begin_can_be_corrected(trainer, recipe, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(registry, "trainers", lambda: {"fake": failing})
        with pytest.raises(UserError, match="no such folder"):
            recipes.train(recipe, tmp_path / "out", str)
    recipe.write_text("trainer: fake\nname: net\nsteps: 4\n")

    recipes.train(recipe, tmp_path / "out", str)

    assert recipes.read_recipe(tmp_path / "out" / "recipe.yaml")["steps"] == 4


def failing(recipe, directory, report):
    raise UserError("no such folder")


def test_an_output_that_is_a_file_is_the_users_mistake(trainer, recipe, tmp_path):
    (tmp_path / "out").write_text("")

    with pytest.raises(UserError, match="out.*Choose another --output"):
        recipes.train(recipe, tmp_path / "out", str)


@pytest.mark.parametrize("text", ["[", "- a\n", "name: x\n", "name: 2020-13-45\n"])
def test_a_bad_recipe_is_named(tmp_path, text):
    path = tmp_path / "r.yaml"
    path.write_text(text)

    with pytest.raises(UserError, match=r"r.yaml"):
        recipes.read_recipe(path)


def test_an_unknown_recipe_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.chdir(ROOT)

    with pytest.raises(UserError, match=r"No training recipe 'none': .*faster_rcnn_scenes"):
        recipes.find_recipe("none")


@pytest.mark.parametrize(
    "path", sorted((CONFIGS / "train").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_recipe_names_a_trainer_and_itself(path):
    recipe = recipes.read_recipe(path)

    assert recipe["trainer"] in registry.trainers()
    assert recipe["name"] == path.stem


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_study_is_valid(path):
    from harness.study.study import read_study

    assert (
        read_study(path, {}).model_dump(mode="json").keys()
        >= yaml.safe_load(path.read_text()).keys()
    )
