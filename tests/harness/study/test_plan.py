import pytest

from harness.errors import UserError
from harness.plugins import registry
from harness.study.plan import make_plan
from harness.study.planned_runs import default_directory
from harness.study.study import Study

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
        "data", "images", "read", "codec", "fidelity", "torch", "seed", "task", "model", "qf",
        "restorer",
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
    assert "so detection runs on the embedded data set scenes" in found.notices[0]
    assert "rendered, not photographed" in found.notices[1]


def test_a_limit_beyond_the_data_set_is_said():
    found = make_plan(study(task=("fidelity",), limit=100_000))

    assert len(found.images) < 100_000
    assert any("--limit changes nothing" in notice for notice in found.notices)
    assert found.identity == make_plan(study(task=("fidelity",), limit=None)).identity


def test_all_means_every_restorer_in_table_order():
    names = list(make_plan(study(restorers=("all",), qf=(10,))).restorers)

    assert names[:2] == ["original", "jpeg"]
    assert "arcnn" in names


def test_all_leaves_a_cell_without_weights_empty_and_says_why():
    found = make_plan(study(restorers=("all",), qf=(10, 55)))

    assert "detection/arcnn-q10" in {cell.key for cell in found.cells}
    assert "no checkpoint for QF 55" in found.skipped["detection/arcnn-q55"]
    assert all(key.endswith("-q55") for key in found.skipped)
    assert any("Left empty" in notice and "55" in notice for notice in found.notices)


def test_a_broken_plugin_is_left_out_of_all_and_named(monkeypatch):
    known = registry.restorers()
    entries = [known.entry(name) for name in known]
    broken = [registry.Entry("broken", "no_such_module:Thing", "plugin 1.0")]
    monkeypatch.setattr(
        registry, "restorers", lambda: registry.Registry("restorer", entries + broken)
    )

    found = make_plan(study(task=("fidelity",), restorers=("all",), qf=(10,)))

    assert "jpeg" in found.restorers
    assert any("Left out" in n and "'broken'" in n and "plugin 1.0" in n for n in found.notices)
    with pytest.raises(UserError, match="'broken'"):
        make_plan(study(task=("fidelity",), restorers=("jpeg", "broken")))


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "x" * 5000])
def test_an_odd_name_of_a_data_set_is_unknown_like_any_other(name):
    with pytest.raises(UserError, match="Unknown data set .* Nor is there a file or folder"):
        make_plan(study(dataset=name))


def test_a_restorer_named_by_the_user_must_run():
    with pytest.raises(UserError, match="55"):
        make_plan(study(restorers=("arcnn",), qf=(10, 55)))


def test_the_nearest_checkpoint_serves_another_qf_when_asked():
    plan = make_plan(study(restorers=("arcnn",), qf=(10, 15, 16), nearest_qf=True))

    cells = [cell for cell in plan.cells if cell.restorer == "arcnn"]
    ten, lower, upper = (cell.inputs["restorer"]["weights"] for cell in cells)
    assert ten == lower != upper


def test_options_that_are_not_used_change_no_cell(plan):
    keys = ("detection/jpeg-q10", "segmentation/original-original")
    cells = {cell.key: cell.fingerprint for cell in plan.cells}
    options = {"nearest_qf": True, "tile": 64}
    other = make_plan(study(task=("detection", "segmentation"), qf=(10,), **options))

    assert [c.fingerprint for c in other.cells if c.key in keys] == [cells[k] for k in sorted(keys)]
    assert other.identity == make_plan(study(task=("detection", "segmentation"))).identity


@pytest.mark.parametrize("tasks", [("detection",), ("fidelity", "segmentation")])
def test_luma_is_for_fidelity_alone(tasks):
    with pytest.raises(UserError, match=rf"{tasks[-1]} needs colour: use it with --task fidelity"):
        make_plan(study(task=tasks, luma=True))


def test_luma_needs_a_codec_that_knows_grey(monkeypatch):
    from harness.images.jpeg import Jpeg
    from harness.plugins import Codec

    monkeypatch.setattr(Jpeg, "as_grey", Codec.as_grey)

    with pytest.raises(UserError, match="jpeg has no way to compress luma alone"):
        make_plan(study(task=("fidelity",), luma=True))


def test_luma_is_another_study_in_another_directory():
    colour, luma = (make_plan(study(task=("fidelity",), luma=luma)) for luma in (False, True))

    assert "luma" not in colour.cells[0].inputs
    assert luma.cells[0].inputs["luma"]
    assert luma.identity["codecs"]["jpeg"]["subsampling"] == "grey"
    assert default_directory(luma).name == default_directory(colour).name + "-luma"
    assert {c.fingerprint for c in luma.cells}.isdisjoint(c.fingerprint for c in colour.cells)


def test_the_manifests_study_names_files_as_the_user_did(tmp_path):
    from restorers.checkpoints.sources import SHIPPED

    weights = tmp_path / "mine_q10.safetensors"
    weights.symlink_to(SHIPPED / "arcnn-q10.safetensors")
    specs = ("jpeg", f"arcnn:{weights}")
    plan = make_plan(study(task=("fidelity",), restorers=specs, qf=(10,)))

    assert plan.study.restorers == specs
    assert list(plan.restorers) == ["jpeg", "arcnn:mine_q10"]
    assert [cell.key for cell in plan.cells] == ["fidelity/jpeg-q10", "fidelity/arcnn:mine_q10-q10"]


def test_a_model_of_other_classes_is_refused(monkeypatch):
    from tasks.detection.models.faster_rcnn import FasterRCNNScenes

    monkeypatch.setattr(FasterRCNNScenes, "classes", ("cat", "dog"))

    with pytest.raises(UserError, match=r"does not know 10 of the 10 classes of scenes \(ball"):
        make_plan(study())


def test_missing_weights_of_a_vision_model_are_said_before_any_image(monkeypatch, tmp_path):
    from tasks.detection.models import faster_rcnn

    monkeypatch.setattr(faster_rcnn, "WEIGHTS", tmp_path)

    with pytest.raises(UserError, match="No card at"):
        make_plan(study())


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
