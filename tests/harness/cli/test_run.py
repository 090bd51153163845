"""The command on the user's own images, without labels, and on several data sets at once."""

import numpy as np
import pytest
from PIL import Image

from harness.images.io import write_png
from tasks import scenes
from tasks.scenes.data_set import Scenes

pytestmark = pytest.mark.integration


@pytest.fixture
def photos(tmp_path):
    """Two photographs of somebody who has no annotations."""
    folder = tmp_path / "my_photos"
    for reference in Scenes(count=16).images()[:2]:
        with Image.open(reference.path) as image:
            write_png(np.asarray(image.convert("RGB")), folder / f"{reference.id}.png")
    return folder


def values(out):
    """The numbers of the table's rows, by task."""
    rows = [line.split() for line in out.splitlines()]
    return {row[0]: [float(cell.strip("*+†‡")) for cell in row[4:]] for row in rows if "10" in row}


@pytest.mark.slow
def test_a_folder_without_labels_is_scored_by_agreement(harness, photos):
    code, out, err = harness(
        *("run", "--task", "detection,segmentation", "--dataset", photos, "--qf", 10),
        *("--model", "faster_rcnn_scenes,pspnet_scenes", "--restorers", "original,jpeg,arcnn"),
    )
    found = values(out)

    assert code == 0, err
    assert "my_photos has no ground truth for detection" in err
    assert "Object detection, agreement with the model's own boxes" in out
    assert "Semantic segmentation, agreement with the model's own map" in out
    for task in ("detection-agreement", "segmentation-agreement"):
        original, jpeg, arcnn = found[task]
        assert original == 100.0
        assert 0 < jpeg < 90
        assert 0 < arcnn < 90


def test_agreement_runs_the_model_once_on_each_uncompressed_image(harness, photos, monkeypatch):
    from tasks.segmentation.models.pspnet import PSPNetScenes

    seen = []
    predict = PSPNetScenes.predict
    monkeypatch.setattr(
        PSPNetScenes, "predict", lambda self, image: (seen.append(1), predict(self, image))[1]
    )
    code, _, err = harness(
        *("run", "--task", "segmentation", "--dataset", photos, "--qf", "10,40"),
        *("--model", "pspnet_scenes", "--restorers", "original,jpeg"),
    )

    assert code == 0, err
    assert len(seen) == 2 * (1 + 2)  # images x (uncompressed + two QFs)


def test_agreement_can_be_asked_for_where_there_are_labels(harness, monkeypatch):
    monkeypatch.setitem(scenes.COUNTS, "evaluation", 4)
    code, out, err = harness(
        *("run", "--task", "segmentation,segmentation-agreement", "--dataset", "scenes"),
        *("--qf", 10, "--restorers", "jpeg", "--limit", 1),
    )

    assert code == 0, err
    assert set(values(out)) == {"segmentation", "segmentation-agreement"}


def test_auto_runs_each_task_on_its_data_set_in_a_directory_of_its_own(harness, tmp_path):
    code, out, err = harness(
        *("run", "--task", "segmentation,classification", "--qf", 10, "--limit", 1),
        *("--restorers", "jpeg", "--output", "out"),
    )

    assert code == 0, err
    assert out.count("Data set ") == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"scenes", "scenes-things"}
    assert "voc2012 is not prepared under" in err


def test_no_gate_is_written_into_the_table(harness, monkeypatch):
    from harness.plugins import Expected
    from tasks.segmentation.models.pspnet import PSPNetScenes

    monkeypatch.setitem(scenes.COUNTS, "evaluation", 2)
    said = Expected("mIoU", 1.0, 0.5, "somebody")
    monkeypatch.setattr(PSPNetScenes, "expected", lambda *_: said)
    arguments = ("run", "--task", "segmentation", "--dataset", "scenes", "--qf", 10)
    arguments += ("--restorers", "jpeg", "--output", "out")

    stopped, out, err = harness(*arguments)
    assert (stopped, out) == (1, "")
    assert "The sanity check stopped the study" in err
    assert "1.0 ± 0.5 is expected" in err

    code, out, err = harness(*arguments, "--no-gate")
    assert code == 0, err
    assert "--no-sanity-check" in out
