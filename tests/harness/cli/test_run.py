"""The command on the user's own images, without labels, and on several data sets at once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.images.io import write_png
from harness.records.run_directory import RunDirectory
from harness.records.study_names import located_study, restorer_spec
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


NET = """
from torch import nn

class Same(nn.Module):
    def forward(self, image):
        return image
"""


@pytest.fixture
def own_net(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.assets.programs._named", set())
    rng = np.random.default_rng(0)
    write_png(rng.integers(0, 256, (32, 40, 3), dtype=np.uint8), tmp_path / "photos" / "a.png")
    (tmp_path / "net.py").write_text(NET)
    return ("run", "--task", "fidelity", "--qf", "10", "--dataset", "photos", "--output", "out")


def test_a_network_in_a_python_file_is_a_restorer_until_its_code_changes(
    harness, own_net, tmp_path
):
    command = (*own_net, "--restorers", "jpeg,net.py:Same")

    code, out, err = harness(*command)
    assert code == 0
    assert "Same" in out
    assert "(2 of 2 computed now)" in err
    assert "(0 of 2 computed now)" in harness(*command)[2]

    (tmp_path / "net.py").write_text(NET.replace("image\n", "0.5 * image\n"))
    assert "(1 of 2 computed now)" in harness(*command)[2]


def test_python_that_a_study_names_is_not_run_unless_it_is_trusted(harness, own_net, tmp_path):
    (tmp_path / "theirs.yaml").write_text("restorers: [jpeg, 'net.py:Same']\n")
    command = (*own_net, "--study", "theirs.yaml")

    code, _, err = harness(*command)
    assert code == 2
    assert "net.py is Python, a program" in err

    assert harness(*command, "--restorers", "jpeg,net.py:Same")[0] == 0


def test_a_run_with_a_network_in_python_is_found_again_from_elsewhere(
    harness, own_net, tmp_path, monkeypatch
):
    assert harness(*own_net, "--restorers", "net.py:Same")[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run = RunDirectory(Path("../out"))

    study = located_study(run.manifest(), run.path)

    assert study["restorers"] == [str(tmp_path / "net.py:Same")]
    assert restorer_spec("Same", study) == study["restorers"][0]
