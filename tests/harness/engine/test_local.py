import itertools
import math
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeRestorer
from manifests import manifest_json, plan_numbers, plan_records

from harness.analysis.metrics import measure
from harness.engine import local
from harness.errors import UserError
from harness.images.fidelity import luma_fidelity, to_luma
from harness.images.io import read_image
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from harness.records import verify
from harness.records.run_directory import RunDirectory
from harness.study.plan import make_plan
from harness.study.study import Study


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def test_every_image_leaves_a_record_in_every_cell(world, directory):
    plan = world.plan()

    outcome = local.run(plan, directory)

    assert (outcome.total, outcome.computed, outcome.failed) == (12, 12, {})
    held = plan_records(directory, plan)
    assert set(held) == {"detection/original-original", "detection/fake-q10", "detection/fake-q20"}
    assert all(sorted(r) == ["0.png", "1.png", "2.png", "3.png"] for r in held.values())


def test_a_record_holds_prediction_fidelity_bytes_and_the_seconds_of_each_stage(world, directory):
    plan = world.plan(qfs=(10,))
    local.run(plan, directory)
    record = plan_records(directory, plan)["detection/fake-q10"]["0.png"]
    original = read_image(world.data.images()[0].path)
    compressed = Jpeg().compress(original, 10)

    assert record["bytes"] == len(compressed.data)
    assert record["bpp"] == pytest.approx(8 * len(compressed.data) / (24 * 32))
    assert record["outcome"]["mean"] == float((compressed.pixels + np.uint8(1)).mean())
    assert set(record["fidelity"]) == {"psnr", "ssim", "psnr_b"}
    assert {"read", "compress", "restore", "predict", "fidelity"} <= set(record["seconds"])


def test_what_a_restorer_says_of_the_quality_factor_is_kept(world, directory):
    plain = world.fake.restore
    saying = FakeRestorer("saying")
    saying.restore = lambda c: Restored(plain(c), predicted_qf=np.float32(11.5))
    silent = FakeRestorer("silent")
    silent.restore = lambda c: Restored(plain(c))
    plan = world.plan(qfs=(10,), restorers=[world.fake, saying, silent])
    local.run(plan, directory)
    held = plan_records(directory, plan)

    assert all(r["predicted_qf"] == 11.5 for r in held["detection/saying-q10"].values())
    for name in ("fake", "silent"):
        assert not any("predicted_qf" in r for r in held[f"detection/{name}-q10"].values())
    same = [held[f"detection/{name}-q10"]["0.png"]["fidelity"] for name in ("fake", "saying")]
    assert same[0] == same[1]


def test_luma_replaces_the_original_before_it_is_compressed(world, directory):
    plan = world.plan(qfs=(10,), restorers=[world.fake])
    luma = plan.study.model_copy(update={"luma": True})
    plan = replace(plan, study=luma, codecs={"jpeg": Jpeg().as_grey()})
    seen = []
    plain = world.fake.restore
    world.fake.restore = lambda c: (seen.append(c), plain(c))[1]
    local.run(plan, directory, workers=1)
    luma = to_luma(read_image(world.data.images()[0].path))
    compressed = Jpeg().as_grey().compress(luma, 10)
    record = plan_records(directory, plan)["detection/fake-q10"]["0.png"]

    assert seen[0].grey
    assert seen[0].data == compressed.data
    assert record["bytes"] == len(compressed.data)
    expected = luma_fidelity(luma, compressed.pixels + np.uint8(1))
    assert record["fidelity"] == pytest.approx(expected)


def test_the_original_reaches_the_model_untouched_and_only_once(world, directory):
    plan = world.plan(qfs=(10, 20, 30))
    local.run(plan, directory, workers=1)
    record = plan_records(directory, plan)["detection/original-original"]["2.png"]

    assert record["fidelity"]["psnr"] == math.inf
    assert np.array_equal(world.model.seen[0], read_image(world.data.images()[0].path))
    assert len(world.model.seen) == 4 * (1 + 3)


def test_a_restoration_serves_every_task(world, directory):
    local.run(world.plan(qfs=(10,), tasks=("detection", "segmentation")), directory)

    assert world.fake.calls == 4


def test_a_restorer_that_works_in_place_does_not_reach_the_next_one(world, directory):
    def in_place(compressed):
        compressed.pixels[:] = 0
        return compressed.pixels

    black = FakeRestorer("black")
    black.restore = in_place
    both = world.plan(qfs=(10,), restorers=[black, world.fake])
    local.run(both, directory)
    alone = RunDirectory(directory.path.parent / "alone")
    local.run(world.plan(qfs=(10,), restorers=[world.fake]), alone)
    key = "detection/fake-q10"
    one = world.plan(qfs=(10,), restorers=[world.fake])
    assert plan_numbers(directory, both)[key] == plan_numbers(alone, one)[key]


def test_running_again_computes_nothing(world, directory):
    local.run(world.plan(), directory)
    calls = world.fake.calls

    outcome = local.run(world.plan(), directory)

    assert (outcome.computed, world.fake.calls) == (0, calls)


@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_an_interrupted_run_resumes_to_the_same_records(world, directory, tmp_path, after):
    class Interrupting(local.Silent):
        count = itertools.count()

        def advance(self):
            if next(self.count) == after:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:  # whose traceback keeps the run's frames
        local.run(world.plan(), directory, Interrupting())
    assert not [t for t in threading.enumerate() if t.name.startswith("worker-")], caught
    outcome = local.run(world.plan(), directory)
    whole = RunDirectory(tmp_path / "whole")
    local.run(world.plan(), whole)

    assert outcome.computed == 12 - (after + 1)
    assert plan_numbers(directory, world.plan()) == plan_numbers(whole, world.plan())


def test_a_study_may_grow_and_computes_only_what_is_new(world, directory):
    local.run(world.plan(qfs=(10,)), directory)

    outcome = local.run(world.plan(qfs=(10, 20)), directory)

    assert outcome.computed == 4
    assert len(manifest_json(directory)["cells"]) == 3


def test_a_changed_restorer_never_reuses_the_old_records(world, directory):
    local.run(world.plan(qfs=(10,)), directory)
    world.fake.offset = 2

    assert local.run(world.plan(qfs=(10,)), directory).computed == 4
    assert len(manifest_json(directory)["cells"]) == 2


@pytest.mark.parametrize("change", ["seed", "data", "model", "images"])
def test_a_directory_that_holds_another_study_is_refused(world, directory, change):
    local.run(world.plan(), directory)
    seed = 1 if change == "seed" else 0
    if change == "data":
        world.data.fingerprint = lambda: {"version": "2"}
    elif change == "model":
        world.model.name = "other"
    elif change == "images":
        world.data._images = world.data._images[:2]

    with pytest.raises(UserError, match=f"holds another study: .*{change}.*another --output"):
        local.run(world.plan(seed=seed), directory)


def test_the_manifest_of_a_grown_study_names_all_of_it(world, directory):
    local.run(world.plan(qfs=(20,)), directory)
    local.run(world.plan(qfs=(10,), tasks=("segmentation",)), directory)

    study = manifest_json(directory)["study"]
    assert (study["qf"], study["task"]) == ([10, 20], ["detection", "segmentation"])


def test_a_run_killed_before_its_first_manifest_can_be_run_again(world, directory):
    directory.write_truth("detection", {"ids": []})
    (directory.path / ".lock").write_text("")
    (directory.path / "manifest.json.tmp").write_text('{"format"')

    assert local.run(world.plan(), directory).computed == 12
    assert directory.truth("detection") == {"ids": ["0.png", "1.png", "2.png", "3.png"]}


def test_a_deleted_ground_truth_is_written_again_though_no_record_is_missing(world, directory):
    local.run(world.plan(), directory)
    directory.truth_path("detection").unlink()

    assert local.run(world.plan(), directory).computed == 0
    assert directory.truth("detection") == {"ids": ["0.png", "1.png", "2.png", "3.png"]}


def test_a_study_that_another_run_began_in_the_meantime_is_seen(world, directory, monkeypatch):
    locked = directory.locked

    def late():
        monkeypatch.undo()
        local.run(world.plan(seed=1), RunDirectory(directory.path))
        return locked()

    monkeypatch.setattr(directory, "locked", late)

    with pytest.raises(UserError, match="holds another study: seed 1 instead of 0"):
        local.run(world.plan(), directory)


def test_a_run_that_computes_nothing_is_the_latest_all_the_same(world, directory):
    local.run(world.plan(), directory)
    os.utime(directory.manifest_path, (1, 1))

    local.run(world.plan(), directory)

    assert directory.manifest_path.stat().st_mtime > 1


def test_a_directory_with_other_things_is_refused(world, directory):
    directory.path.mkdir()
    (directory.path / "thesis.tex").write_text("")

    with pytest.raises(UserError, match=r"thesis.tex.*another --output"):
        local.run(world.plan(), directory)


def test_the_manifest_says_what_was_measured_with_what(world, directory):
    local.run(world.plan(), directory)
    manifest = manifest_json(directory)

    assert manifest["environments"][0]["packages"]["torch"]
    assert manifest["environments"][0]["libjpeg_turbo"]
    assert manifest["identity"]["codecs"] == {"jpeg": Jpeg().fingerprint()}
    assert manifest["data_set"]["ids"] == ["0.png", "1.png", "2.png", "3.png"]
    assert directory.truth("detection") == {"ids": ["0.png", "1.png", "2.png", "3.png"]}


class Telling(local.Silent):
    """Notes what is told, and after how many records."""

    def __init__(self):
        self.records, self.lines = 0, []

    def advance(self):
        self.records += 1

    def tell(self, describe):
        self.lines.append((self.records, describe()))


def test_one_cell_is_full_after_the_other_and_its_number_is_told(world, directory):
    folder = world.data.images()[0].path.parent
    study = Study(task=("fidelity",), dataset=str(folder), qf=(10, 20), restorers=("jpeg", "arcnn"))
    telling = Telling()
    local.run(make_plan(study), directory, progress=telling, workers=1)

    psnr = {result.cell.key: result.metrics["PSNR"] for result in measure(directory)}
    assert telling.lines == [
        (4 * (place + 1), f"fidelity/{key}: PSNR {psnr[f'fidelity/{key}']:.2f} (4 images)")
        for place, key in enumerate(["jpeg-q10", "arcnn-q10", "jpeg-q20", "arcnn-q20"])
    ]


@pytest.mark.parametrize("lost", ["both", "manifest"])
def test_a_run_without_its_manifest_keeps_its_records(world, directory, lost):
    plan = world.plan()
    local.run(plan, directory)
    numbers = plan_numbers(directory, plan)
    directory.manifest_path.unlink()
    if lost == "both":
        directory.copy_path.unlink()

    outcome = local.run(world.plan(), RunDirectory(directory.path))

    assert outcome.computed == 0
    assert plan_numbers(RunDirectory(directory.path), plan) == numbers


def test_what_verify_takes_out_is_computed_again(world, directory):
    plan = world.plan()
    local.run(plan, directory)
    numbers = plan_numbers(directory, plan)
    spoilt = directory.record_file(plan.cells[-1])
    records = spoilt.read()
    spoilt.replace(records.values())
    lines = spoilt.plain.read_bytes()
    spoilt.plain.write_bytes(lines.replace(b'"bpp":', b'"bpp":1', 1))

    verify.repair(directory, verify.verify(directory))
    outcome = local.run(world.plan(), RunDirectory(directory.path))

    assert outcome.computed == 1
    assert plan_numbers(RunDirectory(directory.path), plan) == numbers
