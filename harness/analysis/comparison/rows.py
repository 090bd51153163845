"""What a comparison is made of: its rows, the evidence behind them, the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.pairing import CellPair, Pairing
from harness.analysis.inference import Interval

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
        task: task name.
        metric: metric name.
        restorers: of A and of B.
        codec: codec name, empty where neither was compressed.
        qf: None where neither was compressed, `MEAN` for the mean over the QFs.
        a: the value of A on the images both have.
        b: the value of B on them.
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
        evidence: of A and of B, on the same images.
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
    evidence: tuple[BootstrapResult, BootstrapResult] = field(repr=False, compare=False)

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
    """The evidence of a pair, on the images both cells have.

    Attributes:
        pair: the cells.
        metric: the task's headline metric.
        digits: decimals printed of it.
        scale: what 1 in the task's unit is as printed.
        a: evidence of the first.
        b: of the second.
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
    """Two sides compared.

    Attributes:
        a: the first side.
        b: the second.
        rows: the comparisons, in the order of printing.
        places: the pairs of cells they are made from.
        pairing: of the cells, with what is in one side alone.
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
        """What columns call the sides."""
        pairs = {row.restorers for row in self.rows}
        one, other = next(iter(pairs))
        return (one, other) if len(pairs) == 1 and one != other else ("A", "B")
