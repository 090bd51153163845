"""What is gathered of a run is the same from the cache, by any number of threads, and for parts."""

import json
import os
import shutil

import numpy as np
import pytest
from paths import EMBEDDED

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.differences import differences
from harness.errors import HarnessError
from harness.plugins import registry
from harness.records.run_directory import RunDirectory

pytestmark = pytest.mark.slow

NAMES = '"background"', '"nothing"'
KEYS = ("detection/jpeg-q10", "detection/arcnn-q10", "segmentation/jpeg-q10")


@pytest.fixture
def run(tmp_path):
    """The committed study without anything that was computed from its records."""
    ignored = shutil.ignore_patterns("statistics", "metrics", "panels", "report.html")
    shutil.copytree(EMBEDDED, tmp_path / "run", ignore=ignored)
    return RunDirectory(tmp_path / "run")


def same(one, other):
    assert list(one) == list(other)
    for key, item in one.items():
        again = other[key]
        assert item.images == again.images
        np.testing.assert_equal(item.values, again.values)
        np.testing.assert_equal(item.draws, again.draws)
        np.testing.assert_equal(item.each, again.each)


def test_the_second_call_reads_what_the_first_kept_and_says_the_same(run, monkeypatch):
    first = load_bootstrap(run, KEYS, draws=30)
    assert sorted(first) == sorted(KEYS)
    assert len(list((run.path / "statistics").rglob("*.npz"))) == len(KEYS)

    def refuse(*_):
        raise AssertionError("the records were read again")

    monkeypatch.setattr(RunDirectory, "records", refuse)
    same(load_bootstrap(run, KEYS, draws=30), first)
    with pytest.raises(AssertionError, match="read again"):
        load_bootstrap(run, KEYS, draws=31)


def test_any_number_of_threads_gives_the_same_bits(run, monkeypatch):
    expected = load_bootstrap(run, KEYS, draws=30)
    for cores in (1, 5):
        shutil.rmtree(run.path / "statistics")
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        same(load_bootstrap(run, KEYS, draws=30), expected)


def test_the_values_are_the_tasks_metrics_and_few_draws_the_first_of_many(run):
    found = load_bootstrap(run, KEYS, draws=20)
    for item in found.values():
        task = registry.tasks().get(item.cell.task)()
        records = run.records(item.cell)
        expected = task.metrics(records, run.truth(task.name))
        assert item.values == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert item.draws.keys() == expected.keys()
    few = load_bootstrap(run, KEYS[:1], draws=8)[KEYS[0]]
    np.testing.assert_array_equal(few.draws["mAP"], found[KEYS[0]].draws["mAP"][:8])


def test_a_difference_is_paired_also_where_one_side_lacks_images(run):
    whole = load_bootstrap(run, KEYS[:2], draws=200)
    jpeg, arcnn = (whole[key] for key in KEYS[:2])
    paired = differences(jpeg, arcnn, ["mAP"], draws=200)["mAP"]
    assert paired.value == pytest.approx(arcnn.values["mAP"] - jpeg.values["mAP"], abs=1e-12)
    width = paired.interval.high - paired.interval.low
    sides = [item.interval("mAP") for item in (jpeg, arcnn)]
    assert width < sum(side.high - side.low for side in sides)
    # The same by way of the images the two have in common.
    part = load_bootstrap(run, KEYS[:1], draws=200, only=jpeg.images[::2])[KEYS[0]]
    half = differences(part, arcnn, ["mAP"], draws=200)["mAP"]
    both = load_bootstrap(run, KEYS[:2], draws=200, only=jpeg.images[::2])
    assert half.images == len(jpeg.images[::2])
    assert half == differences(*(both[key] for key in KEYS[:2]), ["mAP"], draws=200)["mAP"]


def test_what_was_kept_is_not_read_for_other_draws_records_or_truth(run, monkeypatch):
    key = KEYS[2]
    cell = next(cell for cell in run.manifest().cells if cell.key == key)
    task = registry.tasks().get("segmentation")
    first = load_bootstrap(run, [key], draws=10)[key]

    other = load_bootstrap(run, [key], draws=10, seed=1)[key]
    assert not np.array_equal(other.draws["mIoU"], first.draws["mIoU"])
    another = json.loads(json.dumps(run.truth("segmentation")).replace(*NAMES))
    manifest = run.manifest()
    hashes = {**manifest.truth, "segmentation": run.write_truth("segmentation", another)}
    run.write_manifest(manifest.model_copy(update={"truth": hashes}))
    assert "IoU/nothing" in load_bootstrap(run, [key], draws=10, seed=1)[key].values
    file = run.record_file(cell)
    file.open_up()
    records = file.plain
    records.write_text("".join(records.read_text().splitlines(keepends=True)[1:]))
    assert len(load_bootstrap(run, [key], draws=10, seed=1)[key].images) == len(first.images) - 1
    monkeypatch.setattr(task, "version", "another")
    monkeypatch.setattr(task, "sample", lambda *_: None)
    assert load_bootstrap(run, [key], draws=10, seed=1)[key].draws == {}


def test_a_task_whose_sample_is_in_another_order_is_refused(run, monkeypatch):
    task = registry.tasks().get("segmentation")
    whole = task.sample

    def backwards(self, records, truth):
        return whole(self, dict(reversed(records.items())), truth)

    monkeypatch.setattr(task, "sample", backwards)
    with pytest.raises(HarnessError, match="sample of the task segmentation"):
        load_bootstrap(run, KEYS[2:], draws=10)
