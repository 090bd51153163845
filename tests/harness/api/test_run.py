"""Comparisons, summaries, figures, panels and the page of a run, asked for from Python."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest

import harness as library
from harness.images.io import read_image, write_png
from harness.report.panel_index import read_index

pytestmark = pytest.mark.integration


def names(panels):
    return [[view.restorer for view in panel.views] for panel in panels]


def identity(rgb):
    return rgb


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three images at two QFs, one restorer of the caller's."""
    folder = tmp_path_factory.mktemp("library")
    for index in range(3):
        rng = np.random.default_rng(index)
        coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        write_png(coarse.repeat(8, 0).repeat(8, 1), folder / "photos" / f"{index}.png")
    return library.evaluate(
        task="fidelity", qf=[10, 40], dataset=folder / "photos", output=folder / "out",
        restorers=["jpeg", "arcnn", library.restorer(identity, version="1")],
    )  # fmt: skip


def test_a_comparison_is_that_of_the_command(run, harness):
    found = run.compare("jpeg", "arcnn", draws=100)
    command = ("compare", "jpeg", "arcnn", "--run", run.path, "--draws", 100)
    code, out, err = harness(*command, "--format", "csv")

    assert code == 0, err
    assert found.to_csv(index=False) == out
    assert str(found) == harness(*command)[1].rstrip("\n")
    table = run.table(draws=0)
    for row in found[found.qf != "mean"].to_dict("records"):
        there = table.loc[(row["task"], row["metric"], row["qf"])]
        assert row["difference"] == pytest.approx(there["arcnn"] - there["jpeg"])


def test_doing_nothing_differs_from_jpeg_in_nothing(run):
    found = run.compare("jpeg", "identity", draws=100)

    assert (found["difference"] == 0).all()
    assert (found["p_holm"] == 1).all()
    assert run.moved("jpeg", "identity").empty


def test_a_comparison_keeps_to_the_cells_of_the_run(run):
    """The directory has QF 40 too; who asked for QF 10 alone is told of no other."""
    less = library.evaluate(
        task="fidelity", qf=10, dataset=run.path.parent / "photos", output=run.path,
        restorers=["jpeg", "arcnn"],
    )  # fmt: skip

    assert less.computed == 0
    assert set(less.compare("jpeg", "arcnn", draws=0)["qf"]) == {10}
    assert set(less.moved("jpeg", "arcnn")["qf"]) == {10}
    assert less.summary(draws=50)["qf"].dropna().isin([10]).all()


def test_whole_runs_are_compared(run, tmp_path):
    other = library.evaluate(
        task="fidelity", qf=[10, 40], dataset=run.path.parent / "photos", output=tmp_path / "out",
        restorers=["jpeg", "arcnn"],
    )  # fmt: skip
    found = run.compare(run, other, draws=50)

    assert set(found["restorer_a"]) == {"jpeg", "arcnn"}
    assert (found["difference"] == 0).all()


def test_the_images_that_moved_most_come_first(run):
    moved = run.moved("jpeg", "arcnn", top=3)
    records = [run.records("fidelity", name, moved["qf"][0])["psnr"] for name in ("jpeg", "arcnn")]

    assert len(moved) == 3
    assert moved["change"].abs().is_monotonic_decreasing
    change = (records[1] - records[0])[moved["image"][0]]
    assert moved["change"][0] == pytest.approx(change)


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        ("jpeg", "jpeg", "does not differ from itself"),
        ("jpeg", "dagn", "no restorer 'dagn'. Its restorers are: jpeg, arcnn, identity"),
    ],
)
def test_what_cannot_be_compared_is_said(run, a, b, sentence):
    with pytest.raises(library.UserError, match=sentence):
        run.compare(a, b)


def test_the_summary_is_a_frame_that_prints_itself(run):
    found = run.summary(draws=50)
    table = run.table(draws=0).xs("PSNR", level="metric")
    mean = found[(found["restorer"] == "arcnn") & (found["summary"] == "mPC")]

    assert isinstance(found, pd.DataFrame)
    assert mean.loc[mean["metric"] == "PSNR", "value"].item() == pytest.approx(
        table["arcnn"].mean()
    )
    assert "mPC" in str(found)


@pytest.mark.slow
def test_figures_are_shown_and_written(run, tmp_path):
    figures = run.figures("quality", folder=tmp_path, formats=["svg"], draws=50)

    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".md", ".svg"]
    assert figures[0].name.startswith("quality")
    assert "<svg" in figures._repr_html_()
    assert "identity" in figures._repr_html_()
    with pytest.raises(library.UserError, match="Unknown format 'gif'"):
        run.figures("quality", formats=["gif"])
    with pytest.raises(library.UserError, match="Unknown figure"):
        run.figures("pie")


def test_panels_show_functions_too(run, tmp_path):
    panels = run.panels("1.png", qf=10, folder=tmp_path)

    assert panels.paths[0].is_file()
    assert names(panels) == [["original", "jpeg", "arcnn", "identity"]]
    assert all(view.same and not view.note for view in panels[0].views)
    pixels = [read_image(tmp_path / view.picture) for view in panels[0].views]
    assert (pixels[1] == pixels[3]).all()
    assert (pixels[1] != pixels[2]).any()
    assert "data:image/png;base64," in panels._repr_html_()


def test_an_opened_run_leaves_functions_out_and_says_so(run, tmp_path):
    opened = library.open(run.path)
    with pytest.warns(UserWarning, match=r"Left out of the panels: identity \(a Python object\)"):
        panels = opened.panels(qf=10, top=1, folder=tmp_path)

    assert names(panels) == [["original", "jpeg", "arcnn"]]
    assert "from jpeg to arcnn" in panels[0].reason  # identity, as good as jpeg, is the better one
    assert panels[0].notes == ("identity cannot be made again and is not shown.",)
    for asked in ({"restorers": "identity"}, {"between": ("jpeg", "identity")}):
        with pytest.raises(library.UserError, match="identity was a Python object, so it cannot"):
            opened.panels("1.png", folder=tmp_path, **asked)


@pytest.mark.slow
def test_pictures_that_are_there_are_shown_by_whoever_asks(run, tmp_path, recwarn):
    run.panels("1.png", qf=10, folder=tmp_path)
    opened = library.open(run.path)

    assert names(opened.panels("1.png", qf=10, folder=tmp_path))[0][-1] == "identity"
    assert not recwarn
    with pytest.warns(UserWarning, match="Left out of 1 of 2 panels: identity"):
        panels = opened.panels("0.png", "1.png", qf=10, folder=tmp_path)
    assert [len(views) for views in names(panels)] == [3, 4]


def test_the_command_does_as_an_opened_run(run, harness, tmp_path):
    words = ("panels", run.path, "--output", tmp_path / "p", "--image", "0.png")
    code, out, err = harness(*words)

    assert code == 0, err
    assert err.count("identity (a Python object)") == 1
    assert "run.panels()" in err
    [panel] = read_index(tmp_path / "p")
    assert [view.restorer for view in panel.views] == ["original", "jpeg", "arcnn"]
    code, out, err = harness(*words, "--restorers", "identity")
    assert (code, out) == (2, "")
    assert "identity was a Python object, so it cannot be shown" in err


def test_a_function_without_version_is_the_same_until_it_is_measured_again(run, tmp_path):
    def measured(change):
        def own(rgb):
            return rgb + np.uint8(change)

        return library.evaluate(
            task="fidelity", qf=10, dataset=run.path.parent / "photos", output=tmp_path / "out",
            restorers=["jpeg", own],
        )  # fmt: skip

    with pytest.warns(UserWarning, match="nothing tells whether"):
        old = measured(1)
    first = old.panels("0.png")[0].views[-1]
    assert (first.restorer, first.same, first.note) == ("own", True, "")
    with pytest.warns(UserWarning, match="nothing tells whether"):
        new = measured(2)
    assert old.panels("0.png")[0].views[-1].note == "differs from the run in: restorer"
    last = new.panels("0.png")[0].views[-1]
    assert last.note == ""
    assert last.psnr != first.psnr


def test_panels_keep_to_the_cells_of_the_run(run, tmp_path, recwarn):
    less = library.evaluate(
        task="fidelity", qf=40, dataset=run.path.parent / "photos", output=run.path,
        restorers=["jpeg", "arcnn"],
    )  # fmt: skip
    panels = less.panels("0.png", folder=tmp_path)

    assert (panels[0].qf, names(panels)) == (40, [["original", "jpeg", "arcnn"]])
    assert not recwarn


def test_a_module_a_data_set_and_a_model_are_shown(run, tmp_path):
    import torch

    photos = run.path.parent / "photos"
    given = {"task": "classification", "qf": 10}
    net = library.restorer(torch.nn.Identity(), name="net")
    given = library.evaluate(
        given, restorers=["jpeg", net], dataset=few(photos), model=brightness(), output=tmp_path
    )
    panels = given.panels("0.png")

    assert names(panels) == [["original", "jpeg", "net"]]
    assert all(view.same and not view.note for view in panels[0].views)
    opened = library.open(given.path)
    with (
        pytest.warns(UserWarning, match="net"),
        pytest.raises(library.UserError, match="If few was a Python object, hand it"),
    ):
        opened.panels("1.png")


def test_another_vision_model_than_the_runs_is_refused(run, tmp_path):
    """An opened run knows no object, and the data set's own model is another one."""
    from tasks.classification.scenes_things import ScenesThings

    given = library.evaluate(
        task="classification", qf=10, restorers=["original", "jpeg"], dataset="scenes-things",
        limit=2, output=tmp_path / "out", model=brightness(ScenesThings().classes), gate=False,
    )  # fmt: skip
    image = given.records("classification", "jpeg").index[0]

    assert given.panels(image)[0].views[1].same
    with pytest.raises(library.UserError, match="measured with the vision model brightness"):
        library.open(given.path).panels(image, folder=tmp_path / "others")


def few(photos):
    from harness.plugins import DataSet, ImageRef

    class Few(DataSet):
        name = "few"
        tasks = ("classification",)
        classes = ("dark", "bright")

        def images(self):
            return [ImageRef(path.name, path) for path in sorted(photos.glob("*.png"))]

        def fingerprint(self):
            return {"version": "1"}

        def label(self, image_id):
            return int(image_id[0]) % 2

    return Few()


def brightness(names=("dark", "bright")):
    from harness.plugins import VisionModel

    class Brightness(VisionModel):
        name = "brightness"
        task = "classification"
        classes = names

        def fingerprint(self):
            return {"version": "1"}

        def predict(self, image):
            level = image.mean() / 255
            return np.array([1 - level, level, *np.zeros(len(names) - 2)])

    return Brightness()


@pytest.mark.slow
def test_the_report_is_a_page(run, tmp_path):
    run.panels("2.png", qf=40)
    page = run.report(tmp_path / "page.html", title="Mine & yours", draws=50, panels=0)
    text = page.read_text()

    assert "<title>" in text
    assert "Mine &amp; yours" in text
    assert "identity" in text
    assert "2.png" in text


@pytest.mark.slow
def test_a_report_makes_its_panels_first(run, tmp_path):
    photos = run.path.parent / "photos"

    def brighter(rgb):
        return np.clip(rgb.astype(int) + 9, 0, 255).astype(np.uint8)

    given = library.evaluate(
        task="fidelity", qf=10, dataset=photos, output=tmp_path / "out",
        restorers=["jpeg", library.restorer(brighter, version="1")],
    )  # fmt: skip
    given.report(draws=20, panels=2)

    made = read_index(given.path / "panels")
    assert len(made) == 2
    assert all(panel.views[-1].restorer == "brighter" for panel in made)
    with pytest.warns(UserWarning, match="Left out of the panels"):
        shutil.rmtree(given.path / "panels")
        library.open(given.path).report(draws=20, panels=1)


def test_numbers_read_back_are_the_numbers(run):
    written = pd.read_csv(io.StringIO(run.frame(draws=0).to_csv(index=False)))

    assert written["value"].to_numpy() == pytest.approx(run.frame(draws=0)["value"].to_numpy())
