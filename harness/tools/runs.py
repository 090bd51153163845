"""The run directories below a folder, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.analysis.metrics import headline, measure, printed, scaled
from harness.errors import HarnessError, UserError
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest
from harness.report.tables.model import text_table
from harness.report.tables.text import render_text

_HEAD = ("run", "data set", "tasks", "QFs", "images", "cells", "updated", "headline")
_DEPTH = 3
"""Folders between the folder that is named and a run directory, at most."""


def runs_text(folder: Path) -> str:
    """The runs below a folder, latest first: study, cells done, date and one number.

    Args:
        folder: a folder of run directories, or one of them.

    Raises:
        UserError: there is no such folder, or no run below it.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Name one with run directories in it.")
    paths = sorted(_run_paths(folder), key=_updated, reverse=True)
    if not paths:
        raise UserError(f"There is no run below {folder}. Make one with 'harness run'.")
    lines, broken = [], []
    for path in paths:
        try:
            lines.append(_line(path, folder))
        except HarnessError as error:
            broken.append(f"Cannot be read: {error}")
    return render_text(text_table((), [_HEAD, *lines] if lines else [], notes=broken))


def _run_paths(folder: Path) -> Iterator[Path]:
    for depth in range(_DEPTH + 1):
        for manifest in folder.glob("*/" * depth + "manifest.json"):
            yield manifest.parent


def _updated(path: Path) -> float:
    return (path / "manifest.json").stat().st_mtime


def _line(path: Path, folder: Path) -> tuple[str, ...]:
    directory = RunDirectory(path)
    manifest = directory.manifest()
    images = manifest.data_set.images
    done = sum(len(directory.records(cell)) >= images for cell in manifest.cells)
    qfs = sorted({cell.qf for cell in manifest.cells if cell.qf is not None})
    return (
        str(path.relative_to(folder)) if path != folder else str(path),
        manifest.data_set.name,
        ", ".join(dict.fromkeys(cell.task for cell in manifest.cells)),
        ",".join(map(str, qfs)),
        str(images),
        f"{done} of {len(manifest.cells)}",
        manifest.updated[:16].replace("T", " "),
        _headline(directory, manifest),
    )


def _headline(directory: RunDirectory, manifest: Manifest) -> str:
    """The first task at its lowest QF: what compression leaves, and the best restorer."""
    row = _first_row(manifest)
    results = measure(directory, {cell.key for cell in row})
    if not results:
        return "nothing measured"
    task = registry.tasks().get(row[0].task)
    name = headline(task, {name for result in results for name in result.metrics})
    values = {
        result.cell.restorer: scaled(task, name, result.metrics[name])
        for result in results
        if name in result.metrics
    }
    if not values:
        return "nothing measured"
    digits = task.digits.get(name, 1)
    best = max(values, key=lambda restorer: values[restorer])
    said = f"QF {row[0].qf}: " if row[0].qf is not None else ""
    if "jpeg" in values and best != "jpeg":
        said += f"jpeg {printed(values['jpeg'], digits)}, "
    return f"{name} {said}{best} {printed(values[best], digits)}"


def _first_row(manifest: Manifest) -> list[CellEntry]:
    """The compressed cells of the first task, codec and lowest QF; the first cell without any."""
    compressed = [cell for cell in manifest.cells if cell.qf is not None]
    if not compressed:
        return list(manifest.cells[:1])
    first = min(compressed, key=lambda cell: cell.qf or 0)
    return [
        cell
        for cell in compressed
        if (cell.task, cell.codec, cell.qf) == (compressed[0].task, first.codec, first.qf)
    ]
