"""A comparison for programs: CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.comparison.movers import LargestChange
from harness.analysis.comparison.regression_gate import Judgement
from harness.analysis.comparison.rows import Comparison, ComparisonRow
from harness.analysis.inference import ALPHA, LEVEL
from harness.plugins.types import Json

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = [
    "task", "metric", "codec", "qf", "restorer_a", "restorer_b", "a", "b", "difference",
    "ci_low", "ci_high", "p", "p_holm", "better", "same", "worse", "undefined", "images",
]  # fmt: skip
"""The columns of the CSV and the keys of the JSON's rows."""


def frame(found: Comparison) -> pd.DataFrame:
    """One row a comparison, columns `COLUMNS`, values as printed at full precision."""
    import pandas as pd

    return pd.DataFrame([_values(row) for row in found.rows], columns=COLUMNS)


def as_json(found: Comparison, moved: Sequence[LargestChange], judgement: Judgement | None) -> str:
    """Everything, machine readable; null for a number there is not."""
    content = {
        "format": 1,
        "a": _side(found.a),
        "b": _side(found.b),
        "draws": found.draws,
        "seed": found.seed,
        "level": LEVEL,
        "tests": found.tests,
        "rows": [dict(zip(COLUMNS, _values(row), strict=True)) for row in found.rows],
        "moved": [_mover(mover) for mover in moved],
        "only_a": [cell.key for cell in found.pairing.only_a],
        "only_b": [cell.key for cell in found.pairing.only_b],
        "notes": list(found.notes),
        "gate": None if judgement is None else _gate(judgement),
    }
    return json.dumps(_plain(content), indent=1, ensure_ascii=False) + "\n"


def _values(row: ComparisonRow) -> list[Any]:
    counts = list(row.tally) if row.tally is not None else [None] * 4
    return [
        *(row.task, row.metric, row.codec, row.qf, *row.restorers, row.a, row.b, row.difference),
        *(row.interval.low, row.interval.high, row.p, row.corrected, *counts, row.images),
    ]


def _side(side: Any) -> Json:
    data = side.manifest.data_set
    return {
        "run": str(side.directory.path),
        "restorer": side.restorer,
        "dataset": data.name,
        "images": data.images,
        "of": data.total,
        "models": side.manifest.models,
    }


def _mover(mover: LargestChange) -> Json:
    names = ("task", "metric", "image", "codec", "qf", "a", "b", "change")
    one, other = mover.restorers
    values = {name: getattr(mover, name) for name in names}
    return {**values, "restorer_a": one, "restorer_b": other}


def _gate(judgement: Judgement) -> Json:
    def of(row: ComparisonRow) -> Json:
        return dict(zip(COLUMNS, _values(row), strict=True))

    return {
        "points": judgement.points,
        "passed": not judgement.failed,
        "judged": len(judgement.judged),
        "level": ALPHA / 2,
        "failed": [{**of(row), "p_gate": p} for row, p in judgement.failed],
        "could_hide": [of(row) for row in judgement.hidden],
        "notes": list(judgement.notes),
    }


def _plain(value: Any) -> Any:
    """NaN as null, infinity as a string: JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
