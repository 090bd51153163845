"""How much each image changes between two restorers, by the records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.metrics import headline, scaled
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry


@dataclass(frozen=True)
class Changes:
    """Two restorers' values of each image, in printed units.

    Attributes:
        metric: what the values are of, in words.
        digits: decimals printed.
        images: ids.
        a, b: (images,) values; NaN where undefined.
    """

    metric: str
    digits: int
    images: tuple[str, ...]
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    def any(self) -> bool:
        """Whether any image changes."""
        return bool(((self.a != self.b) & np.isfinite(self.a) & np.isfinite(self.b)).any())


def measure_changes(
    directory: RunDirectory, pair: Sequence[CellEntry], per_image: bool = True
) -> Changes:
    """The headline metric of each image alone; PSNR where there is none, or not ``per_image``."""
    task = registry.tasks().get(pair[0].task)
    evidence = load_bootstrap(directory, [cell.key for cell in pair])
    sides = []
    for cell in pair:
        item = evidence.get(cell.key)
        each = item.each if item is not None else np.empty(0)
        names = item.images if item is not None else ()
        sides.append(dict(zip(names, each.tolist(), strict=False)) if len(each) else {})
    name = headline(task, {name for item in evidence.values() for name in item.values})
    metric, digits, unit = f"own {name}", task.digits.get(name, 1), scaled(task, name, 1.0)
    if not per_image or not all(sides):
        sides = [_psnr(directory, cell) for cell in pair]
        metric, digits, unit = "PSNR", 2, 1.0
    images = tuple(image for image in sides[0] if image in sides[1])
    a, b = (np.asarray([side[image] for image in images]) * unit for side in sides)
    return Changes(metric, digits, images, a, b)


def _psnr(directory: RunDirectory, cell: CellEntry) -> dict[str, float]:
    records = directory.records(cell)
    return {
        image: record.fidelity.get("psnr", record.fidelity.get("psnr_y", math.nan))
        for image, record in sorted(records.items())
        if not record.failed
    }


def split(
    change: NDArray[np.float64], top: int, worst: bool = False
) -> tuple[list[int], list[int]]:
    """The places of the largest rises and of the largest falls, largest first.

    Half of ``top`` each, one more rise where it is odd; where one kind has too few, the other
    fills up. Equal changes come in the order of the places; none and undefined ones never.

    Args:
        change: (images,) differences.
        top: how many places in all.
        worst: only falls.
    """
    valid = np.isfinite(change)
    order = np.argsort(np.where(valid, -change, 0.0), kind="stable")
    rises = [int(condition) for condition in order if valid[condition] and change[condition] > 0]
    order = np.argsort(np.where(valid, change, 0.0), kind="stable")
    falls = [int(condition) for condition in order if valid[condition] and change[condition] < 0]
    if worst:
        return [], falls[:top]
    up = min(len(rises), max((top + 1) // 2, top - len(falls)))
    return rises[:up], falls[: top - up]
