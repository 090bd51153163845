"""A comparison for programs: CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.regression_gate import Judgement
from harness.analysis.comparison.results import Comparison, ComparisonRow, LargestChange
from harness.analysis.inference import ALPHA, LEVEL
from harness.plugins.types import Json

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "task", "metric", "codec", "qf", "restorer_a", "restorer_b", "a", "b", "difference",
    "ci_low", "ci_high", "p", "p_holm", "better", "same", "worse", "undefined", "images",
]  # fmt: skip
"""The columns of the CSV and the keys of the JSON's rows."""


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """One row a comparison, columns `COLUMNS`, values as printed at full precision."""
    import pandas as pd

    return pd.DataFrame([_values(row) for row in comparison.rows], columns=COLUMNS)


def comparison_json(
    comparison: Comparison, changes: Sequence[LargestChange], judgement: Judgement | None
) -> str:
    """Everything, machine readable; null for a number there is not."""
    content = {
        "format": 1,
        "a": _operand(comparison.a),
        "b": _operand(comparison.b),
        "draws": comparison.draws,
        "seed": comparison.seed,
        "level": LEVEL,
        "tests": comparison.tests,
        "rows": [_values(row) for row in comparison.rows],
        "moved": [change.as_json() for change in changes],
        "only_a": [cell.key for cell in comparison.pairing.only_a],
        "only_b": [cell.key for cell in comparison.pairing.only_b],
        "notes": list(comparison.notes),
        "gate": None if judgement is None else _gate(judgement),
    }
    return json.dumps(_plain(content), indent=1, ensure_ascii=False) + "\n"


def _values(row: ComparisonRow) -> Json:
    counts = row.tally or (None,) * 4
    values = (
        *(row.task, row.metric, row.codec, row.qf, *row.restorers, row.a, row.b, row.difference),
        *(row.interval.low, row.interval.high, row.p, row.corrected, *counts, row.images),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _operand(operand: Operand) -> Json:
    data = operand.manifest.data_set
    return {
        "run": str(operand.directory.path),
        "restorer": operand.restorer,
        "dataset": data.name,
        "images": data.images,
        "of": data.total,
        "models": operand.manifest.models,
    }


def _gate(judgement: Judgement) -> Json:
    return {
        "points": judgement.points,
        "passed": not judgement.failed,
        "judged": len(judgement.judged),
        "level": ALPHA / 2,
        "failed": [{**_values(row), "p_gate": p} for row, p in judgement.failed],
        "could_hide": [_values(row) for row in judgement.hidden],
        "notes": list(judgement.notes),
    }


def _plain(value: object) -> object:
    """NaN as null, infinity as a string: JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
