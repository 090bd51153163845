import io
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from harness.analysis.inference import Interval
from harness.errors import UserError
from harness.report.tables import cost as costs_module
from harness.report.tables.cost import CostRow as Cost
from harness.report.tables.cost import CostTable
from harness.report.tables.excel import render_workbook
from harness.report.tables.frames import paper_frame
from harness.report.tables.html import render_html
from harness.report.tables.latex import escape, render_latex
from harness.report.tables.model import SAME_AS_BEST, SAME_AS_JPEG, Row, Table
from harness.report.tables.text import render_markdown, render_text

LONG = pd.DataFrame({"restorer": ["=1+1", "b"], "value": [1.5, math.nan], "qf": [10, None]})


def line(qf, values, condition=("Object detection",), published=None):
    return Row(
        labels=(*condition, "Bbox mAP", str(qf)),
        values=values,
        digits=1,
        ranked=tuple(name for name in values if name != "original"),
        intervals={"arcnn": Interval(14.0, 18.0)},
        marks={"arcnn": SAME_AS_JPEG + SAME_AS_BEST},
        published=published or {},
    )


def paper_table(condition=("Object detection",), comparison="", published=None):
    values = {"original": 70.0, "jpeg": 14.25, "arcnn": 15.84, "a_b%#&": 18.0}
    return Table(
        name="Table IV",
        title=("Detection & more: 100% of a_b",),
        head=("Task", *("Data set", "Model")[: len(condition) - 1], "Metric", "QF"),
        groups=(("", ("original", "jpeg")), ("Multi", ("arcnn", "dmcnn")), ("Single", ("a_b%#&",))),
        headings={"arcnn": "ARCNN"},
        rows=(
            line(10, values, condition, published),
            line(20, {**values, "jpeg": -1.0}, condition, published),
        ),
        notes=("run with --qf 10 {all} ~/x\\y <b>",),
        legend=("± half the 95 % interval", f"{SAME_AS_JPEG} not significant"),
        comparison=comparison,
        stacked=len(condition),
        narrow=True,
    )


BESIDE = {"comparison": "paper: elsewhere", "published": {"jpeg": 9.5, "dmcnn": 22.1}}


# -- LaTeX ------------------------------------------------------------------------------------


def test_latex_has_groups_ranks_marks_and_intervals():
    tex = render_latex(paper_table())

    assert r"\multicolumn{2}{c}{Multi}" in tex
    assert r"\cmidrule(lr){6-7} \cmidrule(lr){8-8}" in tex
    assert r"\textbf{18.0}" in tex
    assert r"\underline{15.8}" in tex
    assert r"$^{\dagger\ddagger}_{\textcolor{black!55}{\pm 2.0}}$" in tex
    assert r"$-$1.0" in tex
    assert r"\multicolumn{1}{c}{--}" in tex
    assert r"\multirow{2}{*}{Object detection}" in tex
    assert r"a\_b\%\#\&" in tex
    assert r"-{}-qf 10 \{all\} \textasciitilde{}/x\textbackslash{}y $<$b$>$" in tex
    assert tex.splitlines()[0].startswith("% Needs") and "booktabs" in tex.splitlines()[0]


def test_latex_rows_have_as_many_cells_as_the_tabular_has_columns():
    for one in (paper_table(), paper_table(("Detection", "coco", "d2go"), **BESIDE)):
        tex = render_latex(one)
        columns = re.search(r"\\begin{tabular}{([lr]+)}", tex)[1]
        body = tex.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
        rows = [shown for shown in body.splitlines() if shown.endswith(r"\\")]
        assert len(rows) == 2 * (2 if one.comparison else 1)
        assert {len(re.findall(r"(?<!\\)&", shown)) + 1 for shown in rows} == {len(columns)}


def test_latex_leaves_intervals_out_and_their_legend_too():
    tex = render_latex(paper_table(), intervals=False)

    assert r"\pm" not in tex
    assert r"\rlap{$^{\dagger\ddagger}$}" in tex


def test_latex_puts_the_papers_figures_in_grey_below():
    tex = render_latex(paper_table(**BESIDE))

    assert r"\textcolor{black!55}{\scriptsize 9.5 (+4.8)}" in tex
    assert r"\textcolor{black!55}{\scriptsize 22.1}" in tex  # not measured: no difference
    assert "Grey: the paper's figure" in tex
    assert "Grey" not in render_latex(paper_table())


@given(st.text())
def test_escaped_text_has_no_letter_that_latex_reads_as_a_command(text):
    found = escape(text)

    assert "\n" not in found and "\0" not in found
    rest = re.sub(r"\\text\w+\{\}|\\dots\{\}|\\[&%$#_{}]|\$[^$]*\$|\{\}", "", found)
    assert not set(rest) & set("\\&%$#_{}~^")
    assert "--" not in found


def test_a_run_without_records_has_a_table_without_rows_in_every_format():
    empty = Table(("Data set x",), (("g", ("jpeg",)),), (), ("incomplete: all",))

    shown = [render(empty) for render in (render_latex, render_html, render_markdown)]
    shown.append(render_text(empty, colour=False))
    assert all("jpeg" in text and "incomplete: all" in text for text in shown)
    assert load_workbook(io.BytesIO(render_workbook(empty, LONG)))["Table"]["D2"].value == "jpeg"


def compiled(document, folder):
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here")
    (folder / "table.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    log = (folder / "table.log").read_text(encoding="latin-1")
    if "not found" in log and "File `" in log:
        pytest.skip("pdflatex here lacks a package")
    assert done.returncode == 0, log[-2000:]
    return log


@pytest.mark.parametrize("condition", [("Object detection",), ("Detection", "co_co", "d2%go")])
@pytest.mark.parametrize("beside", [{}, BESIDE])
def test_latex_compiles_and_is_no_wider_than_the_page(tmp_path, condition, beside):
    log = compiled(render_latex(paper_table(condition, **beside), standalone=True), tmp_path)

    assert "Overfull \\hbox" not in log
    assert "undefined" not in log


def test_the_fragment_compiles_within_a_document_with_the_packages_its_comment_names(tmp_path):
    fragment = render_latex(paper_table())
    packages = re.search(r"\\usepackage\S+", fragment)[0]
    names = "Ünïcode 日本 € é “quoted”"
    odd = render_latex(Table((names,), (("g", ("x",)),), (), (names,)))
    document = f"\\documentclass{{article}}{packages}\\begin{{document}}{fragment}{odd}"

    compiled(document + "\\end{document}", tmp_path)


# -- HTML -------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The grid a browser makes of a table: (row, column) to (tag, scope, text)."""

    def __init__(self, html):
        super().__init__()
        self.grid, self.row, self.cell, self.depth, self.open = {}, -1, None, [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.row, self.column = self.row + 1, 0
        if tag in ("td", "th"):
            given = dict(attributes)
            while (self.row, self.column) in self.grid:
                self.column += 1
            self.cell = [tag, given.get("scope"), ""]
            for down in range(int(given.get("rowspan", 1))):
                for right in range(int(given.get("colspan", 1))):
                    condition = self.row + down, self.column + right
                    assert condition not in self.grid
                    self.grid[condition] = self.cell

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell[2] += data


@pytest.mark.parametrize("condition", [("Object detection",), ("Detection", "coco", "d2go")])
@pytest.mark.parametrize("beside", [{}, BESIDE])
def test_html_is_a_full_grid_with_headings_that_say_what_they_head(condition, beside):
    html = render_html(paper_table(condition, **beside))
    grid = Cells(html).grid

    rows, columns = (max(axis) + 1 for axis in zip(*grid, strict=True))
    assert len(grid) == rows * columns
    assert all((tag == "th") == (scope is not None) for tag, scope, _ in grid.values())
    assert all(text for tag, _, text in grid.values() if tag == "th")
    heads = {grid[1, column][2]: column for column in range(columns)}
    assert grid[0, heads["ARCNN"]][1:] == ["colgroup", "Multi"]
    assert grid[2, heads["ARCNN"]][2] == "15.8†‡ ±2.0"
    assert [grid[row, len(condition) + 1][1] for row in range(2, rows)] == (
        ["rowgroup"] * 6 if beside else ["row"] * 2
    )
    assert "<caption>" in html
    assert "<strong>18.0</strong>" in html
    assert "Detection &amp; more" in html
    assert "&lt;b&gt;" in html


# -- XLSX -------------------------------------------------------------------------------------


def test_a_workbook_has_numbers_formats_and_ranks():
    book = load_workbook(io.BytesIO(render_workbook(paper_table(**BESIDE), LONG)))
    page = book["Table IV"]

    assert book.sheetnames == ["Table IV", "Numbers", "Notes"]
    heads = {cell.value: cell.column for cell in page[2]}
    first = {name: page.cell(3, column) for name, column in heads.items() if name}
    assert (first["ARCNN"].value, first["ARCNN"].number_format) == (15.84, '0.0"†‡"')
    assert (first["a_b%#&"].value, first["a_b%#&"].font.bold) == (18.0, True)
    assert first["ARCNN"].font.underline == "single"
    assert not first["original"].font.bold
    assert (first["dmcnn"].value, first["QF"].value) == ("–", 10)
    jpeg = [page.cell(row, heads["jpeg"]) for row in (3, 4, 5)]
    assert [cell.value for cell in jpeg] == [14.25, 9.5, 4.75]
    assert jpeg[2].number_format.startswith("+0.0;-0.0")
    assert "G1:H1" in map(str, page.merged_cells.ranges)


def test_a_workbooks_text_is_never_a_formula_and_its_gaps_are_empty():
    odd = Table(("=cmd", "bell \a"), (("", ("x",)),), (), ())
    book = load_workbook(io.BytesIO(render_workbook(odd, LONG)))

    assert [row[0].value for row in book["Notes"].rows] == ["=cmd", "bell ?"]
    cell = book["Numbers"]["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    assert [cell.value for cell in book["Numbers"][3]] == ["b", None, None]


# -- Table III --------------------------------------------------------------------------------


def costs(milliseconds=None):
    row = Cost("dagn", "published", 109_930_000, 932_600_000_000, 952_000_000_000, milliseconds)
    own = Cost("own", "published", 1_000_000, 1_000_000_000, 2_000_000_000)
    return CostTable(512, "a processor", (row, own), {}, ("by output: …", "own not timed."))


def test_table_iii_counts_as_the_paper_does_and_compares_with_it():
    found = costs_module.table_iii(costs(), published=True)
    frame = paper_frame(found).set_index(["restorer", "metric"])

    assert frame["value"]["dagn", "FLOPs (G)"] == 952.0
    assert frame["difference"]["dagn", "FLOPs (G)"] == pytest.approx(952.0 - 952.8)
    assert frame["published"]["dagn", "Running Time (ms)"] == 29.7
    assert math.isnan(frame["value"]["dagn", "Running Time (ms)"])
    assert math.isnan(frame["published"]["own", "FLOPs (G)"])
    text = render_text(found, colour=False)
    assert "--time" in text and "by output:" not in text and "own not timed." in text
    assert "DAGN" in text


def test_table_iii_names_the_hardware_of_its_times():
    assert "Hardware: a processor" in costs_module.table_iii(costs(12.5)).title
    assert not any("processor" in line for line in costs_module.table_iii(costs()).heads)


def test_table_iii_without_the_published_figures_says_so(monkeypatch):
    monkeypatch.setattr(costs_module, "read_published", dict)

    with pytest.raises(UserError, match="Leave out --published"):
        costs_module.table_iii(costs(), published=True)


def test_colour_marks_ranks_without_signs_and_keeps_the_columns():
    plain = render_text(paper_table(), colour=False)
    coloured = render_text(paper_table(), colour=True)

    assert "18.0*" in plain and "15.8+†‡" in plain
    assert "\x1b[1m18.0\x1b[0m" in coloured
    bare = re.sub(r"\x1b\[\d?m", "", coloured).splitlines()
    ends = [shown.index(text) + 4 for shown in bare for text in ("70.0",) if text in shown]
    rule = next(shown for shown in bare if shown.startswith("─"))
    assert len(set(ends)) == 1 and rule[ends[0] - 1] == "─"
