"""The committed results of the embedded study are what the code in this tree computes."""

import math
from dataclasses import replace

import pytest
from manifests import manifest_json
from paths import CONFIGS, ROOT

from harness.analysis.metrics import measure
from harness.engine import local
from harness.plugins import registry
from harness.records.environment import environment
from harness.records.run_directory import RunDirectory
from harness.study.plan import make_plan
from harness.study.study import Study, read_study

pytestmark = [pytest.mark.slow, pytest.mark.integration]

EMBEDDED = RunDirectory(ROOT / "results" / "embedded")
SOME = 6
"""Images recomputed, of those committed."""

TOLERANCE = {"psnr": 0.02, "psnr_b": 0.02, "ssim": 0.001}
"""On another platform: restored pixels may round the other way here and there."""

METRIC_TOLERANCE = 0.03
"""On another platform, mAP and mIoU of the recomputed images, as fractions."""


@pytest.fixture(scope="module")
def manifest():
    return manifest_json(EMBEDDED)


@pytest.fixture(scope="module")
def recomputed(tmp_path_factory):
    """The first images of the committed study, at QF 10, computed again."""
    study = read_study(CONFIGS / "embedded.yaml", {"qf": ["10"], "limit": SOME})
    plan = make_plan(study)
    directory = RunDirectory(tmp_path_factory.mktemp("again"))
    local.run(plan, directory)
    return plan, directory


def pairs(recomputed):
    """Cell, committed records and fresh records of the recomputed images."""
    plan, fresh = recomputed
    held = {cell.key: cell for cell in EMBEDDED.manifest().cells}
    for cell in plan.cells:
        if cell.key in held:
            committed = EMBEDDED.records(held[cell.key])
            again = fresh.records(cell)
            yield cell, {image: committed[image] for image in again}, again


def without_times(records):
    return {image: replace(record, seconds={}) for image, record in records.items()}


def test_the_committed_study_is_the_configured_one_and_complete(manifest):
    wanted = read_study(CONFIGS / "embedded.yaml", {})
    held = Study.model_validate(manifest["study"])

    assert (held.task, held.qf, held.dataset) == (wanted.task, wanted.qf, wanted.dataset)
    results = measure(EMBEDDED)
    assert len(results) == len(manifest["cells"])
    assert all(r.images == r.expected == manifest["data_set"]["images"] for r in results)
    assert set(held.restorers) >= {"original", "jpeg", "arcnn"}


def test_a_part_recomputed_is_identical_on_the_same_platform_and_close_elsewhere(
    recomputed, manifest
):
    same = environment() in manifest["environments"]

    compared = 0
    for cell, committed, again in pairs(recomputed):
        if same:
            assert without_times(again) == without_times(committed), cell.key
        for image, record in again.items():
            for name, tolerance in TOLERANCE.items():
                old, new = (float(r.fidelity[name]) for r in (committed[image], record))
                assert old == new or math.isclose(old, new, abs_tol=tolerance), (cell.key, image)
        compared += len(again)
    assert compared == SOME * len(recomputed[0].cells)


def test_the_metrics_of_the_recomputed_part_agree(recomputed):
    for cell, committed, again in pairs(recomputed):
        task = registry.tasks().get(cell.task)()
        truth = EMBEDDED.truth(cell.task)
        old, new = (task.metrics(records, truth)[task.metric] for records in (committed, again))
        assert old == pytest.approx(new, abs=METRIC_TOLERANCE), cell.key


def value(task, restorer, qf):
    metric = registry.tasks().get(task).metric
    for result in measure(EMBEDDED):
        cell = result.cell
        if (cell.task, cell.restorer, cell.qf) == (task, restorer, qf):
            return 100 * result.metrics[metric]
    raise AssertionError(f"no cell {task} {restorer} {qf}")


@pytest.mark.parametrize(("task", "clean", "cost"), [("detection", 50, 8), ("segmentation", 70, 5)])
def test_the_vision_models_are_good_and_jpeg_matters(task, clean, cost):
    assert value(task, "original", None) >= clean
    assert value(task, "original", None) - value(task, "jpeg", 10) >= cost
