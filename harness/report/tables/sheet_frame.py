"""Sheets as a frame: one row a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.analysis.metrics import scaled
from harness.analysis.significance import SignificanceTest
from harness.plugins import registry
from harness.report.tables.sheet import Sheet, SheetLine

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "table", "task", "dataset", "model", "codec", "qf", "restorer", "metric",
    "value", "ci_low", "ci_high", "images", "p_jpeg", "p_best",
]  # fmt: skip
"""The columns of the long form of a numbered table."""

COMPARED = ["published", "difference"]
"""The columns besides, where the paper's figures are wanted: the figure, and measured minus it."""

_NUMBERS = ("value", "ci_low", "ci_high", "p_jpeg", "p_best", *COMPARED)


def sheet_frame(sheet: Sheet) -> pd.DataFrame:
    """The sheet in long form, columns `COLUMNS` and, with the paper's figures, `COMPARED`.

    Values are in the printed unit at full precision; a number that was not measured is empty. Of
    the costs of Table III only restorer, metric, value and the paper's are filled.
    """
    import pandas as pd

    rows = [_row(sheet, line, column) for line in sheet.lines for column in sheet.columns]
    names = COLUMNS + COMPARED * bool(sheet.comparison)
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *COMPARED])[names]
    whole = dict.fromkeys(("qf", "images"), "Int64")
    return frame.astype(whole | dict.fromkeys((n for n in _NUMBERS if n in names), "float64"))


def _row(sheet: Sheet, line: SheetLine, column: str) -> dict[str, Any]:
    verdict = line.verdicts.get(column, SignificanceTest())
    unit = math.nan
    if line.verdicts:
        unit = scaled(registry.tasks().get(line.row.labels[0]), line.row.labels[1], 1.0)
    return {
        **line.facts,
        sheet.across: line.restorers.get(column, column),
        "value": line.row.values.get(column),
        "ci_low": unit * verdict.interval.low,
        "ci_high": unit * verdict.interval.high,
        "images": line.images.get(column),
        "p_jpeg": verdict.p_jpeg,
        "p_best": verdict.p_best,
        "published": line.published.get(column),
        "difference": line.difference(column),
    }
