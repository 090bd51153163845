"""Figures as files and in pages: readable, the same each time, said what they are."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from figure_runs import make_run
from matplotlib.text import Text

from harness.report.figures import KINDS, FigureData, build_figures, collect, to_bytes, to_svg
from harness.report.figures import base as base_module
from harness.report.figures.style import SMALLEST, WIDTHS, settings


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("figures") / "run", of=128)


@pytest.fixture(scope="module")
def figures(directory):
    return build_figures(directory, draws=40)


def test_every_kind_is_there(figures):
    assert {figure.name.partition("-")[0] for figure in figures} == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_text_is_large_enough_and_on_the_page(figures, width):
    for figure in figures:
        with settings():
            canvas = figure.draw(width)
            canvas.draw_without_rendering()
            page = canvas.bbox.padded(1)
            shown = [t for t in canvas.findobj(Text) if t.get_visible() and t.get_text()]
            inside = [t for t in shown if t.axes is None or t.get_window_extent().width]
            assert canvas.get_figwidth() == width
            for text in inside:
                assert text.get_fontsize() >= SMALLEST, (figure.name, text.get_text())
            # Tick labels outside the view have an extent and are not drawn.
            ticks = {
                id(t) for a in canvas.axes for t in (*a.get_xticklabels(), *a.get_yticklabels())
            }
            for text in (t for t in inside if id(t) not in ticks):
                box = text.get_window_extent()
                assert page.x0 <= box.x0 and box.x1 <= page.x1, (figure.name, text.get_text())
                assert page.y0 <= box.y0 and box.y1 <= page.y1, (figure.name, text.get_text())


@pytest.mark.slow
@pytest.mark.parametrize("format", ["pdf", "svg", "png"])
def test_the_same_run_gives_the_same_bytes_whatever_the_users_settings(
    directory, figures, format, monkeypatch
):
    again, _ = collect(FigureData(directory, draws=40), ["recovered"])
    first = next(figure for figure in figures if figure.name == "recovered")
    before = to_bytes(first, format)
    monkeypatch.setitem(mpl.rcParams, "font.size", 31.0)
    monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 9.0)

    assert to_bytes(again[0], format) == before
    assert mpl.rcParams["font.size"] == 31.0
    assert b"CreationDate" not in before
    assert b"<dc:date" not in before


def test_letters_stay_letters(figures):
    pdf, svg = (to_bytes(figures[0], format) for format in ("pdf", "svg"))

    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"mIoU over jpeg (points)</text>" in svg


def test_an_svg_element_fits_into_a_page(figures):
    ids = []
    for figure in figures:
        text = to_svg(figure)
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        assert root.get("role") == "img"
        assert root.get("aria-label") == figure.title
        assert "width:100%" in root.get("style")
        assert "<style" not in text
        assert len(text) < 150_000
        mine = set(re.findall(r'\bid="([^"]+)"', text))
        assert set(re.findall(r"url\(#([^)]+)\)", text)) <= mine
        assert set(re.findall(r'href="#([^"]+)"', text)) <= mine
        ids += mine
    assert len(ids) == len(set(ids))


def test_subsets_and_rendered_images_are_said_to_be(figures):
    for figure in figures:
        with settings():
            note = figure.draw(7.16).get_suptitle()
        assert "data set scenes, subset, n = 12 of 128" in note
        assert "a subset, 12 of 128 images" in figure.caption
        assert "rendered, not photographed" in figure.caption


def test_captions_say_what_was_measured_on_what(figures):
    captions = {figure.name: figure.caption for figure in figures}

    for caption in captions.values():
        assert "pspnet" in caption
        assert "jpeg" in caption
        assert "from 40 draws of images" in caption
        assert "  " not in caption
        assert caption.endswith(".")
    assert "Abacus 3" in captions["cost"]


@pytest.mark.slow
def test_the_command_prints_its_files_and_what_it_cannot_draw(harness, tmp_path):
    run = make_run(tmp_path / "run", qfs=(10,)).path
    code, out, err = harness("figures", run, "--draws", 20, "--format", "svg,png")

    assert code == 0
    paths = out.split()
    assert f"{run}/figures/recovered.svg" in paths
    assert all((tmp_path / path).stat().st_size for path in paths)
    assert "No figure quality: the run has one QF (10), a line needs two." in err


def test_captions_of_figures_that_are_still_there_are_kept(harness, tmp_path):
    run = make_run(tmp_path / "run", qfs=(10, 20)).path
    for only in ("quality", "cost,rate"):
        code, _, _ = harness("figures", run, "--draws", 20, "--format", "svg", "--only", only)
        assert code == 0
    text = (run / "figures" / "captions.md").read_text()

    assert re.findall(r"^## (.+)$", text, re.M) == ["cost", "quality", "rate"]
    (run / "figures" / "quality.svg").unlink()
    harness("figures", run, "--draws", 20, "--format", "svg", "--only", "cost")
    text = (run / "figures" / "captions.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.M) == ["cost", "rate"]


def test_a_run_that_cannot_be_written_to_has_its_figures_elsewhere(harness, tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", qfs=(10, 20)).path
    monkeypatch.setattr(base_module, "writable", lambda folder: False)
    code, out, _ = harness("figures", run, "--draws", 20, "--format", "svg", "--only", "quality")

    assert code == 0
    assert out.splitlines()[0] == "results/figures/run/quality.svg"
    assert not (run / "figures").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--only", "pie"], "Unknown figure 'pie'. Available: gain, quality, rate, cost"),
        (["--format", "gif"], "Unknown format 'gif'. Available: pdf, svg, png."),
        (["--width", "wide"], "Unknown width 'wide'. Available: single, double."),
        (["--qf", "55"], "There is no QF 55 in"),
        (["--only", "quality,rate"], "gives none of the figures"),
        (["--against", "time"], "--against is for the curves of --training."),
    ],
)
def test_mistakes_are_one_sentence(harness, tmp_path, options, sentence):
    run = make_run(tmp_path / "run", qfs=(10,)).path
    code, out, err = harness("figures", run, "--draws", 20, *options)

    assert code == 2
    assert not out
    assert sentence in err
    assert "Traceback" not in err
