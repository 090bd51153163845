import pytest

from harness.errors import UserError
from harness.plan import default_directory, make_plan
from harness.study import Study

REFERENCES = ("original", "jpeg")


def study(**changes):
    return Study(**{"dataset": "scenes", "restorers": REFERENCES, "limit": 2, **changes})


@pytest.fixture(scope="module")
def plan():
    return make_plan(study(task=("detection", "segmentation"), qf=(10, 20)))


def test_the_grid_has_one_cell_a_place_and_the_original_one_for_all_qfs(plan):
    keys = [cell.key for cell in plan.cells]

    assert len(set(keys)) == len(keys) == 2 * (1 + 2)
    assert keys.count("detection/original-original") == 1


def test_each_task_gets_the_data_sets_own_model(plan):
    assert plan.models == {"detection": "faster_rcnn_scenes", "segmentation": "pspnet_scenes"}


def test_a_fingerprint_covers_all_that_can_change_the_number(plan):
    cell = next(cell for cell in plan.cells if cell.key == "detection/jpeg-q10")

    assert set(cell.inputs) == {
        "data", "images", "codec", "fidelity", "torch", "seed", "task", "model", "qf", "restorer",
    }  # fmt: skip
    assert len(cell.inputs["model"]["weights"]) == 64
    assert cell.inputs["codec"]["subsampling"] == "4:2:0"


@pytest.mark.parametrize("change", [{"limit": 3}, {"seed": 1}])
def test_another_subset_or_seed_is_another_cell(plan, change):
    other = make_plan(study(qf=(10,), **change))

    mine = {cell.key: cell.fingerprint for cell in plan.cells}
    assert all(cell.fingerprint != mine[cell.key] for cell in other.cells)


def test_auto_is_the_embedded_data_set_and_says_so():
    found = make_plan(study(dataset="auto"))

    assert found.data_set.name == "scenes"
    assert "not photographs" in found.notices[0]


def test_a_limit_beyond_the_data_set_is_said():
    found = make_plan(study(limit=100_000))

    assert len(found.images) < 100_000
    assert any("--limit changes nothing" in notice for notice in found.notices)


def test_all_means_every_restorer_in_table_order():
    names = list(make_plan(study(restorers=("all",), qf=(10,))).restorers)

    assert names[:2] == ["original", "jpeg"]
    assert "arcnn" in names


def test_all_leaves_a_cell_without_weights_empty_and_says_why():
    found = make_plan(study(restorers=("all",), qf=(10, 55)))

    assert "detection/arcnn-q10" in {cell.key for cell in found.cells}
    assert list(found.absent) == ["detection/arcnn-q55"]
    assert any("Left empty" in notice and "55" in notice for notice in found.notices)


def test_a_restorer_named_by_the_user_must_run():
    with pytest.raises(UserError, match="55"):
        make_plan(study(restorers=("arcnn",), qf=(10, 55)))


def test_two_models_for_one_task_are_refused():
    # The schema drops repeats, so the same name twice needs a study that was not validated.
    twice = study().model_copy(update={"model": ("faster_rcnn_scenes", "faster_rcnn_scenes")})

    with pytest.raises(UserError, match="Two detection models given"):
        make_plan(twice)


def test_the_default_directory_tells_studies_apart():
    plain = default_directory(make_plan(study(limit=None)))
    limited = default_directory(make_plan(study(limit=2)))
    seeded = default_directory(make_plan(study(limit=2, seed=5)))
    named = default_directory(make_plan(study(limit=None, name="mine")))

    assert plain.parts == ("results", "runs", "scenes")
    assert limited.name == "scenes-n2"
    assert seeded.name.startswith("scenes-n2-")
    assert named.name == "mine"


def test_a_grown_study_lands_in_the_same_directory():
    one = default_directory(make_plan(study(qf=(10,))))
    more = default_directory(make_plan(study(qf=(10, 20), task=("detection", "segmentation"))))

    assert one == more
