"""Every number of a run directory as one row of a frame."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from harness.analysis.bootstrap import Difference, load_bootstrap
from harness.analysis.draws import DRAWS
from harness.analysis.metrics import measure, scaled
from harness.analysis.significance import SignificanceTest, assess
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.report.tables.building import table_lines

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "task", "dataset", "model", "codec", "qf", "restorer",
    "metric", "value", "ci_low", "ci_high", "images",
    "minus_jpeg", "minus_jpeg_low", "minus_jpeg_high", "p_jpeg",
    "minus_best", "minus_best_low", "minus_best_high", "p_best",
]  # fmt: skip
"""The columns of the long form."""


def long_form(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    detail: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a number, columns `COLUMNS`.

    A restorer that sees the uncompressed image (`original`) has one cell; its value stands in the
    row of every codec and QF of the grid. mAP, mIoU and their kin are in percent, PSNR in dB,
    SSIM in 0..1, all at full precision. ``ci_low`` and ``ci_high`` bound the 95 % interval;
    ``minus_jpeg`` and ``minus_best`` are the paired differences from the line's ``jpeg`` and from
    its best, with their intervals; ``p_jpeg`` and ``p_best`` belong to them, corrected over the
    table. What does not exist is empty. Cells stand in the manifest's order.

    Args:
        directory: the run directory.
        keys: the cells wanted; all by default.
        detail: every metric, per class too, instead of the ones a table shows.
        draws: of the bootstrap; 0 leaves intervals and p-values empty.
        seed: of the draws.
    """
    import pandas as pd

    results = {result.cell.key: result for result in measure(directory, keys)}
    conditions, lines = table_lines(directory.manifest(), list(results.values()), detail)
    evidence = load_bootstrap(directory, keys, draws, seed) if draws and lines else {}
    verdicts = assess(lines, evidence, draws, seed).lines
    at = {key: number for number, key in enumerate(results)}
    rows, order = [], []
    for condition, line, known in zip(conditions, lines, verdicts, strict=True):
        for name, key in line.cells.items():
            result = results[key]
            cell, task = result.cell, registry.tasks().get(result.cell.task)
            codec, qf = condition or (cell.codec, None)
            unit = scaled(task, line.metric, 1.0)
            head = [cell.task, cell.dataset, cell.model, codec, qf, name, line.metric]
            value = scaled(task, line.metric, result.metrics[line.metric])
            found = _verdict(known.get(name, SignificanceTest()), unit)
            rows.append([*head, value, *found[:2], result.images, *found[2:]])
            order.append((at[key], conditions.index(condition)))
    by_cell = sorted(range(len(rows)), key=order.__getitem__)
    frame = pd.DataFrame([rows[number] for number in by_cell], columns=COLUMNS)
    frame["qf"] = frame["qf"].astype("Int64")
    return frame.astype(dict.fromkeys([*COLUMNS[8:10], *COLUMNS[11:]], "float64"))


def _verdict(verdict: SignificanceTest, unit: float) -> list[float]:
    """What is known of a number, columns ``ci_low``, ``ci_high`` and those after ``images``."""
    own = [unit * end for end in verdict.interval]
    return [
        *own,
        *(*_paired(verdict.against_jpeg, unit), verdict.p_jpeg),
        *(*_paired(verdict.against_best, unit), verdict.p_best),
    ]


def _paired(gap: Difference | None, unit: float) -> list[float]:
    """A difference and the ends of its interval."""
    return [math.nan] * 3 if gap is None else [unit * one for one in (gap.value, *gap.interval)]
