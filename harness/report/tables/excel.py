"""Sheets as an Excel workbook: numbers stay numbers, whatever is said of them."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from harness.report.tables.sheet import DIFFERENCE, MEASURED, PUBLISHED, Sheet, SheetLine, spans

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.worksheet.worksheet import Worksheet

_GREY = "FF767676"
_WIDEST = 60
"""Characters of the widest column."""


def render_workbook(sheet: Sheet, long: pd.DataFrame) -> bytes:
    """An ``.xlsx`` file of three sheets: the table, the numbers in long form, the notes.

    Marks are in the number's format, best and second in its font, so that every number can be
    computed with.

    Args:
        sheet: the table.
        long: the same numbers, one a row, with their intervals.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    _table(book.create_sheet(sheet.name or "Table"), sheet)
    _long(book.create_sheet("Numbers"), long)
    notes = book.create_sheet("Notes")
    for row, line in enumerate((*sheet.heads, *_meaning(sheet), *sheet.below()), start=1):
        _write(notes, row, 1, line)
    notes.column_dimensions["A"].width = 120
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _table(page: Worksheet, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Border, Font, Side

    count = len(sheet.printed_head)
    rule = Border(bottom=Side(style="thin"))
    column = count + 1
    for label, names in sheet.groups:
        if names and label:
            _write(page, 1, column, label, font=Font(bold=True), alignment=_centred())
            if len(names) > 1:
                page.merge_cells(
                    start_row=1, end_row=1, start_column=column, end_column=column + len(names) - 1
                )
        column += len(names)
    heads = [*sheet.printed_head, *(sheet.heading(name) for name in sheet.columns)]
    for column, head in enumerate(heads, start=1):
        right = Alignment(horizontal="right" if column > count else "left")
        _write(page, 2, column, head, font=Font(bold=True), border=rule, alignment=right)
    printed = list(sheet.printed_lines())
    for row, (labels, kind, line) in enumerate(printed, start=3):
        for column, label in enumerate(labels, start=1):
            _write(page, row, column, int(label) if label.isdecimal() else label)
        for column, name in enumerate(sheet.columns, start=count + 1):
            _number(page.cell(row, column), line, name, kind)
    _merge(page, [labels for labels, _, _ in printed])
    page.freeze_panes = page.cell(3, count + 1)
    _fit(page)


def _merge(page: Worksheet, labels: list[tuple[str, ...]]) -> None:
    """Labels that last for several lines stand once, at the top."""
    from openpyxl.styles import Alignment

    for column in range(len(labels[0]) - 1 if labels else 0):
        for first, length in spans(labels, column):
            page.cell(first + 3, column + 1).alignment = Alignment(vertical="top")
            if length > 1:
                rows = {"start_row": first + 3, "end_row": first + length + 2}
                page.merge_cells(**rows, start_column=column + 1, end_column=column + 1)


def _number(cell: Any, line: SheetLine, name: str, kind: str) -> None:
    from openpyxl.styles import Alignment, Font

    values = {
        MEASURED: line.row.values.get(name),
        PUBLISHED: line.published.get(name),
        DIFFERENCE: line.difference(name),
    }
    value = values[kind]
    if value is None or not math.isfinite(value):
        # A workbook has no number for what is undefined or infinite.
        cell.value = line.text(name, kind)
        cell.alignment = Alignment(horizontal="right")
        return
    cell.value = value
    digits = "0." + "0" * line.row.digits if line.row.digits else "0"
    if kind == DIFFERENCE:
        cell.number_format = f"+{digits};-{digits};{digits}"
    else:
        marks = line.row.marks.get(name, "") if kind == MEASURED else ""
        cell.number_format = f'{digits}"{marks}"' if marks else digits
    if kind != MEASURED:
        cell.font = Font(color=_GREY)
        return
    rank = line.row.rank(name)
    cell.font = Font(bold=rank == 1, underline="single" if rank == 2 else None)


def _long(page: Worksheet, long: pd.DataFrame) -> None:
    from openpyxl.styles import Font

    for column, name in enumerate(long.columns, start=1):
        _write(page, 1, column, str(name), font=Font(bold=True))
    for row, record in enumerate(long.astype(object).to_dict("records"), start=2):
        for column, value in enumerate(record.values(), start=1):
            _write(page, row, column, _plain(value))
    page.freeze_panes = "A2"
    _fit(page)


def _plain(value: Any) -> Any:
    """A value as a workbook takes it; what does not exist is an empty cell."""
    if isinstance(value, str | bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):  # pandas' NA, None
        return None
    if math.isnan(number):
        return None
    return str(number) if math.isinf(number) else value


def _write(page: Worksheet, row: int, column: int, value: Any, **style: Any) -> None:
    """A value as it is: text that begins with ``=`` is no formula, control characters go."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell: Any = page.cell(row, column)
    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("?", value)
        cell.data_type = "s"
    else:
        cell.value = value
    for name, setting in style.items():
        setattr(cell, name, setting)


def _centred() -> Any:
    from openpyxl.styles import Alignment

    return Alignment(horizontal="center")


def _fit(page: Worksheet) -> None:
    """Columns as wide as what stands in them, group headings left aside."""
    from openpyxl.utils import get_column_letter

    for index, column in enumerate(page.iter_cols(min_row=2), start=1):
        longest = max((len(_shown(cell)) for cell in column), default=0)
        page.column_dimensions[get_column_letter(index)].width = min(longest + 2, _WIDEST)


def _shown(cell: Any) -> str:
    if cell.value is None:
        return ""
    return "0" * 8 if isinstance(cell.value, float) else str(cell.value)


def _meaning(sheet: Sheet) -> list[str]:
    if any(line.row.rank(name) for line in sheet.lines for name in sheet.columns):
        return ["bold: best of its row; underlined: second"]
    return []
