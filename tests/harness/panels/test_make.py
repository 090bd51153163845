"""``harness panels`` on a small run: its index, what is reused, what is said when it cannot be."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from manifests import manifest_json, write_manifest
from PIL import Image

from harness.cli import main as cli
from harness.engine.local import run
from harness.errors import HarnessError, UserError
from harness.images.io import read_image, write_png
from harness.panels import make as making
from harness.panels import views as viewing
from harness.panels.compose import compose
from harness.panels.make import PanelOptions, make_panels
from harness.panels.recompute import equal
from harness.panels.select import PanelRequest
from harness.panels.views import file_name
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
from harness.report.panel_index import Panel, View, read_index, write_index
from harness.study.plan import make_plan
from harness.study.study import Study

pytestmark = pytest.mark.slow

ASKED = PanelRequest(images=("evaluation-00001",), restorers=("arcnn",))


def silent(sentence):
    raise AssertionError(sentence)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of two images and the panel of the second."""
    directory = RunDirectory(tmp_path_factory.mktemp("made") / "run")
    study = Study(task="detection", dataset="scenes", qf=(10,), limit=2,
                  restorers=("original", "jpeg", "arcnn"))  # fmt: skip
    run(make_plan(study), directory, workers=1)
    make_panels(directory, ASKED, PanelOptions(width=900), silent)
    return directory


@pytest.fixture
def copy(made, tmp_path):
    """The same, to be spoilt."""
    shutil.copytree(made.path, tmp_path / "run")
    return RunDirectory(tmp_path / "run")


def panels_of(directory):
    return read_index(directory.path / "panels")


def test_the_index_is_as_its_readers_expect(made):
    folder = made.path / "panels"
    index = json.loads((folder / "index.json").read_text())

    assert index["format"] == 1
    [panel] = index["panels"]
    assert {"task", "image", "codec", "qf", "width", "height", "reason", "file"} < set(panel)
    assert (panel["image"], panel["qf"], panel["width"], panel["height"]) == (
        "evaluation-00001", 10, 320, 240,
    )  # fmt: skip
    assert panel["reason"].startswith("Asked for; from jpeg to arcnn its own mAP")
    assert [view["restorer"] for view in panel["views"]] == ["original", "jpeg", "arcnn"]
    assert [view["label"] for view in panel["views"]] == ["Original", "JPEG QF 10", "arcnn"]
    for view in panel["views"]:
        assert read_image(folder / view["picture"]).shape == (240, 320, 3)
        with Image.open(folder / view["overlay"]) as sheet:
            assert (sheet.mode, sheet.size) == ("RGBA", (640, 480))
        assert view["same"] is True
        assert "found" in view["caption"]
    with Image.open(folder / panel["file"]) as picture:
        assert (picture.format, picture.size[0]) == ("PNG", 900)


def test_the_figures_are_the_records(made):
    [panel] = panels_of(made)
    cells = {cell.restorer: cell for cell in made.manifest().cells}
    for view in panel.views:
        cell = cells[view.restorer]
        record = made.records(cell)["evaluation-00001"]
        assert view.fingerprint == cell.fingerprint
        if view.restorer != "original":
            assert view.psnr == pytest.approx(record.fidelity["psnr"], abs=1e-9)
            assert view.ssim == pytest.approx(record.fidelity["ssim"], abs=1e-9)
    assert panel.views[0].psnr is None
    assert 0 <= panel.views[0].score <= 100


def test_the_pixels_are_those_of_the_pipeline(made):
    """Compared with the codec called by hand."""
    from harness.images.jpeg import Jpeg

    folder = made.path / "panels"
    [panel] = panels_of(made)
    original, jpeg = (read_image(folder / view.picture) for view in panel.views[:2])

    assert (Jpeg().compress(original, 10).pixels == jpeg).all()


def test_what_is_there_is_used_again(copy, monkeypatch):
    monkeypatch.setattr(making, "replan", lambda **_: silent("a plan was made"))
    before = (copy.path / "panels" / panels_of(copy)[0].views[2].picture).stat().st_mtime_ns

    make_panels(copy, ASKED, PanelOptions(width=700, crop=(0, 0, 20, 20)), silent)

    [panel] = panels_of(copy)
    assert panel.crop == (0, 0, 20, 20)
    assert (copy.path / "panels" / panel.views[2].picture).stat().st_mtime_ns == before
    with Image.open(copy.path / "panels" / panel.file) as picture:
        assert picture.size[0] == 700


@pytest.mark.parametrize("spoilt", ["picture", "drawn"])
def test_a_view_that_is_spoilt_or_drawn_otherwise_is_made_again(copy, monkeypatch, spoilt):
    folder = copy.path / "panels"
    view = panels_of(copy)[0].views[1]
    if spoilt == "picture":
        (folder / view.picture).unlink()
    else:
        monkeypatch.setattr(viewing.draw, "VERSION", "next")
    asked = replace(ASKED, restorers=("jpeg",))

    make_panels(copy, asked, PanelOptions(width=700), silent)

    assert (folder / view.picture).is_file()
    assert [view.restorer for view in panels_of(copy)[0].views] == ["original", "jpeg"]


def test_another_outcome_than_the_recorded_one_is_marked(copy):
    shutil.rmtree(copy.path / "panels")
    [cell] = [c for c in copy.manifest().cells if c.restorer == "jpeg"]
    file = copy.record_file(cell)
    file.open_up()
    path = file.plain
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["outcome"]["scores"][0] += 0.01
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    make_panels(copy, replace(ASKED, restorers=("jpeg",)), PanelOptions(width=700), silent)

    original, jpeg = panels_of(copy)[0].views
    assert (original.same, jpeg.same) == (True, False)
    assert jpeg.note == ""


def test_another_version_than_the_runs_is_named(copy):
    shutil.rmtree(copy.path / "panels")
    manifest = manifest_json(copy)
    for cell in manifest["cells"]:
        if cell["restorer"] == "jpeg":
            old = copy.record_file(CellEntry.model_validate(cell))
            cell["inputs"]["torch"], cell["fingerprint"] = "1.0", "0" * 64
            copy.record_file(CellEntry.model_validate(cell)).replace(old.read().values())
            old.delete()
    write_manifest(copy, {k: v for k, v in manifest.items() if k != "format"})

    make_panels(copy, replace(ASKED, restorers=("jpeg",)), PanelOptions(width=700), silent)

    original, jpeg = panels_of(copy)[0].views
    assert original.note == ""
    assert jpeg.note == "differs from the run in: torch"
    assert jpeg.same is True


def test_a_data_set_that_has_gone_is_one_sentence(copy):
    manifest = manifest_json(copy)
    manifest["study"]["dataset"] = "/nowhere/annotations.json"
    write_manifest(copy, {k: v for k, v in manifest.items() if k != "format"})
    shutil.rmtree(copy.path / "panels")

    with pytest.raises(UserError) as error:
        make_panels(copy, ASKED, PanelOptions(), silent)

    assert "cannot be made again here" in str(error.value)
    assert "--dataset" in str(error.value)
    # It is found again where the user says it is.
    [panel] = make_panels(
        copy, replace(ASKED, restorers=("jpeg",)),
        PanelOptions(width=700, moved={"dataset": "scenes"}), silent,
    )  # fmt: skip
    assert all(view.same for view in panel.views)


def test_weights_that_have_gone_are_named(copy):
    manifest = manifest_json(copy)
    manifest["study"]["restorers"] = ["original", "jpeg", "/gone/arcnn.pth"]
    write_manifest(copy, {k: v for k, v in manifest.items() if k != "format"})
    shutil.rmtree(copy.path / "panels")

    with pytest.raises(UserError, match="arcnn can no longer be loaded .*/gone/arcnn.pth"):
        make_panels(copy, ASKED, PanelOptions(), silent)


def test_a_restorer_that_fails_is_left_out_with_a_note(copy, monkeypatch):
    from restorers.architectures.arcnn import ARCNN

    def fail(*_):
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(ARCNN, "restore", fail)
    shutil.rmtree(copy.path / "panels")

    [panel] = make_panels(copy, ASKED, PanelOptions(width=700), silent)

    assert [view.restorer for view in panel.views] == ["original", "jpeg"]
    assert panel.notes == (
        "arcnn is missing: restorer arcnn failed on evaluation-00001: RuntimeError: out of memory.",
    )


def test_interrupted_it_keeps_what_is_done(copy, monkeypatch):
    shutil.rmtree(copy.path / "panels")
    see = viewing.see

    def stopped(plan, directory, ready, task, restorer, condition):
        if restorer == "arcnn":
            raise KeyboardInterrupt
        return see(plan, directory, ready, task, restorer, condition)

    monkeypatch.setattr(viewing, "see", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_panels(copy, ASKED, PanelOptions(width=700), silent)
    monkeypatch.setattr(making, "replan", lambda **_: silent("a plan was made"))

    [panel] = make_panels(
        copy, replace(ASKED, restorers=("jpeg",)), PanelOptions(width=700), silent
    )

    assert [view.restorer for view in panel.views] == ["original", "jpeg"]


def test_the_command_says_where_the_pictures_are_and_why_these(copy, monkeypatch, capsys):
    words = ["panels", copy.path, "--image", "evaluation-00001", "--restorers", "arcnn", "--pdf",
             "--width", 600, "--crop", "none"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["harness", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()

    assert not stop.value.code
    path, reason = capsys.readouterr().out.splitlines()
    assert path == str(copy.path / "panels" / panels_of(copy)[0].file)
    assert reason.startswith("    detection: Asked for; from jpeg to arcnn")
    pdf = (copy.path / "panels" / panels_of(copy)[0].file).with_suffix(".pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"DCTDecode" not in pdf, "a JPEG in a picture about JPEG"


def test_the_index_is_read_as_it_was_written(tmp_path):
    view = View("jpeg", "JPEG", "a.png", None, float("inf"), 0.9, None, "", False, "f", "n",
                (("cat", "#000000"),), "1")  # fmt: skip
    panel = Panel("t", "i", "webp", 5, 4, 3, "r", "p.png", (view,), (0, 1, 2, 3), ("so",))
    write_index(tmp_path, [panel])

    assert "Infinity" not in (tmp_path / "index.json").read_text()
    assert read_index(tmp_path) == (replace(panel, views=(replace(view, psnr=None),)),)
    assert read_index(tmp_path / "nothing") == ()
    for damage in ('{"format": 2}', "{", '{"format": 1, "panels": [{}]}', "[]"):
        (tmp_path / "index.json").write_text(damage)
        with pytest.raises(HarnessError, match=r"index\.json cannot be read: .*Delete the folder"):
            read_index(tmp_path)


@pytest.mark.parametrize("views", [1, 2, 5, 6, 13])
@pytest.mark.parametrize("size", [(64, 48), (30, 90)])
def test_any_number_of_views_of_any_shape_fit(tmp_path, views, size):
    width, height = size
    write_png(np.full((height, width, 3), 255, np.uint8), tmp_path / "a.png")
    name = "a_restorer_with_a_very_long_name_from_a_weights_file"
    view = View(name, name, "a.png", None, 30.0, 0.9, 45.0, "a caption of many words " * 4, False)
    panel = Panel("detection", "folder/" * 30 + "a", "jpeg", 10, *size, "Asked for.", "p/p.png",
                  (view,) * views, (0, 0, 10, 10))  # fmt: skip

    compose(panel, tmp_path, 800)

    picture = read_image(tmp_path / "p" / "p.png")
    assert picture.shape[1] == 800
    # White pictures, so what is not white is text: none of it reaches the sides.
    assert (picture[:, :4] == 255).all()
    assert (picture[:, -4:] == 255).all()
    assert (picture < 128).any()


def test_names_of_files_are_plain_short_and_their_own():
    names = ["a", "../a", "a/b", "a_b", "x" * 300, "x" * 299, "中", "文", ".hidden"]
    made_names = [file_name(name) for name in names]

    assert made_names[0] == "a"
    assert len(set(made_names)) == len(names)
    assert all("/" not in name and not name.startswith(".") for name in made_names)
    assert max(map(len, made_names)) < 80


def test_of_several_tasks_only_the_models_needed_are_asked_for():
    from harness.panels.replan import _with_models

    study = Study(task=("detection", "segmentation"), model=("faster_rcnn_scenes", "pspnet_scenes"))
    file = study.model_copy(update={"model": ("card.yaml", "pspnet_scenes")})

    assert _with_models(study, ["detection"]) == (("detection",), ("faster_rcnn_scenes",))
    assert _with_models(study, ["segmentation"]) == (("segmentation",), ("pspnet_scenes",))
    # Nobody knows what a file is of before it is opened.
    assert _with_models(file, ["segmentation"]) == (file.task, file.model)


def test_outcomes_are_equal_up_to_rounding():
    a = {"boxes": [[1.0, 2.0]], "labels": [1], "scores": [0.5]}

    assert equal(a, {"boxes": [[1.00005, 2.0]], "labels": [1], "scores": [0.5]})
    assert not equal(a, {**a, "scores": [0.52]})
    assert not equal(a, {**a, "labels": [2]})
    assert not equal(a, {**a, "boxes": []})
    assert not equal(a, None)
    assert equal({"x": "nan"}, {"x": "nan"})
