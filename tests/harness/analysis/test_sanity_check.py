"""The sanity check: a model that misses its published score stops the study."""

import pytest

from harness.engine import local
from harness.errors import HarnessError
from harness.plugins import Expected
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import build_table
from harness.study.plan import make_plan
from harness.study.study import Study
from tasks import scenes
from tasks.segmentation.models.pspnet import PSPNetScenes

FEW = 4


@pytest.fixture
def few(monkeypatch):
    """The data set `scenes`, of four images."""
    monkeypatch.setitem(scenes.COUNTS, "evaluation", FEW)


@pytest.fixture
def expect(monkeypatch):
    """Makes somebody say what the segmenter scores."""

    def call(value, tolerance=0.5):
        said = Expected("mIoU", value, tolerance, "somebody")
        monkeypatch.setattr(PSPNetScenes, "expected", lambda *_: said)

    return call


def run(tmp_path, gate=True, **changes):
    study = Study(
        **{"dataset": "scenes", "task": "segmentation", "qf": 10, "restorers": "jpeg", **changes}
    )
    directory = RunDirectory(tmp_path / "run")
    plan = make_plan(study, gate)
    local.run(plan, directory, gate=gate)
    return directory


def measured(directory):
    return {path.name.split(".")[0] for path in (directory.path / "records").rglob("*.jsonl*")}


def test_a_model_far_from_its_published_score_stops_the_study_first(few, expect, tmp_path):
    expect(12.5)

    with pytest.raises(HarnessError, match=r"mIoU \d\d\.\d on .*, mIoU 12\.5 ± 0\.5 is expected"):
        run(tmp_path)

    assert measured(RunDirectory(tmp_path / "run")) == {"original-original"}  # nothing else began


def test_the_next_run_measures_nothing_again_and_still_stops(few, expect, tmp_path):
    expect(12.5)
    with pytest.raises(HarnessError):
        run(tmp_path)
    path = next((tmp_path / "run" / "records").rglob("*.jsonl"))
    before = path.read_bytes()

    with pytest.raises(HarnessError, match="sanity check stopped"):
        run(tmp_path)

    assert path.read_bytes() == before


def test_no_gate_goes_on_and_marks_the_table(few, expect, tmp_path):
    expect(12.5)
    directory = run(tmp_path, gate=False, restorers="original,jpeg")

    assert measured(directory) == {"original-original", "jpeg-q10"}
    assert any(
        "SANITY CHECK FAILED" in note and "12.5" in note for note in build_table(directory).notes
    )


def test_no_gate_without_the_uncompressed_images_is_marked_too(few, expect, tmp_path):
    expect(12.5)
    directory = run(tmp_path, gate=False)

    assert measured(directory) == {"jpeg-q10"}
    assert any(
        "NOT CHECKED (--no-sanity-check): pspnet_scenes was not measured" in note
        for note in build_table(directory).notes
    )


def test_a_model_within_its_tolerance_goes_on_and_the_table_says_so(few, expect, tmp_path):
    expect(0.0, tolerance=100.0)
    directory = run(tmp_path)

    assert measured(directory) == {"original-original", "jpeg-q10"}
    assert any(note.startswith("sanity check passed") for note in build_table(directory).notes)
    assert any("mIoU 0.0 ± 100 is expected (somebody)" in n for n in build_table(directory).notes)


def test_on_a_subset_it_reports_and_goes_on(few, expect, tmp_path):
    expect(12.5)
    directory = run(tmp_path, limit=2)
    notes = build_table(directory).notes

    assert measured(directory) == {"original-original", "jpeg-q10"}
    assert any(
        note.startswith("sanity check, subset: ")
        and "on the first 2 uncompressed images of scenes, mIoU 12.5 is expected on all" in note
        for note in notes
    )


@pytest.mark.parametrize("gate", [True, False])
def test_images_that_fail_are_no_passed_gate(few, expect, tmp_path, monkeypatch, gate):
    expect(0.0, tolerance=100.0)
    predict = PSPNetScenes.predict
    calls = []

    def fails_first(self, image):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("out of memory")
        return predict(self, image)

    monkeypatch.setattr(PSPNetScenes, "predict", fails_first)
    if gate:
        with pytest.raises(HarnessError, match=r"1 of 4 images \(.*out of memory"):
            run(tmp_path)
        return
    directory = run(tmp_path, gate=False, restorers="original,jpeg")
    assert any(
        note.startswith(
            "SANITY CHECK FAILED (--no-sanity-check): pspnet_scenes failed on the uncompressed"
        )
        for note in build_table(directory).notes
    )


def test_the_mark_outlives_a_later_run_that_the_gate_stops(few, expect, tmp_path):
    expect(12.5)
    directory = run(tmp_path, gate=False, restorers="original,jpeg")
    with pytest.raises(HarnessError, match="sanity check stopped"):
        run(tmp_path)

    assert any(note.startswith("SANITY CHECK FAILED: ") for note in build_table(directory).notes)


def test_a_study_is_not_stopped_by_another_task_of_its_directory(few, expect, tmp_path):
    expect(12.5)
    with pytest.raises(HarnessError, match="sanity check stopped"):
        run(tmp_path)

    directory = run(tmp_path, task="fidelity")

    assert measured(directory) == {"original-original", "jpeg-q10"}


@pytest.mark.slow
def test_the_embedded_models_are_held_against_what_their_cards_say(few):
    """Of four images the card says nothing; of all 128 it does."""
    from tasks.detection.models.faster_rcnn import FasterRCNNScenes
    from tasks.scenes.data_set import Scenes

    whole = Scenes(count=128)

    assert FasterRCNNScenes().expected(Scenes(), "mAP") is None
    assert FasterRCNNScenes().expected(whole, "mAP").value == pytest.approx(62.7, abs=0.5)
    assert PSPNetScenes().expected(whole, "mAP") is None
