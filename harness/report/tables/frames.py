"""Tables in long form: one row a number."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from harness.analysis.differences import Difference
from harness.analysis.inference import NO_INTERVAL
from harness.analysis.resampling import DRAWS
from harness.analysis.significance import SignificanceTest
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import build_table
from harness.report.tables.model import DIFFERENCE, Row, Table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "task", "dataset", "model", "codec", "qf", "restorer",
    "metric", "value", "ci_low", "ci_high", "images",
    "minus_jpeg", "minus_jpeg_low", "minus_jpeg_high", "p_jpeg",
    "minus_best", "minus_best_low", "minus_best_high", "p_best",
]  # fmt: skip
"""The columns of the long form of a run directory."""

PAPER_COLUMNS = [
    "table", "task", "dataset", "model", "codec", "qf", "restorer", "metric",
    "value", "ci_low", "ci_high", "images", "p_jpeg", "p_best",
]  # fmt: skip
"""The columns of the long form of a table of the paper."""

COMPARED = ["published", "difference"]
"""The columns besides, where the paper's figures are wanted: the figure, and measured minus it."""

_WORDS = ("table", "task", "dataset", "model", "codec", "restorer", "metric")
_WHOLE = ("qf", "images")


def long_form(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    detail: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """`run_frame` of the table that `build_table` makes with the same arguments."""
    return run_frame(build_table(directory, keys, detail, draws, seed), directory)


def run_frame(table: Table, directory: RunDirectory) -> pd.DataFrame:
    """The table of a run directory, one row a number, columns `COLUMNS`.

    A restorer that sees the uncompressed image (`original`) has one cell; its value stands in the
    row of every codec and QF of the grid. mAP, mIoU and their kin are in percent, PSNR in dB,
    SSIM in 0..1, all at full precision. ``ci_low`` and ``ci_high`` bound the 95 % interval;
    ``minus_jpeg`` and ``minus_best`` are the paired differences from the line's ``jpeg`` and from
    its best, with their intervals; ``p_jpeg`` and ``p_best`` belong to them, corrected over the
    table. What does not exist is empty. Cells stand in the manifest's order.
    """
    cells = {cell.key: number for number, cell in enumerate(directory.manifest().cells)}
    conditions = list(dict.fromkeys((row.facts["codec"], row.facts["qf"]) for row in table.rows))
    numbers = [
        (
            cells[result.cell.key],
            conditions.index((row.facts["codec"], row.facts["qf"])),
            _number(row, column, "restorer"),
        )
        for row in table.rows
        for column, result in row.cells.items()
    ]
    numbers.sort(key=lambda number: number[:2])
    return _frame([number for _, _, number in numbers], COLUMNS)


def paper_frame(table: Table) -> pd.DataFrame:
    """A table of the paper, columns `PAPER_COLUMNS` and, with the paper's figures, `COMPARED`.

    Values are in the printed unit at full precision; a number that was not measured is empty. Of
    the costs of Table III only restorer, metric, value and the paper's are filled.
    """
    numbers = [_number(row, column, table.across) for row in table.rows for column in table.columns]
    return _frame(numbers, [*PAPER_COLUMNS, *(COMPARED if table.comparison else [])])


def table_json(table: Table, frame: pd.DataFrame) -> str:
    """A table as JSON: what stands around it, and its long form, one object a number.

    Args:
        table: what the frame is of.
        frame: `run_frame` or `paper_frame` of it; what is empty there is null.
    """
    numbers = json.loads(frame.to_json(orient="records", double_precision=15))
    about = {"name": table.name, "title": table.heads, "legend": table.legend, "notes": table.notes}
    return json.dumps({**about, "numbers": numbers}, ensure_ascii=False, indent=1) + "\n"


def _frame(numbers: list[dict[str, str | float | None]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(numbers, columns=columns)
    types = {name: "Int64" if name in _WHOLE else "float64" for name in columns}
    return frame.astype({name: kind for name, kind in types.items() if name not in _WORDS})


def _number(row: Row, column: str, across: str) -> dict[str, str | float | None]:
    """All that is known of one number, of which each long form takes its columns."""
    test = row.tests.get(column, SignificanceTest())
    cell = row.cells.get(column)
    low, high = row.intervals.get(column, NO_INTERVAL)
    return {
        **row.facts,
        across: cell.cell.restorer if cell else column,
        "value": row.values.get(column),
        "ci_low": low,
        "ci_high": high,
        "images": cell.images if cell else None,
        **_paired("minus_jpeg", test.against_jpeg, row.unit),
        "p_jpeg": test.p_jpeg,
        **_paired("minus_best", test.against_best, row.unit),
        "p_best": test.p_best,
        "published": row.published.get(column),
        "difference": row.number(column, DIFFERENCE),
    }


def _paired(name: str, gap: Difference | None, unit: float) -> dict[str, float]:
    """A difference and the ends of its interval."""
    ends = (math.nan,) * 3 if gap is None else (gap.value, *gap.interval)
    names = (name, f"{name}_low", f"{name}_high")
    return dict(zip(names, (unit * end for end in ends), strict=True))
