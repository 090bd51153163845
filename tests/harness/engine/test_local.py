import itertools
import math
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeRestorer
from manifests import manifest_json, records_json

from harness.engine import local
from harness.errors import ImageError, UserError
from harness.images.fidelity import luma_fidelity, to_luma
from harness.images.io import read_image, write_png
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from harness.records.run_directory import RunDirectory


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def records(directory, plan):
    return {cell.key: records_json(directory, cell) for cell in plan.cells}


def numbers(directory, plan):
    """The records without their timings, which differ from run to run."""
    return {
        key: {i: {k: v for k, v in r.items() if k != "seconds"} for i, r in held.items()}
        for key, held in records(directory, plan).items()
    }


def test_every_image_leaves_a_record_in_every_cell(world, directory):
    plan = world.plan()

    outcome = local.run(plan, directory)

    assert (outcome.total, outcome.computed, outcome.failed) == (12, 12, {})
    held = records(directory, plan)
    assert set(held) == {"detection/original-original", "detection/fake-q10", "detection/fake-q20"}
    assert all(sorted(r) == ["0.png", "1.png", "2.png", "3.png"] for r in held.values())


def test_a_record_holds_prediction_fidelity_bytes_and_the_seconds_of_each_stage(world, directory):
    plan = world.plan(qfs=(10,))
    local.run(plan, directory)
    record = records(directory, plan)["detection/fake-q10"]["0.png"]
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
    held = records(directory, plan)

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
    record = records(directory, plan)["detection/fake-q10"]["0.png"]

    assert seen[0].grey
    assert seen[0].data == compressed.data
    assert record["bytes"] == len(compressed.data)
    expected = luma_fidelity(luma, compressed.pixels + np.uint8(1))
    assert record["fidelity"] == pytest.approx(expected)


def test_the_original_reaches_the_model_untouched_and_only_once(world, directory):
    plan = world.plan(qfs=(10, 20, 30))
    local.run(plan, directory, workers=1)
    record = records(directory, plan)["detection/original-original"]["2.png"]

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
    assert numbers(directory, both)[key] == numbers(alone, one)[key]


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
    assert not [t for t in threading.enumerate() if t.name.startswith("walk-")], caught
    outcome = local.run(world.plan(), directory)
    whole = RunDirectory(tmp_path / "whole")
    local.run(world.plan(), whole)

    assert outcome.computed == 12 - (after + 1)
    assert numbers(directory, world.plan()) == numbers(whole, world.plan())


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


def test_an_unreadable_image_is_recorded_as_failed_and_the_rest_goes_on(world, directory):
    world.data.images()[1].path.write_bytes(b"no image")
    plan = world.plan()

    outcome = local.run(plan, directory)

    assert list(outcome.failed) == ["1.png"]
    assert "1.png" in outcome.failed["1.png"]
    for held in records(directory, plan).values():
        assert [image for image, record in held.items() if "error" in record] == ["1.png"]
    assert local.run(world.plan(), directory).failed == outcome.failed


def test_failed_images_are_tried_again_when_asked(world, directory):
    path = world.data.images()[1].path
    good = path.read_bytes()
    path.write_bytes(b"no image")
    local.run(world.plan(), directory)
    path.write_bytes(good)

    assert local.run(world.plan(), directory).computed == 0
    again = local.run(world.plan(), directory, retry_failed=True)
    assert (again.computed, again.failed) == (3, {})


def test_fail_fast_stops_at_the_first_failed_image_and_keeps_what_was_done(world, directory):
    world.data.images()[1].path.write_bytes(b"no image")
    plan = world.plan()

    with pytest.raises(ImageError, match=r"1.png.*--fail-fast"):
        local.run(plan, directory, fail_fast=True, workers=1)
    assert all(list(held) == ["0.png"] for held in records(directory, plan).values())


def test_a_restorer_that_fails_on_one_image_leaves_the_others_alone(world, directory):
    shaky = FakeRestorer("shaky", fails_on=(2,))
    plan = world.plan(qfs=(10,), restorers=[world.original, world.fake, shaky])

    local.run(plan, directory, workers=1)

    held = records(directory, plan)
    failed = held["detection/shaky-q10"]["1.png"]["error"]
    assert failed == "restorer shaky failed on 1.png: RuntimeError: out of memory"
    assert not any("error" in r for r in held["detection/fake-q10"].values())


def test_an_image_too_large_for_the_codec_is_recorded_as_failed_and_the_rest_goes_on(
    world, directory
):
    write_png(np.zeros((1, 65501, 3), np.uint8), world.data.images()[1].path)
    plan = world.plan()

    outcome = local.run(plan, directory)

    held = records(directory, plan)
    assert list(outcome.failed) == ["1.png"]
    assert "65500" in outcome.failed["1.png"]
    assert "error" not in held["detection/original-original"]["1.png"]
    assert [i for i, r in held["detection/fake-q20"].items() if "error" in r] == ["1.png"]


def test_an_image_deleted_during_the_run_is_recorded_as_failed(world, directory):
    predict = world.model.predict

    def deleting(image):
        world.data.images()[3].path.unlink(missing_ok=True)
        return predict(image)

    world.model.predict = deleting
    outcome = local.run(world.plan(), directory, workers=1)

    assert list(outcome.failed) == ["3.png"]
    assert "no such file" in outcome.failed["3.png"]


def test_an_image_of_one_pixel_runs(world, directory):
    write_png(np.zeros((1, 1, 3), np.uint8), world.data.images()[0].path)
    plan = world.plan(qfs=(10,))

    assert local.run(plan, directory).failed == {}
    assert math.isnan(records(directory, plan)["detection/fake-q10"]["0.png"]["fidelity"]["ssim"])


def test_missing_weights_stop_the_run_and_leave_no_failed_records(world, directory):
    predict = world.model.predict

    def refuse(image):
        raise UserError("The weights of m are missing.")

    world.model.predict = refuse
    with pytest.raises(UserError, match="weights of m are missing"):
        local.run(world.plan(), directory)
    world.model.predict = predict

    outcome = local.run(world.plan(), directory)
    assert (outcome.computed, outcome.failed) == (12, {})


def test_a_restorer_that_changes_the_size_is_recorded_as_failed(world, directory):
    world.fake.restore = lambda compressed: compressed.pixels[:-1]
    plan = world.plan(qfs=(10,))

    outcome = local.run(plan, directory)

    assert len(outcome.failed) == 4
    assert "same size" in outcome.failed["0.png"]


def test_the_manifest_says_what_was_measured_with_what(world, directory):
    local.run(world.plan(), directory)
    manifest = manifest_json(directory)

    assert manifest["environments"][0]["packages"]["torch"]
    assert manifest["environments"][0]["libjpeg_turbo"]
    assert manifest["identity"]["codecs"] == {"jpeg": Jpeg().fingerprint()}
    assert manifest["data_set"]["ids"] == ["0.png", "1.png", "2.png", "3.png"]
    assert directory.truth("detection") == {"ids": ["0.png", "1.png", "2.png", "3.png"]}
