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
from harness.records.schema import Manifest
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
    counts: dict[tuple[str, str], int] = {}
    for result in results:
        for image, reason in result.failed.items():
            counts[image, reason] = counts.get((image, reason), 0) + 1
    return tuple(
        Failure(image, reason, cells, len(results))
        for (image, reason), cells in sorted(counts.items())
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
    scores: dict[str, Cells] = {}
    for result in results:
        bootstrap, task = bootstraps.get(result.cell.key), _task(result.cell.task)
        if bootstrap is None or len(bootstrap.each) != len(bootstrap.images):
            continue
        digits, unit = task.digits.get(task.metric, 1), scaled(task, task.metric, 1.0)
        by_image = dict(zip(bootstrap.images, bootstrap.each.tolist(), strict=True))
        packed = [pack(unit * by_image.get(image, math.nan), digits) for image in ids]
        for label in labels.values() if result.condition is None else [labels[result.condition]]:
            cells = scores.setdefault(result.cell.task, {}).setdefault(label, {})
            cells[result.cell.restorer] = packed
    return [
        {
            "name": f"{name}: {_task(name).metric} of the image",
            "unit": "%" if scaled(_task(name), _task(name).metric, 1.0) == 100.0 else "",
            "digits": _task(name).digits.get(_task(name).metric, 1),
            "cells": cells,
        }
        for name, cells in scores.items()
        if _task(name).metric not in {title for title, _, _ in FIDELITY.values()}
    ]


def _task(name: str) -> type[Task]:
    task: type[Task] = registry.tasks().get(name)
    return task


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
        by_image = directory.records(result.cell)
        records = [by_image.get(image) for image in ids]
        for key, (_, digits, _) in FIDELITY.items():
            values = [None if record is None else record.fidelity.get(key) for record in records]
            if any(value is not None for value in values):
                packed = [pack(value, digits) for value in values]
                fidelity.setdefault(key, {}).setdefault(label, {})[restorer] = packed
        sizes = [pack(None if r is None else r.bpp, _BPP_DIGITS) for r in records]
        known = bpp.get(label, sizes)  # an image may have failed in the cell read first
        bpp[label] = [b if a is None else a for a, b in zip(known, sizes, strict=True)]
    return fidelity, bpp


def pack(value: float | str | None, digits: int) -> int | str | None:
    """A number as `image_data` keeps it; records have ``inf`` and ``nan`` as strings."""
    number = math.nan if value is None else float(value)
    if math.isnan(number):
        return None
    return round(number * 10**digits) if math.isfinite(number) else str(number)
