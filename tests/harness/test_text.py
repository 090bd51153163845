"""Names from strangers do nothing but stand there, on a terminal and in every format."""

import csv as reader
import io

import pandas as pd
import pytest
from runs import RunBuilder, pixel_record, table_run

from harness.report.tables.build import build_table
from harness.report.tables.text import render_markdown, render_text
from harness.text import csv, markdown, one_line, printable, styled

EVIL = "a\x1b[2J\x07\u202e|<b>\nx"


def test_control_characters_and_turned_writing_are_shown_as_escapes():
    assert printable("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\u202eb\n"
    assert one_line(EVIL) == "a\\x1b[2J\\x07\\u202e|<b>\\nx"
    assert markdown(EVIL) == "a\\x1b[2J\\x07\\u202e\\|&lt;b>\\nx"
    assert markdown("p < 0.05") == "p < 0.05"


def test_bold_and_underline_stay_and_nothing_else():
    assert styled("\x1b[1m28.0\x1b[0m\x1b]0;title\x07") == "\x1b[1m28.0\x1b[0m\\x1b]0;title\\x07"


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@SUM(A1)", "\t=1"])
def test_no_text_of_a_csv_file_is_a_formula(name):
    frame = pd.DataFrame({"restorer": [name, "jpeg"], "minus_jpeg": [-1.5, 2.0]})
    rows = list(reader.reader(io.StringIO(csv(frame))))
    assert rows[1][0][0] == "'"
    assert rows[1][1] == "-1.5" and rows[2][0] == "jpeg"


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_names_in_a_table_and_its_notes_stay_on_their_line(tmp_path, render):
    builder = RunBuilder(tmp_path / "run", dataset="data\x1b[31m\nset", ids=("a", EVIL))
    plain = builder.cell("jpeg", 10, [pixel_record("a", 50)])
    builder.directory.append(plain, type(pixel_record("a", 5))(EVIL, error="damaged"))
    builder.cell("net\x1b[0m|x", 10, [pixel_record("a", 60), pixel_record(EVIL, 60)])
    run = builder.write(classes=["sky", "road"])
    shown = render(build_table(run, draws=0))
    assert "\x1b" not in shown and "\u202e" not in shown and "\x07" not in shown
    assert "net\\x1b[0m" in shown and "data\\x1b[31m\\nset" in shown
    if render is render_markdown:
        rows = [line for line in shown.splitlines() if line.startswith("| ")]
        bars = {line.replace("\\|", "").count("|") for line in rows}
        assert len(bars) == 1


@pytest.mark.integration
def test_the_terminal_gets_no_control_characters(harness, tmp_path):
    table_run(tmp_path / "run", "fidelity", "", {("jpeg", 10): 26.0}, "live\x1b]0;x\x07")
    code, out, error = harness("table", "run", "--draws", 50)
    assert code == 0
    assert "\x1b" not in out + error and "live\\x1b]0;x\\x07" in out
    code, _, error = harness("table", "no\x1b[31msuch")
    assert code == 2 and "\x1b" not in error and "\\x1b[31m" in error


@pytest.mark.integration
def test_a_workbook_has_no_formula(harness, tmp_path):
    from openpyxl import load_workbook

    table_run(tmp_path / "run", "fidelity", "", {("jpeg", 10): 26.0}, "=1+1\x07")
    code, _, error = harness("table", "run", "--format", "xlsx", "--output", "t.xlsx")
    assert code == 0, error
    book = load_workbook(tmp_path / "t.xlsx")
    cells = [cell for page in book for row in page.iter_rows() for cell in row]
    assert any("=1+1" in str(cell.value) for cell in cells)
    assert not [cell.value for cell in cells if cell.data_type == "f"]
