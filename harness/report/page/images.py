"""Every image of a run by itself: its own score, fidelity and size in each cell, packed small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.metrics import CellResult, scaled
from harness.plugins import registry
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest
from harness.report.page.tables import place_labels
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


@dataclass(frozen=True)
class Failure:
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
    evidence: Mapping[str, BootstrapResult],
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
    ids = tuple(sorted({image for one in evidence.values() for image in one.images}))
    labels = place_labels(manifest, results)
    fidelity, bpp = _all_fidelity(directory, results, labels, ids)
    what = _all_scores(results, evidence, labels, ids)
    for key, cells in fidelity.items():
        name, digits, unit = FIDELITY[key]
        what.append({"name": name, "unit": unit, "digits": digits, "cells": cells})
    return {
        "ids": list(ids),
        "qfs": list(labels.values()),
        "references": [name for name, one in manifest.restorers.items() if one.reference],
        "what": what,
        "bpp": bpp,
        "bpp_digits": _BPP_DIGITS,
    }


def _all_scores(
    results: Sequence[CellResult],
    evidence: Mapping[str, BootstrapResult],
    labels: Mapping[Condition, str],
    ids: Sequence[str],
) -> list[Json]:
    """The image's own score, an entry a task; not of a task whose score is in every record."""
    tasks = registry.tasks()
    scores: dict[str, Cells] = {}
    for result in results:
        one = evidence.get(result.cell.key)
        if one is None or len(one.each) != len(one.images):
            continue
        packed = _scores(tasks.get(result.cell.task), one, ids)
        for label in labels.values() if result.condition is None else [labels[result.condition]]:
            table = scores.setdefault(result.cell.task, {}).setdefault(label, {})
            table[result.cell.restorer] = packed
    found = []
    for task, cells in scores.items():
        kind = tasks.get(task)
        if kind.metric in {name for name, _, _ in FIDELITY.values()}:
            continue
        unit = "%" if scaled(kind, kind.metric, 1.0) == 100.0 else ""
        name, digits = f"{task}: {kind.metric} of the image", kind.digits.get(kind.metric, 1)
        found.append({"name": name, "unit": unit, "digits": digits, "cells": cells})
    return found


def _scores(kind: Any, one: BootstrapResult, ids: Sequence[str]) -> Packed:
    digits = kind.digits.get(kind.metric, 1)
    each = dict(zip(one.images, one.each.tolist(), strict=True))
    unit = scaled(kind, kind.metric, 1.0)
    return [pack(unit * each.get(image, math.nan), digits) for image in ids]


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
        found, sizes = _fidelity(directory, result.cell, ids)
        for key, packed in found.items():
            fidelity.setdefault(key, {}).setdefault(label, {})[restorer] = packed
        known = bpp.get(label, sizes)  # an image may have failed in the cell read first
        bpp[label] = [b if a is None else a for a, b in zip(known, sizes, strict=True)]
    return fidelity, bpp


def _fidelity(
    directory: RunDirectory, cell: CellEntry, ids: Sequence[str]
) -> tuple[dict[str, Packed], Packed]:
    """The figures of `FIDELITY` that the cell's records have, and the bits per pixel."""
    records = directory.records(cell)
    found = {}
    for key, (_, digits, _) in FIDELITY.items():
        values = [records[image].fidelity.get(key) if image in records else None for image in ids]
        if any(value is not None for value in values):
            found[key] = [pack(value, digits) for value in values]
    sizes = [pack(records[image].bpp if image in records else None, _BPP_DIGITS) for image in ids]
    return found, sizes


def pack(value: Any, digits: int) -> int | str | None:
    """A number as `image_data` keeps it; records have ``inf`` and ``nan`` as strings."""
    number = math.nan if value is None else float(value)
    if math.isnan(number):
        return None
    return round(number * 10**digits) if math.isfinite(number) else str(number)
