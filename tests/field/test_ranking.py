"""What competes for the best of a row: numbers on all of its images; infinity is the highest."""

import math

import pytest
from evaluations import evaluate
from pictures import textured
from runs import fidelity_run

import harness as library
from harness.images.io import write_png
from harness.panels.select import _usual_pair
from harness.report.page.grid import ranked_value
from harness.report.page.prose import best_gain
from harness.report.tables.build import build_table
from harness.report.tables.text import render_text


def run(folder, **of_restorers):
    """A run at QF 90; of each restorer the PSNR of images a, b, ...; None: it failed."""
    values = {
        name: {90: dict(zip("abcdef", psnrs, strict=False))} for name, psnrs in of_restorers.items()
    }
    return fidelity_run(folder / "run", values)


def psnr_row(table):
    return next(row for row in table.rows if row.labels[1] == "PSNR")


def test_a_cell_on_other_images_than_its_row_does_not_compete(tmp_path):
    """It failed on the two hard images, and took the best."""
    table = build_table(
        run(tmp_path, jpeg=[40, 30, 29], fbcnn=[41, 31, 30], dagn=[45, None, None]), draws=50
    )
    row = psnr_row(table)

    assert [row.rank(name) for name in ("jpeg", "fbcnn", "dagn")] == [2, 1, 0]
    assert row.text("dagn") == "45.00 (n = 1)"
    assert row.text("fbcnn") == "34.00"
    said = "n: fidelity/dagn-q90 is on 1 of the 3 images of its row, and not ranked"
    assert said in render_text(table)
    assert (
        best_gain(table)
        == "In fidelity the largest gain over jpeg is fbcnn’s, +1.00 PSNR at QF 90."
    )
    assert "‡" not in row.marks.get("dagn", "")


def test_of_cells_that_failed_on_different_images_none_competes(tmp_path):
    row = psnr_row(build_table(run(tmp_path, jpeg=[None, 30, 29], fbcnn=[41, None, 30]), draws=0))

    assert [row.rank(name) for name in ("jpeg", "fbcnn")] == [0, 0]
    assert (row.text("jpeg"), row.text("fbcnn")) == ("29.50 (n = 2)", "35.50 (n = 2)")


def test_a_cell_without_any_image_is_a_dash_and_no_more(tmp_path):
    table = build_table(run(tmp_path, jpeg=[40, 30], fbcnn=[41, 31], dagn=[None, None]), draws=0)

    assert psnr_row(table).text("dagn") == "–"
    assert not any(note.startswith("n:") for note in table.notes)


def test_an_image_that_nothing_could_restore_sets_nobody_back(tmp_path):
    row = psnr_row(build_table(run(tmp_path, jpeg=[40, None], fbcnn=[41, None]), draws=0))

    assert [row.rank(name) for name in ("jpeg", "fbcnn")] == [2, 1]
    assert row.text("fbcnn") == "41.00"


def test_infinity_is_the_best_and_says_which_images_are_their_originals(tmp_path):
    """∞ dB was no best, and 33 dB in the same row was."""
    table = build_table(run(tmp_path, jpeg=[33, 30], fbcnn=[34, 31], dagn=[math.inf, 32]), draws=50)
    row = psnr_row(table)

    assert [row.rank(name) for name in ("jpeg", "fbcnn", "dagn")] == [0, 2, 1]
    assert "∞: 1 image of 2 is equal to the original in fidelity/dagn-q90: a" in render_text(table)
    assert "largest gain over jpeg is dagn’s, ∞ PSNR" in best_gain(table)
    assert ranked_value(math.inf, 2) == math.inf


@pytest.mark.parametrize(("psnrs", "pair"), [([45, None], "fbcnn"), ([math.inf, 20], "dagn")])
def test_panels_of_the_best_are_of_one_that_competes(tmp_path, psnrs, pair):
    directory = run(tmp_path, jpeg=[40, 30], fbcnn=[41, 31], dagn=psnrs)
    row = {cell.restorer: cell for cell in directory.manifest().cells}

    assert _usual_pair(directory, row, ["fbcnn", "dagn"]) == ("jpeg", pair)


def test_the_command_shows_n(harness, tmp_path):
    for index in range(2):
        write_png(textured(index, 24, 32), tmp_path / "photos" / f"{index}.png")
    write_png(textured(0, 24, 32) // 2 + 120, tmp_path / "photos" / "0.png")

    def picky(rgb):
        if rgb.mean() > 150:
            raise ValueError("too bright")
        return rgb

    run = evaluate("photos", "jpeg", library.restorer(picky, version="1"))
    code, out, _ = harness("table", run.path)

    assert code == 0
    assert "(n = 1)" in out
    assert "picky-q10 is on 1 of the 2 images of its row" in out
