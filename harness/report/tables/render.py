"""Tables as text and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.tables.table import Row, Table

HEAD = ("task", "metric", "QF")
FORMATS = ("text", "md", "csv")
"""What ``--format`` takes."""

_BOLD, _UNDERLINE, _RESET = "\x1b[1m", "\x1b[4m", "\x1b[0m"
_PLAIN_LEGEND = "* best, + second of its row (original does not compete)"


def render_text(table: Table, colour: bool) -> str:
    """The table for a terminal; under each row half the width of its intervals.

    Args:
        table: what to print.
        colour: mark best in bold and second underlined with escape codes; otherwise ``*``, ``+``.
    """
    body = [_labels(table, index) for index in range(len(table.rows))]
    labels = [
        max([len(head), *(len(line[i]) for line in body)], default=0) for i, head in enumerate(HEAD)
    ]
    tails = {
        name: max([0, *(len(_tail(r, name, colour)) for r in table.rows)])
        for name in table.restorers
    }
    widths = _widths(table, tails)
    lines = [*table.title, ""]
    lines.append(_group_line(table, labels, widths))
    heads = [head.ljust(width) for head, width in zip(HEAD, labels, strict=True)]
    heads += [(name + " " * tails[name]).rjust(widths[name]) for name in table.restorers]
    lines.append("  ".join(heads).rstrip())
    lines.append("  ".join("─" * len(head) for head in heads))
    for label, row in zip(body, table.rows, strict=True):
        cells = [text.ljust(width) for text, width in zip(label, labels, strict=True)]
        cells += [_cell(row, n, widths[n], tails[n], colour) for n in table.restorers]
        lines.append("  ".join(cells).rstrip())
        if row.intervals:
            cells = [" " * width for width in labels]
            cells += [(row.half(n) + " " * tails[n]).rjust(widths[n]) for n in table.restorers]
            lines.append("  ".join(cells).rstrip())
    legend = list(table.legend)
    if not colour and any(row.rank(name) for row in table.rows for name in table.restorers):
        legend = [_PLAIN_LEGEND, *legend]
    for part in (legend, table.notes):
        lines += ["", *part] if part else []
    return "\n".join(lines) + "\n"


def render_markdown(table: Table) -> str:
    """The table as GitHub Markdown, best in bold, second underlined, intervals after values."""
    lines = [f"{line}  " for line in table.title] + [""]
    grouped = " · ".join(f"{label}: {', '.join(names)}" for label, names in table.groups)
    lines += [f"Restorers — {grouped}", ""]
    lines.append("| " + " | ".join([*HEAD, *table.restorers]) + " |")
    lines.append("|" + "---|" * 2 + "--:|" * (1 + len(table.restorers)))
    for row in table.rows:
        cells = []
        for name in table.restorers:
            text, rank = row.text(name), row.rank(name)
            text = {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(rank, text)
            cells.append(" ".join(filter(None, [text + row.marks.get(name, ""), row.half(name)])))
        lines.append("| " + " | ".join([*row.labels, *cells]) + " |")
    for part in (table.legend, table.notes):
        lines += ["", *(f"{line}  " for line in part)] if part else []
    return "\n".join(lines) + "\n"


def render_lines(lines: Sequence[Sequence[str]], format: str) -> str:
    """Rows of text, head first, aligned (``text``) or as Markdown (``md``)."""
    if format == "md":
        head, *body = lines
        rule = "|" + "---|" * 2 + "--:|" * (len(head) - 2)
        return (
            "\n".join(
                [
                    "| " + " | ".join(head) + " |",
                    rule,
                    *("| " + " | ".join(line) + " |" for line in body),
                ]
            )
            + "\n"
        )
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return (
        "\n".join(
            "  ".join(
                cell.ljust(width) if index < 2 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )
        + "\n"
    )


def _labels(table: Table, index: int) -> tuple[str, ...]:
    """The row's labels, blank where the row above says the same."""
    row, above = table.rows[index].labels, table.rows[index - 1].labels if index else ("", "", "")
    task = "" if row[0] == above[0] else row[0]
    metric = "" if row[:2] == above[:2] else row[1]
    return task, metric, row[2]


def _widths(table: Table, tails: dict[str, int]) -> dict[str, int]:
    return {
        name: tails[name]
        + max([len(name), *(len(t) for r in table.rows for t in (r.text(name), r.half(name)))])
        for name in table.restorers
    }


def _group_line(table: Table, labels: Sequence[int], widths: dict[str, int]) -> str:
    parts = [" " * (sum(labels) + 2 * (len(labels) - 1))]
    for label, names in table.groups:
        space = sum(widths[name] for name in names) + 2 * (len(names) - 1)
        if len(label) > space:
            widths[names[0]] += len(label) - space
            space = len(label)
        parts.append(label.center(space, "┄") if space > len(label) + 1 else label.center(space))
    return "  ".join(parts)


def _tail(row: Row, name: str, colour: bool) -> str:
    """What stands behind a value: its rank, where colour does not show it, and its marks."""
    rank = "" if colour else {1: "*", 2: "+"}.get(row.rank(name), "")
    return rank + row.marks.get(name, "")


def _cell(row: Row, name: str, width: int, tail: int, colour: bool) -> str:
    text, marks = row.text(name), _tail(row, name, colour)
    style = {1: _BOLD, 2: _UNDERLINE}.get(row.rank(name), "") if colour else ""
    padding = " " * (width - tail - len(text))
    return f"{padding}{style}{text}{_RESET if style else ''}{marks.ljust(tail)}"
