"""Tables as text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.report.tables.model import MEASURED, Row, Table
from harness.text import markdown, one_line

_BOLD, _UNDERLINE, _RESET = "\x1b[1m", "\x1b[4m", "\x1b[0m"
_RANKS = "* best, + second of its {}"
_COLOURED_RANKS = f"{_BOLD}bold{_RESET}: best, {_UNDERLINE}underlined{_RESET}: second of its {{}}"
_APART = " (original does not compete)"


class _Cell(NamedTuple):
    """A number, what stands behind it, and its style."""

    text: str
    tail: str = ""
    style: str = ""


def render_text(
    table: Table, colour: bool = False, intervals: bool = True, width: int | None = None
) -> str:
    """The table for a terminal.

    Args:
        table: what to print.
        colour: mark best in bold and second underlined with escape codes; otherwise ``*``, ``+``.
        intervals: under each row, half the width of its intervals.
        width: columns of the terminal. Where the table is wider, restorers go down and QFs across.
    """
    legend = list(table.legend_lines(intervals))
    grid = _grid(table, colour, intervals) if table.head else []
    place = "row"
    if width is not None and _can_turn(table) and max(map(_shown, grid), default=0) > width:
        place = "column"
        grid = _turned(table, colour, intervals, width)
        legend = [line.replace("row's best", "column's best") for line in legend]
    if table.ranked:
        ranks = (_COLOURED_RANKS if colour else _RANKS).format(place)
        legend.insert(0, ranks + _APART if "original" in table.columns else ranks)
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


def _can_turn(table: Table) -> bool:
    """Whether the columns are restorers, one number each, which can as well go down."""
    return bool(table.head) and table.across == "restorer" and not (table.plain or table.comparison)


def _shown(line: str) -> int:
    """The columns that a line takes: escape codes take none."""
    return len(re.sub("\x1b\\[\\d*m", "", line))


def _turned(table: Table, colour: bool, intervals: bool, width: int) -> list[str]:
    """A grid for each task and metric: restorers down, QFs across, as many as fit."""
    blocks: dict[tuple[str, ...], list[Row]] = {}
    for row in table.rows:
        blocks.setdefault(tuple(map(one_line, row.labels[:-1])), []).append(row)
    names = [one_line(table.heading(name)) for name in table.columns]
    first = max(map(len, [*names, *(" ".join(label) for label in blocks)]))
    lines: list[str] = []
    for label, rows in blocks.items():
        columns = [_turned_column(table, row, colour, intervals) for row in rows]
        used = 0
        while used < len(columns):
            taken, space = used, width - first
            while taken < len(columns) and (taken == used or space >= _width(columns[taken]) + 2):
                space -= _width(columns[taken]) + 2
                taken += 1
            lines += ["", *_block(table, " ".join(label), first, columns[used:taken])]
            used = taken
    return lines[1:]


def _turned_column(table: Table, row: Row, colour: bool, intervals: bool) -> list[str]:
    """The numbers of a row one below the other, its QF first, all equally wide."""
    cells = [_cell(row, name, MEASURED, colour) for name in table.columns]
    halves = [row.half(name) if intervals else "" for name in table.columns]
    body, tail, half = (
        max(map(len, texts)) for texts in ([c.text for c in cells], [c.tail for c in cells], halves)
    )
    shown = [
        f"{_padded(cell, body, tail)} {text:<{half}}" if half else _padded(cell, body, tail)
        for cell, text in zip(cells, halves, strict=True)
    ]
    wide = body + tail + (1 + half if half else 0)
    head = f"{table.head[-1]} {one_line(row.labels[-1])}"
    extra = max(0, len(head) - wide)
    return [head.rjust(wide), *(text + " " * extra for text in shown)]


def _width(column: list[str]) -> int:
    return len(column[0])


def _block(table: Table, label: str, first: int, columns: list[list[str]]) -> list[str]:
    """One grid, its heading first; a faint line above the restorers of each group."""
    lines = [_joined([label.ljust(first), *(column[0] for column in columns)])]
    lines.append(_joined(["─" * first, *("─" * _width(column) for column in columns)]))
    at = 1
    for group, names in table.groups:
        if group and names:
            lines.append(f"┄{group}┄")
        for name in names:
            heading = one_line(table.heading(name)).ljust(first)
            lines.append(_joined([heading, *(column[at] for column in columns)]))
            at += 1
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
