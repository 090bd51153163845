"""The harness's tables as pandas frames that show themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.report.tables.html import render_html
from harness.report.tables.model import Row, Table
from harness.report.tables.text import render_text

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.shown import ShownFrame

LEVELS = ("task", "metric", "QF")


def table_frame(tables: Sequence[Table]) -> ShownFrame:
    """One frame of the tables of a run's directories, which have no task in common.

    Returns:
        Values as printed, at full precision, by (task, metric, QF) and restorer. It shows itself as
        ``harness table`` does: best bold, second underlined, intervals, marks and notes.
    """
    from harness.api.shown import shown

    text = "\n".join(render_text(table, colour=False) for table in tables)
    html = "".join(render_html(table) for table in tables)
    return shown(_frame(tables), text, html)


def _frame(tables: Sequence[Table]) -> pd.DataFrame:
    import pandas as pd

    restorers = list(dict.fromkeys(name for table in tables for name in table.restorers))
    rows = [row for table in tables for row in table.rows]
    levels = zip(*map(_place, rows), strict=True) if rows else [()] * len(LEVELS)
    index = pd.MultiIndex.from_arrays([list(level) for level in levels], names=LEVELS)
    values = [[row.values.get(name, float("nan")) for name in restorers] for row in rows]
    return pd.DataFrame(values, index, restorers, dtype="float64")


def _place(row: Row) -> tuple[str, str, Any]:
    """The row's place in the index: a QF is a number where it stands alone."""
    task, metric, qf = row.labels
    return task, metric, int(qf) if qf.isdecimal() else qf
