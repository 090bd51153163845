"""From records on disk to numbers: a pure function of the run directory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assets.reading import load_json
from harness.plugins import Task, reference_metrics, registry
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
        measured: ids of the images in the number.
        lossless: those whose pixels are equal to the originals', so that their PSNR is infinite.
        tiled: those that were restored in tiles because memory ran out.
    """

    cell: CellEntry
    metrics: dict[str, float]
    images: int
    failed: dict[str, str]
    expected: int
    bpp: float
    measured: frozenset[str] = frozenset()
    lossless: tuple[str, ...] = ()
    tiled: tuple[str, ...] = ()

    @property
    def condition(self) -> Condition:
        """Codec and QF; None where nothing was compressed."""
        return None if self.cell.qf is None else (self.cell.codec, self.cell.qf)


def measure(directory: RunDirectory, keys: Collection[str] | None = None) -> list[CellResult]:
    """Compute the metrics of the cells of a run directory.

    Args:
        directory: the records.
        keys: the cells wanted (`Cell.key`); all by default.

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
        state = cell_state_hash(directory, cell, task.version)
        records = directory.records(cell)
        good = {image: record for image, record in records.items() if not record.failed}
        if not records:
            continue
        failed = {image: r.error for image, r in records.items() if r.error is not None}
        metrics = _metrics(directory, task, cell, good, state) if good else {}
        expected = manifest.data_set.images
        bpp = math.fsum(r.bpp or 0.0 for r in good.values()) / max(len(good), 1)
        results.append(
            CellResult(
                cell=cell,
                metrics=metrics,
                images=len(good),
                failed=failed,
                expected=expected,
                bpp=bpp,
                measured=frozenset(good),
                lossless=tuple(i for i, r in good.items() if math.inf in r.fidelity.values()),
                tiled=tuple(i for i, r in good.items() if r.tile is not None),
            )
        )
    return results


def incomplete(row: Mapping[str, CellResult]) -> dict[str, int]:
    """The cells of a row that are not on all of its images, with how many they are on.

    Their numbers are of other images than those beside them, and cannot compete with them.

    Args:
        row: the cells that compete, by restorer.
    """
    images = frozenset().union(*(result.measured for result in row.values()))
    return {name: r.images for name, r in row.items() if r.measured != images}


def list_conditions(results: list[CellResult]) -> list[Condition]:
    """The codecs and QFs of the results, codecs as they come, QFs rising; [None] without any."""
    conditions = [result.condition for result in results if result.condition is not None]
    codecs = list(dict.fromkeys(codec for codec, _ in conditions))
    ordered: list[Condition] = [*sorted(set(conditions), key=lambda c: (codecs.index(c[0]), c[1]))]
    return ordered or [None]


def _metrics(
    directory: RunDirectory,
    task: Task,
    cell: CellEntry,
    records: dict[str, Record],
    state: str,
) -> dict[str, float]:
    """The task's metrics, from the cache when it is of the same ``state``."""
    path = directory.path / "metrics" / f"{cell.key}.{cell.fingerprint[:12]}.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        cached = load_json(path.read_text(encoding="utf-8"))
        if cached["state"] == state:
            return {name: float(value) for name, value in cached["metrics"].items()}
    metrics: dict[str, float] = task.metrics(records, directory.truth(cell.task))
    content = json.dumps({"state": state, "metrics": finite(metrics)})
    write_cache(path, content.encode())
    return metrics


def write_cache(path: Path, content: bytes) -> None:
    """A file that only saves time: a run directory that cannot be written to can still be read."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(content)
        temporary.replace(path)


def cell_state_hash(directory: RunDirectory, cell: CellEntry, version: str) -> str:
    """A hash of all that a cell's metrics are computed from, for caches of them."""
    digest = hashlib.sha256(version.encode())
    if reference_metrics():
        digest.update(b"by the reference implementation")
    digest.update(directory.record_file(cell).content_hash().encode())
    truth = directory.truth_path(cell.task)
    if truth.is_file():
        digest.update(truth.read_bytes())
    return digest.hexdigest()


def printed(value: float | None, digits: int, sign: str = "-") -> str:
    """A number as tables show it; an en dash where there is none. ``sign="+"`` always signs."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:{sign}.{digits}f}"


def counted(count: int, thing: str) -> str:
    """A number of things in words: ``1 pair``, ``2 pairs``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def scaled(task: Task | type[Task], metric: str, value: float) -> float:
    """``value`` in the unit that is printed: percent, unless the task names decimals for it."""
    return value if metric in task.digits else 100.0 * value


def headline(task: Task | type[Task], names: Container[str]) -> str:
    """The headline metric of a task among ``names``: in a run of luma alone, that of luma."""
    known = (task.metric, *task.displayed_metrics)
    return str(next((name for name in known if name in names), task.metric))


def latest_run(root: Path) -> Path | None:
    """The run directory under ``root`` whose manifest changed last, or None.

    One of several data sets of a study lies a folder deeper than the study of one.
    """
    paths = (*root.glob("*/manifest.json"), *root.glob("*/*/manifest.json"))
    manifests = sorted(paths, key=lambda path: path.stat().st_mtime)
    return manifests[-1].parent if manifests else None
