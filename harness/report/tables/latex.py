"""Tables as LaTeX: booktabs, groups of columns, best bold, second underlined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.report.tables.model import (
    DIFFERENCE,
    PUBLISHED,
    SAME_AS_BEST,
    SAME_AS_JPEG,
    Row,
    Table,
    spans,
)

PACKAGES = ("booktabs", "multirow", "graphicx", "xcolor")
"""What the preamble of a document must load."""

WIDE = 12
"""Columns, labels included, up to which intervals are shown unless asked for."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    SAME_AS_JPEG: r"$^{\dagger}$",
    SAME_AS_BEST: r"$^{\ddagger}$",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{letter: f"${letter}$" for letter in "<>|"},
    '"': "''",
    "`": r"\textasciigrave{}",
}
_MARKS = {SAME_AS_JPEG: r"\dagger", SAME_AS_BEST: r"\ddagger"}
_LATIN = 0x17F  # up to here LaTeX's default input encoding knows letters
_ASCII = 0x7F
_GREY = "black!55"


def render_latex(table: Table, intervals: bool | None = None, standalone: bool = False) -> str:
    """The table as a ``table*``, or as a document of its own.

    Args:
        table: what to print.
        intervals: half their width below the right of each number; None: where there is room.
        standalone: with a preamble, so that it compiles by itself.
    """
    columns = len(table.head) - table.stacked + 1 + len(table.columns)
    shown = columns <= WIDE if intervals is None else intervals
    tabular = _tabular(table, shown)
    packages = f"\\usepackage{{{','.join(PACKAGES)}}}"
    body = [
        f"% Needs, in the preamble: {packages}",
        r"\begin{table*}[t]",
        r"\centering",
        f"\\caption{{{' '.join(_sentence(line) for line in table.title)}}}",
        f"\\label{{tab:{table.name.lower().replace(' ', '-') or 'restorers'}}}",
        r"\smallskip\footnotesize",
        r"\renewcommand{\arraystretch}{1.1}",
        r"\setlength{\tabcolsep}{5pt}",
        # As wide as the page where it would be wider, and as it is where it would not.
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        *tabular,
        r"}",
        *_notes(table, shown),
        r"\end{table*}",
    ]
    if standalone:
        head = [r"\documentclass[10pt,twocolumn]{article}", r"\usepackage[margin=0.75in]{geometry}"]
        body = [*head, packages, r"\begin{document}", *body[1:], r"\end{document}"]
    return "\n".join(body) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX prints it; a letter that its usual fonts lack becomes a question mark."""
    # Two hyphens would be set as a dash.
    # Two hyphens are a dash to TeX; a third belongs to the second as well as to the first.
    return re.sub("-(?=-)", "-{}", "".join(_letter(letter) for letter in text))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter.isspace():
        return " "
    known = letter.isprintable() and (ord(letter) <= _ASCII or letter.isalpha())
    return letter if known and ord(letter) <= _LATIN else "?"


def _sentence(line: str) -> str:
    return escape(line if line.endswith((".", "?", "!")) else line + ".")


def _tabular(table: Table, intervals: bool) -> list[str]:
    labels = _labels(table)
    count = len(labels[0][0]) if labels else len(table.head) - table.stacked + 1
    numbers = "".join("r" * len(names) for _, names in table.groups)
    lines = [f"\\begin{{tabular}}{{{'l' * count}{numbers}}}", r"\toprule", *_heading(table, count)]
    plain = [label for label, _ in labels]
    parts = [_label_cells(plain, column, labels, table) for column in range(count)]
    for index, row in enumerate(table.rows):
        if index:
            lines += _rule(plain[index - 1], plain[index], count + len(numbers))
        left = [part[index] for part in parts]
        cells = [_number(row, name, intervals) for name in table.columns]
        lines.append(" & ".join([*left, *cells]) + r" \\")
        if table.comparison:
            paper = [*[""] * (count - 1), _grey(PUBLISHED)]
            lines.append(" & ".join([*paper, *(_paper(row, n) for n in table.columns)]) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}%"]


def _labels(table: Table) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Of each line: the labels by printed column, and the parts of the first, which are stacked."""
    return [
        (("\n".join(row.labels[: table.stacked]), *row.labels[table.stacked :]),
         row.labels[: table.stacked])
        for row in table.rows
    ]  # fmt: skip


def _heading(table: Table, count: int) -> list[str]:
    """The heads of the columns below those of their groups."""
    heads = [table.head[0], *table.head[table.stacked :]]
    columns = [f"\\multicolumn{{1}}{{c}}{{{escape(table.heading(n))}}}" for n in table.columns]
    if not any(label for label, _ in table.groups):
        return [" & ".join([*map(escape, heads), *columns]) + r" \\", r"\midrule"]
    top = [f"\\multirow{{2}}{{*}}{{{escape(head)}}}" for head in heads]
    rules, first = [], count + 1
    for label, names in table.groups:
        if not names:
            continue
        top.append(f"\\multicolumn{{{len(names)}}}{{c}}{{{escape(label)}}}")
        if label:
            rules.append(f"\\cmidrule(lr){{{first}-{first + len(names) - 1}}}")
        first += len(names)
    return [
        " & ".join(top) + r" \\",
        " ".join(rules),
        " & ".join([*[""] * count, *columns]) + r" \\",
        r"\midrule",
    ]


def _label_cells(
    plain: Sequence[tuple[str, ...]],
    column: int,
    labels: Sequence[tuple[tuple[str, ...], tuple[str, ...]]],
    table: Table,
) -> list[str]:
    """A label column's cells, one that lasts for several lines written once."""
    if not plain or column == len(plain[0]) - 1:
        return [escape(label[column]) for label in plain]
    cells = [""] * len(plain)
    each = 2 if table.comparison else 1
    for first, length in spans(plain, column):
        height = length * each
        text = _stack(labels[first][1], height) if column == 0 else escape(plain[first][column])
        cells[first] = f"\\multirow{{{height}}}{{*}}{{{text}}}" if height > 1 else text
    return cells


def _stack(parts: Sequence[str], height: int) -> str:
    """Several labels in one cell of ``height`` lines, the first one large."""
    first, *rest = [escape(part) for part in parts]
    if not rest:
        return first
    small = rest if height != len(rest) else [", ".join(rest)]
    lines = [first, *(f"{{\\scriptsize {part}}}" for part in small)]
    return r"\begin{tabular}{@{}l@{}}" + r"\\".join(lines) + r"\end{tabular}"


def _rule(above: tuple[str, ...], line: tuple[str, ...], columns: int) -> list[str]:
    """What stands between two lines: a rule from the first label that changes, if not the last."""
    last = len(line) - 1
    changed = next((at for at in range(last) if above[at] != line[at]), last)
    if changed == last:
        return []
    return [r"\midrule" if changed == 0 else f"\\cmidrule(l){{{changed + 1}-{columns}}}"]


def _number(row: Row, name: str, intervals: bool) -> str:
    if row.text(name) == "–":
        return r"\multicolumn{1}{c}{--}"
    text = escape(row.text(name)).replace("-", "$-$")
    shown = {1: f"\\textbf{{{text}}}", 2: f"\\underline{{{text}}}"}.get(row.rank(name), text)
    above = "".join(_MARKS[mark] for mark in row.marks.get(name, ""))
    half = row.half(name).lstrip("±") if intervals else ""
    if half:
        # A superscript, if only of that height: without one, the interval would stand higher.
        raised = above or r"\vphantom{\dagger}"
        return f"{shown}\\kern1pt$^{{{raised}}}_{{\\textcolor{{{_GREY}}}{{\\pm {half}}}}}$"
    # Of no width, so that the numbers of a column stand below each other.
    return f"{shown}\\rlap{{$^{{{above}}}$}}" if above else shown


def _paper(row: Row, name: str) -> str:
    if name not in row.published:
        return ""
    difference = row.text(name, DIFFERENCE)
    known = row.number(name, DIFFERENCE) is not None
    figure = row.text(name, PUBLISHED)
    return _grey(f"{figure} ({difference})" if known else figure)


def _grey(text: str) -> str:
    return f"\\textcolor{{{_GREY}}}{{\\scriptsize {escape(text).replace('-', '$-$')}}}"


def _notes(table: Table, intervals: bool) -> list[str]:
    """What stands below: what bold, marks and grey mean, then the notes."""
    said = []
    if table.ranked:
        said.append(r"\textbf{Bold}: best of its row; \underline{underlined}: second.")
    if table.comparison:
        said.append(f"Grey: the paper's figure and, in parentheses, {escape(DIFFERENCE)}.")
        said.append(_sentence(table.comparison))
    said += [_sentence(line) for line in (*table.legend_lines(intervals), *table.notes)]
    if not said:
        return []
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
        *(f"{line}\\par" for line in said),
        r"\end{minipage}",
    ]
