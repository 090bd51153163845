"""Tables as HTML: a fragment with a caption, headings with their scope, and its own small style."""

from __future__ import annotations

from html import escape

from harness.report.tables.model import MEASURED, Row, Table, spans

_STYLE = """\
<style>
.harness-table { border-collapse: collapse; font: 0.9rem/1.4 system-ui, sans-serif; }
.harness-table caption { text-align: left; padding-bottom: 0.6em; max-width: 60em; }
.harness-table caption span { display: block; }
.harness-table th, .harness-table td { padding: 0.15em 0.6em; text-align: right; }
.harness-table th, .harness-table td { white-space: nowrap; }
.harness-table th { font-weight: 600; }
.harness-table th[rowspan], .harness-table tbody th { text-align: left; vertical-align: top; }
.harness-table tbody th { font-weight: 400; }
.harness-table td { font-variant-numeric: tabular-nums; }
.harness-table small { color: #595959; }
.harness-table thead, .harness-table tbody { border-top: 2px solid; }
.harness-table tbody { border-bottom: 2px solid; }
.harness-table th[scope="colgroup"] { text-align: center; border-bottom: 1px solid #767676; }
.harness-table tr.block th, .harness-table tr.block td { border-top: 1px solid #767676; }
.harness-table tr.paper th:last-of-type, .harness-table tr.paper td { color: #595959; }
</style>"""
# Greys of 4.5:1 and more on white.


def render_html(table: Table, intervals: bool = True) -> str:
    """The table as a ``<div>`` with a ``<table>`` and its notes, to be put into any page.

    Args:
        table: what to print.
        intervals: half their width behind each number.
    """
    lines = [_STYLE, '<div class="harness-result">', '<table class="harness-table">']
    lines.append("<caption>" + "".join(f"<span>{escape(t)}</span>" for t in table.heads))
    lines += ["</caption>", "<thead>", *_heading(table), "</thead>", "<tbody>"]
    printed = list(table.printed_lines())
    labels = [label for label, _, _ in printed]
    starts = [dict(spans(labels, column)) for column in range(len(table.printed_head) - 1)]
    for index, (label, kind, row) in enumerate(printed):
        classes = [
            *(["block"] if not starts or index in starts[0] else []),
            *(["paper"] if kind != MEASURED else []),
        ]
        lines.append(f'<tr class="{" ".join(classes)}">' if classes else "<tr>")
        for start, text in zip(starts, label[:-1], strict=True):
            if index in start:
                lines.append(_row_heading(text, start[index]))
        lines.append(_row_heading(label[-1], 1))
        lines += [_cell(row, name, kind, intervals) for name in table.columns]
        lines.append("</tr>")
    lines += ["</tbody>", "</table>", *_notes(table, intervals), "</div>"]
    return "\n".join(lines) + "\n"


def _heading(table: Table) -> list[str]:
    grouped = any(label for label, _ in table.groups)
    rows = ' rowspan="2"' if grouped else ""
    labels = [
        f'<th scope="col"{rows}>{escape(head)}</th>' if head else f"<td{rows}></td>"
        for head in table.printed_head
    ]
    columns = [f'<th scope="col">{escape(table.heading(name))}</th>' for name in table.columns]
    if not grouped:
        return ["<tr>", *labels, *columns, "</tr>"]
    groups = []
    for label, names in table.groups:
        if names and label:
            text = escape(label)
            groups.append(f'<th scope="colgroup" colspan="{len(names)}">{text}</th>')
        elif names:
            groups.append(f'<td colspan="{len(names)}"></td>')
    return ["<tr>", *labels, *groups, "</tr>", "<tr>", *columns, "</tr>"]


def _row_heading(text: str, length: int) -> str:
    if length == 1:
        return f'<th scope="row">{escape(text)}</th>'
    return f'<th scope="rowgroup" rowspan="{length}">{escape(text)}</th>'


def _cell(row: Row, name: str, kind: str, intervals: bool) -> str:
    text = escape(row.text(name, kind))
    if kind != MEASURED:
        return f"<td>{text}</td>"
    text = {1: f"<strong>{text}</strong>", 2: f"<u>{text}</u>"}.get(row.rank(name), text)
    marks = row.marks.get(name, "")
    half = row.half(name) if intervals else ""
    text += f"<sup>{marks}</sup>" if marks else ""
    return f"<td>{text} <small>{half}</small></td>" if half else f"<td>{text}</td>"


def _notes(table: Table, intervals: bool) -> list[str]:
    said = [escape(line) for line in (*table.legend_lines(intervals), *table.notes)]
    if table.ranked:
        said = ["<strong>bold</strong>: best of its row; <u>underlined</u>: second", *said]
    return ["<ul>", *(f"<li>{line}</li>" for line in said), "</ul>"] if said else []
