"""Sheets as text and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.tables.sheet import MEASURED, Sheet, SheetLine

_BOLD, _UNDERLINE, _RESET = "\x1b[1m", "\x1b[4m", "\x1b[0m"
_PLAIN_LEGEND = "* best, + second of its row"
_APART = " (original does not compete)"


def render_sheet_text(sheet: Sheet, colour: bool, intervals: bool = True) -> str:
    """The sheet for a terminal.

    Args:
        sheet: what to print.
        colour: mark best and second with escape codes; otherwise ``*`` and ``+``.
        intervals: under each row, half the width of its intervals.
    """
    labels, cells = [], []
    previous: tuple[str, ...] = ()
    for label, kind, line in sheet.printed_lines():
        labels.append(_blanked(label, previous))
        previous = label
        cells.append([_cell(line, name, kind, colour) for name in sheet.columns])
        if intervals and kind == MEASURED and line.row.intervals:
            labels.append(("",) * len(label))
            cells.append([(line.row.half(name), "", "") for name in sheet.columns])
    widths = [max(map(len, column)) for column in zip(sheet.printed_head, *labels, strict=True)]
    heads = [sheet.heading(name) for name in sheet.columns]
    bodies = [max((len(row[at][0]) for row in cells), default=0) for at in range(len(heads))]
    tails = [max((len(row[at][1]) for row in cells), default=0) for at in range(len(heads))]
    # A heading may stand over the marks: only what is longer than both makes a column wider.
    bodies = [max(b, len(h) - t) for b, t, h in zip(bodies, tails, heads, strict=True)]
    full = [b + t for b, t in zip(bodies, tails, strict=True)]
    top = _group_line(sheet, widths, full, bodies)
    out = [*sheet.heads, ""]
    out += [top] if top else []
    head = [h.ljust(w) for h, w in zip(sheet.printed_head, widths, strict=True)]
    out.append("  ".join([*head, *(h.rjust(w) for h, w in zip(heads, full, strict=True))]))
    out.append("  ".join("─" * width for width in [*widths, *full]))
    for label, row in zip(labels, cells, strict=True):
        left = [text.ljust(width) for text, width in zip(label, widths, strict=True)]
        right = [_padded(*cell, b, t) for cell, b, t in zip(row, bodies, tails, strict=True)]
        out.append("  ".join([*left, *right]).rstrip())
    legend = []
    if not colour and _ranked(sheet):
        legend = [_PLAIN_LEGEND + _APART * ("original" in sheet.columns)]
    below = [*sheet.below(intervals)]
    split = len(below) - len(sheet.notes)
    for part in ([*legend, *below[:split]], below[split:]):
        out += ["", *part] if part else []
    return "\n".join(out) + "\n"


def render_sheet_markdown(sheet: Sheet, intervals: bool = True) -> str:
    """The sheet as GitHub Markdown, best in bold, second underlined, intervals after values."""
    out = [f"{line}  " for line in sheet.heads] + [""]
    grouped = " · ".join(
        f"{label}: {', '.join(map(sheet.heading, names))}" for label, names in sheet.groups if label
    )
    out += [grouped, ""] if grouped else []
    head = [*sheet.printed_head, *(sheet.heading(name) for name in sheet.columns)]
    out.append("| " + " | ".join(head) + " |")
    out.append("|" + "---|" * len(sheet.printed_head) + "--:|" * len(sheet.columns))
    for labels, kind, line in sheet.printed_lines():
        cells = [_markdown(line, name, kind, intervals) for name in sheet.columns]
        out.append("| " + " | ".join([*(_escaped(text) for text in labels), *cells]) + " |")
    below = sheet.below(intervals)
    split = len(below) - len(sheet.notes)
    for part in (below[:split], below[split:]):
        out += ["", *(f"{line}  " for line in part)] if part else []
    return "\n".join(out) + "\n"


def _blanked(label: tuple[str, ...], previous: tuple[str, ...]) -> tuple[str, ...]:
    """The labels without those that the line above says already."""
    same = 0
    while same < min(len(label), len(previous)) and label[same] == previous[same]:
        same += 1
    return ("",) * same + label[same:]


def _cell(line: SheetLine, name: str, kind: str, colour: bool) -> tuple[str, str, str]:
    """The number, what stands behind it, and its style."""
    text = line.text(name, kind)
    if kind != MEASURED:
        return text, "", ""
    rank, marks = line.row.rank(name), line.row.marks.get(name, "")
    if colour:
        return text, marks, {1: _BOLD, 2: _UNDERLINE}.get(rank, "")
    return text, {1: "*", 2: "+"}.get(rank, "") + marks, ""


def _padded(text: str, tail: str, style: str, body: int, tails: int) -> str:
    shown = f"{style}{text}{_RESET}" if style else text
    return " " * (body - len(text)) + shown + tail.ljust(tails)


def _group_line(sheet: Sheet, widths: Sequence[int], full: list[int], bodies: list[int]) -> str:
    """The headings of the groups, over their columns, which are made wider where need be."""
    if not any(label for label, _ in sheet.groups):
        return ""
    parts = [" " * (sum(widths) + 2 * (len(widths) - 1))]
    first = 0
    for label, names in sheet.groups:
        if not names:
            continue
        space = sum(full[first : first + len(names)]) + 2 * (len(names) - 1)
        if len(label) > space:
            full[first] += len(label) - space
            bodies[first] += len(label) - space
            space = len(label)
        fill = "┄" if label and space > len(label) + 1 else " "
        parts.append(label.center(space, fill))
        first += len(names)
    return "  ".join(parts).rstrip()


def _markdown(line: SheetLine, name: str, kind: str, intervals: bool) -> str:
    text = line.text(name, kind)
    if kind != MEASURED:
        return text
    text = {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(line.row.rank(name), text)
    text += line.row.marks.get(name, "")
    half = line.row.half(name) if intervals else ""
    return f"{text} {half}" if half else text


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _ranked(sheet: Sheet) -> bool:
    return any(line.row.rank(name) for line in sheet.lines for name in sheet.columns)
