"""How much each image changes between two restorers, by the records, and that in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.metrics import headline, printed, scaled
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry


@dataclass(frozen=True)
class Changes:
    """Two restorers' values of each image, in printed units.

    Attributes:
        between: names of the two.
        metric: what the values are of, in words.
        digits: decimals printed.
        images: ids.
        a, b: (images,) values; NaN where undefined.
    """

    between: tuple[str, str]
    metric: str
    digits: int
    images: tuple[str, ...]
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    def any(self) -> bool:
        """Whether any image changes."""
        return bool(((self.a != self.b) & np.isfinite(self.a) & np.isfinite(self.b)).any())

    def describe(self, index: int) -> str:
        """Both values of an image, by its place in ``images``, and which way they go."""
        a, b = float(self.a[index]), float(self.b[index])
        verb = "rises" if b > a else "falls"
        if a == b or math.isnan(a) or math.isnan(b):
            verb = "goes"
        return f"{self.metric} {verb} from {printed(a, self.digits)} to {printed(b, self.digits)}"

    def reason_asked(self, image: str) -> str:
        """Why an image is shown that the user named."""
        a, b = self.between
        if image not in self.images:
            return f"Asked for; {a} and {b} are not both recorded for it."
        return f"Asked for; from {a} to {b} its {self.describe(self.images.index(image))}."

    def largest(self, top: int, worst: bool) -> list[tuple[str, str]]:
        """The images helped and hurt most, with the reason; none where none changes."""
        with np.errstate(invalid="ignore"):
            change = self.b - self.a
        count = int(np.isfinite(change).sum())
        images = "image" if count == 1 else "images"
        reasons = []
        for verb, indices in zip(("gains", "loses"), split(change, top, worst), strict=True):
            for rank, index in enumerate(indices, start=1):
                most = "most" if rank == 1 else f"{_ordinal(rank)} most"
                reason = (
                    f"Of {count} {images} this one {verb} {most} from {self.between[0]} to "
                    f"{self.between[1]}: its {self.describe(index)}."
                )
                reasons.append((self.images[index], reason))
        return reasons


def measure_changes(
    directory: RunDirectory, pair: Sequence[CellEntry], per_image: bool = True
) -> Changes:
    """The headline metric of each image alone; PSNR where there is none, or not ``per_image``."""
    task = registry.tasks().get(pair[0].task)
    results = load_bootstrap(directory, [cell.key for cell in pair])
    scores: list[dict[str, float]] = []
    for cell in pair:
        result = results.get(cell.key)
        images, each = ((), []) if result is None else (result.images, result.each.tolist())
        scores.append(dict(zip(images, each, strict=False)))
    name = headline(task, {name for result in results.values() for name in result.values})
    metric, digits, unit = f"own {name}", task.digits.get(name, 1), scaled(task, name, 1.0)
    if not per_image or not all(scores):
        scores = [_psnr(directory, cell) for cell in pair]
        metric, digits, unit = "PSNR", 2, 1.0
    both = tuple(image for image in scores[0] if image in scores[1])
    a, b = (np.asarray([by_image[image] for image in both]) * unit for by_image in scores)
    return Changes(
        between=(pair[0].restorer, pair[1].restorer),
        metric=metric,
        digits=digits,
        images=both,
        a=a,
        b=b,
    )


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
    """The places of the largest rises and the largest falls of (images,) differences, in order.

    Half of ``top`` each, one more rise where it is odd; where one kind has too few, the other
    fills up. Equal changes come in the order of the places; none and undefined ones never. With
    ``worst`` only falls.
    """
    finite = np.where(np.isfinite(change), change, 0.0)
    rises = [int(index) for index in np.argsort(-finite, kind="stable") if finite[index] > 0]
    falls = [int(index) for index in np.argsort(finite, kind="stable") if finite[index] < 0]
    if worst:
        return [], falls[:top]
    up = min(len(rises), max((top + 1) // 2, top - len(falls)))
    return rises[:up], falls[: top - up]


def _ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th..."""
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
