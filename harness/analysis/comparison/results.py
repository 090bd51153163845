"""What a comparison is made of: rows, bootstrap results behind them, the largest changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.pairing import CellPair, Pairing
from harness.analysis.inference import Interval
from harness.plugins.types import Json

MEAN = "mean"
"""What stands for the QF of a row that is the mean over the QFs."""


class Tally(NamedTuple):
    """How the images fared one by one, by the task's headline metric of each alone.

    Attributes:
        wins: images better in B.
        ties: images exactly equal, or without a value in both.
        losses: images worse in B.
        undefined: images with a value in one alone; they are in none of the others.
    """

    wins: int
    ties: int
    losses: int
    undefined: int


@dataclass(frozen=True)
class ComparisonRow:
    """One comparison. Values are as printed: percent, dB, or the metric's own unit.

    Attributes:
        task, metric: names.
        restorers: of A and of B.
        codec: codec name, empty where neither was compressed.
        qf: None where neither was compressed, `MEAN` for the mean over the QFs.
        a, b: the values of A and of B on the images both have.
        difference: b - a.
        interval: 95 %, of the difference; NaN where there is none.
        p: two-sided; NaN where nothing can be said.
        corrected: p after Holm, over the rows of the comparison.
        tally: of the images; None for a metric that is not the task's headline metric.
        images: both have.
        digits: decimals printed.
        scale: what 1 in the task's unit is as printed, 100 for a percentage.
        ranked: whether more is better.
        headline: whether its metric is the task's own.
        results: of A and of B, on the same images.
    """

    task: str
    metric: str
    restorers: tuple[str, str]
    codec: str
    qf: int | str | None
    a: float
    b: float
    difference: float
    interval: Interval
    p: float
    corrected: float
    tally: Tally | None
    images: int
    digits: int
    scale: float
    ranked: bool
    headline: bool
    results: tuple[BootstrapResult, BootstrapResult] = field(repr=False, compare=False)

    @property
    def unit(self) -> str:
        """Of a difference: ``points`` of a percentage, ``dB``, or nothing."""
        if self.scale != 1:
            return "points"
        return "dB" if "PSNR" in self.metric else ""

    @property
    def identical(self) -> bool:
        """Whether no draw differs, so that there is nothing to test (Tarone 1990)."""
        return self.difference == 0 and self.interval == (0, 0)


@dataclass(frozen=True)
class ComparedPair:
    """The bootstrap results of a pair, on the images both cells have.

    Attributes:
        pair: the cells.
        metric: the task's headline metric.
        digits: decimals printed of it.
        scale: what 1 in the task's unit is as printed.
        a, b: the results of the first and of the second.
        lost: images that are in A's numbers and not in B's.
        gained: the other way round.
    """

    pair: CellPair
    metric: str
    digits: int
    scale: float
    a: BootstrapResult
    b: BootstrapResult
    lost: tuple[str, ...]
    gained: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Two operands compared.

    Attributes:
        a, b: the operands.
        rows: the comparisons, in the order of printing.
        compared_pairs: the pairs of cells they are made from.
        pairing: of the cells, with what is in one operand alone.
        unmeasured: pairs that A has images of and B has none of those.
        notes: what a reader must know.
        draws: of the bootstrap.
        seed: of the draws.
    """

    a: Operand
    b: Operand
    rows: tuple[ComparisonRow, ...]
    compared_pairs: tuple[ComparedPair, ...]
    pairing: Pairing
    unmeasured: tuple[CellPair, ...]
    notes: tuple[str, ...]
    draws: int
    seed: int

    @property
    def tests(self) -> int:
        """The number of p-values that were corrected together."""
        return sum(not math.isnan(row.p) and not row.identical for row in self.rows)

    @property
    def heads(self) -> tuple[str, str]:
        """What columns call the operands."""
        pairs = {row.restorers for row in self.rows}
        a, b = next(iter(pairs))
        return (a, b) if len(pairs) == 1 and a != b else ("A", "B")


@dataclass(frozen=True)
class LargestChange:
    """An image, where its own headline metric changed most.

    Attributes:
        task: task name.
        metric: the task's headline metric.
        image: image id.
        codec: codec name, empty where neither was compressed.
        qf: None where neither was compressed.
        a, b: the metric of this image alone in A and in B, as printed.
        change: b - a.
        restorer_a, restorer_b: of A and of B.
        digits: decimals printed.
    """

    task: str
    metric: str
    image: str
    codec: str
    qf: int | None
    a: float
    b: float
    change: float
    restorer_a: str
    restorer_b: str
    digits: int

    @property
    def restorers(self) -> tuple[str, str]:
        """Of A and of B."""
        return self.restorer_a, self.restorer_b

    @property
    def condition(self) -> tuple[str, str, int | None, tuple[str, str]]:
        """What one panel can show: task, codec, QF and restorers."""
        return self.task, self.codec, self.qf, self.restorers

    def as_json(self) -> Json:
        """All but the digits."""
        return {name: value for name, value in asdict(self).items() if name != "digits"}


def largest_changes(comparison: Comparison, top: int) -> tuple[LargestChange, ...]:
    """Of each task the ``top`` images that changed most, at the codec and QF where they did.

    Where they all changed in one direction, the one that changed most in the other follows.
    Tasks without a row are left out.
    """
    changes: list[LargestChange] = []
    for task in dict.fromkeys(compared.pair.task for compared in comparison.compared_pairs):
        if all(row.task != task for row in comparison.rows):
            continue
        furthest: dict[tuple[str, bool], LargestChange] = {}
        for compared in (c for c in comparison.compared_pairs if c.pair.task == task):
            for change in _changes(compared):
                key = (change.image, change.change > 0)
                if key not in furthest or abs(change.change) > abs(furthest[key].change):
                    furthest[key] = change
        changes += _first(sorted(furthest.values(), key=lambda c: (-abs(c.change), c.image)), top)
    return tuple(changes)


def _first(ordered: Sequence[LargestChange], top: int) -> list[LargestChange]:
    """The first ``top``, each image once, and the first of a direction that is not among them."""
    of_image = {change.image: change for change in reversed(ordered)}
    chosen = [change for change in ordered if of_image[change.image] is change][:top]
    for gains in (True, False):
        if chosen and all((change.change > 0) != gains for change in chosen):
            chosen += [change for change in ordered if (change.change > 0) == gains][:1]
    return chosen


def _changes(compared: ComparedPair) -> Iterator[LargestChange]:
    pair, scale = compared.pair, compared.scale
    for image, left, right in zip(
        compared.a.images, compared.a.each, compared.b.each, strict=False
    ):
        a, b = scale * float(left), scale * float(right)
        if a != b and not math.isnan(b - a):
            yield LargestChange(
                task=pair.task,
                metric=compared.metric,
                image=image,
                codec=pair.codec,
                qf=pair.qf,
                a=a,
                b=b,
                change=b - a,
                restorer_a=pair.restorers[0],
                restorer_b=pair.restorers[1],
                digits=compared.digits,
            )
