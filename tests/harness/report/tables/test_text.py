"""The table on a terminal: as wide as it is, or turned."""

import re

import pytest

from harness.analysis.inference import Interval
from harness.report.tables.model import Row, Table
from harness.report.tables.text import render_text

NAMES = ("jpeg", "arcnn", "dagn")
OTHERS = ("fbcnn", "qgac", "swinir", "ipt")


def table(qfs=(10, 20, 30)):
    rows = [
        Row(
            ("detection", "mAP", str(qf)),
            {"original": 62.7, "jpeg": qf + 0.25, "arcnn": qf + 1.5, "dagn": qf + 2.5}
            | dict.fromkeys(OTHERS, qf + 1.0),
            ranked=NAMES,
            intervals={"dagn": Interval(qf + 1.0, qf + 4.0)},
            marks={"arcnn": "‡"},
        )
        for qf in qfs
    ]
    groups = (("reference", ("original", "jpeg")), ("single-model", ("arcnn", *OTHERS, "dagn")))
    return Table(("A title",), groups, tuple(rows), legend=("‡ as good as the row's best",))


def grid(text):
    """The lines of numbers by what stands at their beginning."""
    return {line.split()[0]: line.split()[1:] for line in text.split("\n\n")[1].splitlines()}


def test_a_terminal_that_is_wide_enough_changes_nothing():
    assert render_text(table(), width=200) == render_text(table())


def test_on_a_narrow_one_restorers_go_down_and_qfs_across():
    text = render_text(table(), width=56)

    found = grid(text)
    assert found["detection"] == ["mAP", "QF", "10", "QF", "20", "QF", "30"]
    assert found["original"] == ["62.7", "62.7", "62.7"]
    assert found["arcnn"] == ["11.5+‡", "21.5+‡", "31.5+‡"]
    assert found["dagn"] == ["12.5*", "±1.5", "22.5*", "±1.5", "32.5*", "±1.5"]
    assert list(found)[2:5] == ["┄reference┄", "original", "jpeg"]
    assert max(map(len, text.split("\n\n")[1].splitlines())) <= 56
    assert "second of its column (original does not compete)" in text
    assert "‡ as good as the column's best" in text


def test_what_does_not_fit_beside_stands_below():
    text = render_text(table(range(10, 90, 10)), width=56)

    blocks = [part for part in text.split("\n\n") if part.startswith("detection mAP")]
    assert len(blocks) > 1
    said = re.findall(r"QF (\d+)", "".join(blocks))
    assert said == [str(qf) for qf in range(10, 90, 10)]
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 56


def test_a_terminal_narrower_than_one_column_still_gets_all():
    text = render_text(table(), width=5)

    assert all(f"QF {qf}" in text for qf in (10, 20, 30))


@pytest.mark.parametrize("width", [None, 56])
def test_styles_have_their_legend_and_take_no_room(width):
    styled, plain = (render_text(table(), colour=colour, width=width) for colour in (True, False))

    assert "\x1b[1mbold\x1b[0m: best, \x1b[4munderlined\x1b[0m: second of its" in styled
    bare = re.sub(r"\x1b\[\d?m", "", styled).split("\n\n")[1].splitlines()
    ends = {match.end() for line in bare for match in re.finditer(r"±1\.5", line)}
    assert len(ends) == (1 if width is None else 3)
    assert "* best, + second" in plain
