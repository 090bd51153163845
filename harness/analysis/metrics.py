"""From records on disk to numbers: a pure function of the run directory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Collection, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.plugins import registry
from harness.plugins.record import Record
from harness.records.atomic import finite
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
from harness.study.study import Condition

GROUPS = {None: "reference", True: "multi-model", False: "single-model"}
"""Table IV's groups: one network a QF, or one for all."""


@dataclass(frozen=True)
class CellResult:
    """A cell measured.

    Attributes:
        cell: its entry in the manifest.
        metrics: metric name to value, fractions (dB for PSNR).
        images: images in the number.
        failed: image id to the sentence saying why it is not in the number.
        expected: images the study asks for.
        bpp: mean bits per pixel of the images in the number.
    """

    cell: CellEntry
    metrics: dict[str, float]
    images: int
    failed: dict[str, str]
    expected: int
    bpp: float

    @property
    def condition(self) -> Condition:
        """Codec and QF; None where nothing was compressed."""
        return None if self.cell.qf is None else (self.cell.codec, self.cell.qf)


def measure(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    only: Collection[str] | None = None,
) -> list[CellResult]:
    """Compute the metrics of the cells of a run directory.

    Args:
        directory: the records.
        keys: the cells wanted (`Cell.key`); all by default.
        only: image ids to restrict to, for paired comparisons.

    Returns:
        One result a cell, in the manifest's order; cells without records are left out.
    """
    manifest = directory.manifest()
    tasks = registry.tasks()
    results = []
    for cell in manifest.cells:
        if keys is not None and cell.key not in keys:
            continue
        task = tasks.get(cell.task)()
        # Taken before the records are read: what a run appends in between is of a later state,
        # so that a number is never cached for more records than it was made from.
        state = cell_state_hash(directory, cell, task.version) if only is None else None
        records = directory.records(cell)
        if only is not None:
            records = {image: record for image, record in records.items() if image in only}
        good = {image: record for image, record in records.items() if not record.failed}
        if not records:
            continue
        failed = {image: r.error for image, r in records.items() if r.error is not None}
        metrics = _metrics(directory, task, cell, good, state) if good else {}
        expected = len(only) if only is not None else int(manifest.data_set.images)
        bpp = math.fsum(r.bpp or 0.0 for r in good.values()) / max(len(good), 1)
        results.append(CellResult(cell, metrics, len(good), failed, expected, bpp))
    return results


def list_conditions(results: list[CellResult]) -> list[Condition]:
    """The codecs and QFs of the results, codecs as they come, QFs rising; [None] without any."""
    conditions = [result.condition for result in results if result.condition is not None]
    codecs = list(dict.fromkeys(codec for codec, _ in conditions))
    found: list[Condition] = [*sorted(set(conditions), key=lambda p: (codecs.index(p[0]), p[1]))]
    return found or [None]


def _metrics(
    directory: RunDirectory,
    task: Any,
    cell: CellEntry,
    records: dict[str, Record],
    state: str | None,
) -> dict[str, float]:
    """The task's metrics, from the cache when it is of the same ``state`` (None: no cache)."""
    path = directory.path / "metrics" / f"{cell.key}.{cell.fingerprint[:12]}.json"
    if state is not None:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            held = json.loads(path.read_text(encoding="utf-8"))
            if held["state"] == state:
                return {name: float(value) for name, value in held["metrics"].items()}
    metrics: dict[str, float] = task.metrics(records, directory.truth(cell.task))
    if state is not None:
        # Only a cache: a run directory that cannot be written to can still be read.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps({"state": state, "metrics": finite(metrics)}))
            temporary.replace(path)
    return metrics


def cell_state_hash(directory: RunDirectory, cell: CellEntry, version: str) -> str:
    """A hash of all that a cell's metrics are computed from, for caches of them."""
    digest = hashlib.sha256(version.encode())
    records = directory.records_path(cell)
    for path in (records, directory.truth_path(cell.task)):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def printed(value: float | None, digits: int, sign: str = "-") -> str:
    """A number as tables show it; an en dash where there is none. ``sign="+"`` always signs."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:{sign}.{digits}f}"


def scaled(task: Any, metric: str, value: float) -> float:
    """``value`` in the unit that is printed: percent, unless the task names decimals for it."""
    return value if metric in task.digits else 100.0 * value


def headline(task: Any, names: Container[str]) -> str:
    """The headline metric of a task among ``names``: in a run of luma alone, that of luma."""
    known = (task.metric, *task.displayed_metrics)
    return str(next((name for name in known if name in names), task.metric))


def latest_run(root: Path) -> Path | None:
    """The run directory under ``root`` whose manifest changed last, or None.

    One of several data sets of a study lies a folder deeper than the study of one.
    """
    found = (*root.glob("*/manifest.json"), *root.glob("*/*/manifest.json"))
    manifests = sorted(found, key=lambda path: path.stat().st_mtime)
    return manifests[-1].parent if manifests else None
