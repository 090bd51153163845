"""Every image of a run by itself: its own score, fidelity and size in each cell, packed small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.metrics import CellResult, scaled
from harness.plugins import registry
from harness.plugins.task import Task
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest
from harness.report.page.tables import condition_labels
from harness.study.study import Condition

Packed = list[int | str | None]

Cells = dict[str, dict[str, Packed]]

FIDELITY = {
    "psnr": ("PSNR", 2, "dB"),
    "ssim": ("SSIM", 3, ""),
    "psnr_y": ("PSNR-Y", 2, "dB"),
    "ssim_y": ("SSIM-Y", 3, ""),
}
"""Keys of a record's ``fidelity``: what they are called here, decimals kept, unit."""

_BPP_DIGITS = 3


class Failure(NamedTuple):
    """An image that is not in the numbers.

    Attributes:
        image: its id.
        reason: a sentence.
        cells: the number of cells it failed in, so.
        of: the number of cells.
    """

    image: str
    reason: str
    cells: int
    of: int


def group_failures(results: Sequence[CellResult]) -> tuple[Failure, ...]:
    """The failed images by id, one entry a reason."""
    counted: dict[tuple[str, str], int] = {}
    for result in results:
        for image, reason in result.failed.items():
            counted[image, reason] = counted.get((image, reason), 0) + 1
    return tuple(
        Failure(image, reason, cells, len(results))
        for (image, reason), cells in sorted(counted.items())
    )


def image_data(
    manifest: Manifest,
    directory: RunDirectory,
    results: Sequence[CellResult],
    bootstraps: Mapping[str, BootstrapResult],
) -> Json:
    """What the page's table of images is made of, JSON-serialisable.

    Numbers are whole: a value times ten to the power of its digits; null where there is none, the
    string ``inf`` for the PSNR of an image that equals its original. What the uncompressed images
    score stands under every QF. Fidelity does not depend on the task and is kept once.

    Returns:
        ``{"ids": [...], "qfs": [...], "references": [...], "what": [{"name", "unit", "digits",
        "cells"}, ...], "bpp": {QF: [...]}, "bpp_digits": 3}``, where ``cells`` is QF, then
        restorer, to one number an image in the order of ``ids``.
    """
    ids = sorted({image for result in bootstraps.values() for image in result.images})
    labels = condition_labels(manifest, results)
    fidelity, bpp = _all_fidelity(directory, results, labels, ids)
    what = _all_scores(results, bootstraps, labels, ids)
    for key, cells in fidelity.items():
        name, digits, unit = FIDELITY[key]
        what.append({"name": name, "unit": unit, "digits": digits, "cells": cells})
    return {
        "ids": ids,
        "qfs": list(labels.values()),
        "references": [n for n, entry in manifest.restorers.items() if entry.reference],
        "what": what,
        "bpp": bpp,
        "bpp_digits": _BPP_DIGITS,
    }


def _all_scores(
    results: Sequence[CellResult],
    bootstraps: Mapping[str, BootstrapResult],
    labels: Mapping[Condition, str],
    ids: Sequence[str],
) -> list[Json]:
    """The image's own score, an entry a task; not of a task whose score is in every record."""
    tasks = registry.tasks()
    scores: dict[str, Cells] = {}
    for result in results:
        bootstrap = bootstraps.get(result.cell.key)
        if bootstrap is None or len(bootstrap.each) != len(bootstrap.images):
            continue
        packed = _scores(tasks.get(result.cell.task), bootstrap, ids)
        for label in labels.values() if result.condition is None else [labels[result.condition]]:
            table = scores.setdefault(result.cell.task, {}).setdefault(label, {})
            table[result.cell.restorer] = packed
    entries = []
    for name, cells in scores.items():
        task = tasks.get(name)
        if task.metric in {fidelity for fidelity, _, _ in FIDELITY.values()}:
            continue
        unit = "%" if scaled(task, task.metric, 1.0) == 100.0 else ""
        title, digits = f"{name}: {task.metric} of the image", task.digits.get(task.metric, 1)
        entries.append({"name": title, "unit": unit, "digits": digits, "cells": cells})
    return entries


def _scores(task: type[Task], bootstrap: BootstrapResult, ids: Sequence[str]) -> Packed:
    digits, unit = task.digits.get(task.metric, 1), scaled(task, task.metric, 1.0)
    by_image = dict(zip(bootstrap.images, bootstrap.each.tolist(), strict=True))
    return [pack(unit * by_image.get(image, math.nan), digits) for image in ids]


def _all_fidelity(
    directory: RunDirectory,
    results: Sequence[CellResult],
    labels: Mapping[Condition, str],
    ids: Sequence[str],
) -> tuple[dict[str, Cells], dict[str, Packed]]:
    """By key of `FIDELITY`, and the bits per pixel, which no restorer changes."""
    fidelity: dict[str, Cells] = {}
    bpp: dict[str, Packed] = {}
    read: set[tuple[str, str]] = set()
    for result in results:
        restorer = result.cell.restorer
        if result.condition is None or (labels[result.condition], restorer) in read:
            continue
        label = labels[result.condition]
        read.add((label, restorer))
        of_cell, sizes = _fidelity(directory, result.cell, ids)
        for key, packed in of_cell.items():
            fidelity.setdefault(key, {}).setdefault(label, {})[restorer] = packed
        known = bpp.get(label, sizes)  # an image may have failed in the cell read first
        bpp[label] = [b if a is None else a for a, b in zip(known, sizes, strict=True)]
    return fidelity, bpp


def _fidelity(
    directory: RunDirectory, cell: CellEntry, ids: Sequence[str]
) -> tuple[dict[str, Packed], Packed]:
    """The figures of `FIDELITY` that the cell's records have, and the bits per pixel."""
    records = directory.records(cell)
    fidelity = {}
    for key, (_, digits, _) in FIDELITY.items():
        values = [records[image].fidelity.get(key) if image in records else None for image in ids]
        if any(value is not None for value in values):
            fidelity[key] = [pack(value, digits) for value in values]
    sizes = [pack(records[image].bpp if image in records else None, _BPP_DIGITS) for image in ids]
    return fidelity, sizes


def pack(value: float | str | None, digits: int) -> int | str | None:
    """A number as `image_data` keeps it; records have ``inf`` and ``nan`` as strings."""
    number = math.nan if value is None else float(value)
    if math.isnan(number):
        return None
    return round(number * 10**digits) if math.isfinite(number) else str(number)
