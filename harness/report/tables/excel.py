"""Tables as an Excel workbook: numbers stay numbers, whatever is said of them."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from harness.report.tables.model import DIFFERENCE, MEASURED, Row, Table, spans

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

_GREY = "FF767676"
_WIDEST = 60
"""Characters of the widest column."""


def render_workbook(table: Table, long: pd.DataFrame) -> bytes:
    """An ``.xlsx`` file of three sheets: the table, the numbers in long form, the notes.

    Marks are in the number's format, best and second in its font, so that every number can be
    computed with.

    Args:
        table: what to print.
        long: the same numbers, one a row, with their intervals.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    _write_table(book.create_sheet(table.name or "Table"), table)
    _write_long(book.create_sheet("Numbers"), long)
    notes = book.create_sheet("Notes")
    ranks = ["bold: best of its row; underlined: second"] if table.ranked else []
    for row, line in enumerate((*table.heads, *ranks, *table.legend, *table.notes), start=1):
        _write(notes, row, 1, line)
    notes.column_dimensions["A"].width = 120
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _write_table(page: Worksheet, table: Table) -> None:
    """Groups in the first row, headings in the second, then the lines."""
    from openpyxl.styles import Alignment, Border, Font, Side

    count = len(table.printed_head)
    first = count + 1
    for label, names in table.groups:
        if names and label:
            head = _write(page, 1, first, label)
            head.font, head.alignment = Font(bold=True), Alignment(horizontal="center")
            _merge(page, 1, first, 1, first + len(names) - 1)
        first += len(names)
    for column, text in enumerate((*table.printed_head, *map(table.heading, table.columns)), 1):
        head = _write(page, 2, column, text)
        head.font, head.border = Font(bold=True), Border(bottom=Side(style="thin"))
        head.alignment = Alignment(horizontal="right" if column > count else "left")
    lines = list(table.printed_lines())
    for number, (labels, kind, row) in enumerate(lines, start=3):
        for column, label in enumerate(labels, start=1):
            _write(page, number, column, int(label) if label.isdecimal() else label)
        for column, name in enumerate(table.columns, start=count + 1):
            _write_number(page.cell(number, column), row, name, kind)
    # Labels that last for several lines stand once, at the top.
    for column in range(1, count):
        for index, length in spans([labels for labels, _, _ in lines], column - 1):
            page.cell(index + 3, column).alignment = Alignment(vertical="top")
            _merge(page, index + 3, column, index + length + 2, column)
    page.freeze_panes = page.cell(3, count + 1)
    _fit(page)


def _merge(page: Worksheet, top: int, left: int, bottom: int, right: int) -> None:
    if (top, left) != (bottom, right):
        page.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)


def _write_number(cell: Cell, row: Row, name: str, kind: str) -> None:
    from openpyxl.styles import Alignment, Font

    value = None if name in row.texts else row.number(name, kind)
    if value is None or not math.isfinite(value):
        # A workbook has no number for what is undefined or infinite.
        cell.value = row.text(name, kind)
        cell.alignment = Alignment(horizontal="right")
        return
    cell.value = value
    digits = f"{0:.{row.digits}f}"
    if kind != MEASURED:
        cell.number_format = f"+{digits};-{digits};{digits}" if kind == DIFFERENCE else digits
        cell.font = Font(color=_GREY)
        return
    marks, rank = row.marks.get(name, ""), row.rank(name)
    behind = row.count(name) + marks
    cell.number_format = f'{digits}"{behind}"' if behind else digits
    cell.font = Font(bold=rank == 1, underline="single" if rank == 2 else None)


def _write_long(page: Worksheet, long: pd.DataFrame) -> None:
    from openpyxl.styles import Font

    for column, name in enumerate(long.columns, start=1):
        _write(page, 1, column, str(name)).font = Font(bold=True)
    # What does not exist (NaN, pandas' NA) is an empty cell.
    for row, values in enumerate(long.astype(object).where(long.notna(), None).to_numpy(), start=2):
        for column, value in enumerate(values, start=1):
            infinite = isinstance(value, float) and math.isinf(value)
            _write(page, row, column, str(value) if infinite else value)
    page.freeze_panes = "A2"
    _fit(page)


def _write(page: Worksheet, row: int, column: int, value: str | float | None) -> Cell:
    """A value as it is: text that begins with ``=`` is no formula, control characters go."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell

    cell = page.cell(row, column)
    assert isinstance(cell, Cell), "nothing is merged yet"
    cell.value = ILLEGAL_CHARACTERS_RE.sub("?", value) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def _fit(page: Worksheet) -> None:
    """Columns as wide as what stands in them, group headings left aside."""
    from openpyxl.utils import get_column_letter

    for index, column in enumerate(page.iter_cols(min_row=2), start=1):
        texts = ["0" * 8 if isinstance(c.value, float) else str(c.value or "") for c in column]
        width = min(max(map(len, texts), default=0) + 2, _WIDEST)
        page.column_dimensions[get_column_letter(index)].width = width
