"""Tables as text and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.report.tables.model import MEASURED, Row, Table
from harness.text import markdown, one_line

_BOLD, _UNDERLINE, _RESET = "\x1b[1m", "\x1b[4m", "\x1b[0m"
_RANKS = "* best, + second of its row"
_APART = " (original does not compete)"


class _Cell(NamedTuple):
    """A number, what stands behind it, and its style."""

    text: str
    tail: str = ""
    style: str = ""


def render_text(table: Table, colour: bool = False, intervals: bool = True) -> str:
    """The table for a terminal.

    Args:
        table: what to print.
        colour: mark best in bold and second underlined with escape codes; otherwise ``*``, ``+``.
        intervals: under each row, half the width of its intervals.
    """
    legend = list(table.legend_lines(intervals))
    if table.ranked and not colour:
        legend.insert(0, _RANKS + _APART if "original" in table.columns else _RANKS)
    grid = _grid(table, colour, intervals) if table.head else []
    heads, notes = map(one_line, table.heads), map(one_line, table.notes)
    parts = [list(heads), grid, legend, list(notes)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def render_markdown(table: Table, intervals: bool = True) -> str:
    """The table as GitHub Markdown, best in bold, second underlined, intervals after values."""
    grouped = " · ".join(
        f"{label}: {', '.join(markdown(table.heading(n)) for n in names)}"
        for label, names in table.groups
        if label
    )
    head = [*table.printed_head, *(markdown(table.heading(name)) for name in table.columns)]
    labels = len(table.printed_head) if table.narrow else 2  # a QF is a number
    lines = [_piped(head), "|" + "---|" * labels + "--:|" * (len(head) - labels)]
    for texts, kind, row in table.printed_lines():
        cells = [_marked_down(row, name, kind, intervals) for name in table.columns]
        lines.append(_piped([*map(markdown, texts), *cells]))
    above, legend, notes = (
        [f"{line}  " for line in part]
        for part in (
            map(markdown, table.heads),
            table.legend_lines(intervals),
            map(markdown, table.notes),
        )
    )
    groups = [f"{table.columns_called}{grouped}"] if grouped else []
    parts = [above, groups, lines if table.head else [], legend, notes]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def render_tables(tables: Iterable[Table], format: str) -> str:
    """Several tables below each other, as ``text`` without colours or ``md``."""
    render = render_markdown if format == "md" else render_text
    return "\n".join(render(table) for table in tables)


def _grid(table: Table, colour: bool, intervals: bool) -> list[str]:
    """The heading and the lines of numbers, aligned."""
    labels: list[tuple[str, ...]] = []
    cells: list[list[_Cell]] = []
    above: tuple[str, ...] = ()
    for label, kind, row in table.printed_lines():
        label = tuple(map(one_line, label))
        labels.append(label if table.plain else _blanked(label, above))
        cells.append([_cell(row, name, kind, colour) for name in table.columns])
        above = label
        if intervals and kind == MEASURED and row.intervals:
            labels.append(("",) * len(label))
            cells.append([_Cell(row.half(name)) for name in table.columns])
    widths = [max(map(len, column)) for column in zip(table.printed_head, *labels, strict=True)]
    heads = [one_line(table.heading(name)) for name in table.columns]
    tails = [max((len(row[at].tail) for row in cells), default=0) for at in range(len(heads))]
    if not table.narrow:
        heads = [head + " " * tail for head, tail in zip(heads, tails, strict=True)]
    bodies = [
        max([len(head) - tail, *(len(row[at].text) for row in cells)])
        for at, (head, tail) in enumerate(zip(heads, tails, strict=True))
    ]
    groups = _group_line(table, widths, bodies, tails)
    full = [body + tail for body, tail in zip(bodies, tails, strict=True)]
    lines = [
        *([groups] if groups else []),
        _joined([*map(str.ljust, table.printed_head, widths), *map(str.rjust, heads, full)]),
    ]
    if not table.plain:
        lines.append(_joined(["─" * width for width in [*widths, *full]]))
    for label, line in zip(labels, cells, strict=True):
        right = [_padded(*cell) for cell in zip(line, bodies, tails, strict=True)]
        lines.append(_joined([*map(str.ljust, label, widths), *right]))
    return lines


def _joined(parts: Sequence[str]) -> str:
    return "  ".join(parts).rstrip()


def _piped(parts: Sequence[str]) -> str:
    return "| " + " | ".join(part.strip() for part in parts) + " |"


def _blanked(label: tuple[str, ...], above: tuple[str, ...]) -> tuple[str, ...]:
    """The labels without those that the line above says already."""
    same = 0
    while same < min(len(label) - 1, len(above)) and label[same] == above[same]:
        same += 1
    return ("",) * same + label[same:]


def _cell(row: Row, name: str, kind: str, colour: bool) -> _Cell:
    text = row.text(name, kind)
    if kind != MEASURED:
        return _Cell(text)
    rank, marks = row.rank(name), row.marks.get(name, "")
    if colour:
        return _Cell(text, marks, {1: _BOLD, 2: _UNDERLINE}.get(rank, ""))
    return _Cell(text, {1: "*", 2: "+"}.get(rank, "") + marks)


def _padded(cell: _Cell, body: int, tail: int) -> str:
    shown = f"{cell.style}{cell.text}{_RESET}" if cell.style else cell.text
    return " " * (body - len(cell.text)) + shown + cell.tail.ljust(tail)


def _group_line(table: Table, widths: list[int], bodies: list[int], tails: list[int]) -> str:
    """The headings of the groups, over their columns, which are made wider where need be."""
    if not any(label for label, _ in table.groups):
        return ""
    parts = [" " * (sum(widths) + 2 * (len(widths) - 1))]
    first = 0
    for label, names in table.groups:
        if not names:
            continue
        at = slice(first, first + len(names))
        space = sum(bodies[at]) + sum(tails[at]) + 2 * (len(names) - 1)
        bodies[first] += max(0, len(label) - space)
        space = max(space, len(label))
        parts.append(label.center(space, "┄" if label and space > len(label) + 1 else " "))
        first += len(names)
    return _joined(parts)


def _marked_down(row: Row, name: str, kind: str, intervals: bool) -> str:
    text = row.text(name, kind)
    if kind != MEASURED:
        return text
    text = {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(row.rank(name), text)
    half = row.half(name) if intervals else ""
    return f"{text}{row.marks.get(name, '')} {half}"
