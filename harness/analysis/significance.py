"""What can be said of the differences in a table: intervals, p-values, corrected for being many."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.bootstrap import BootstrapResult, Difference, Kept, differences
from harness.analysis.draws import DRAWS
from harness.analysis.inference import NO_INTERVAL, Interval, holm

BASELINE = "jpeg"
"""The restorer that does nothing, which every other is held against."""


@dataclass(frozen=True)
class Line:
    """One line of a table, by restorer: a metric at one codec and QF.

    Attributes:
        metric: its name.
        cells: cell key by restorer.
        ranked: the restorers that compete.
    """

    metric: str
    cells: Mapping[str, str]
    ranked: tuple[str, ...]


@dataclass
class SignificanceTest:
    """What is known of one number.

    Attributes:
        interval: 95 %, in the task's unit; NaN where there is none.
        against_jpeg: paired difference from the row's ``jpeg``; None for itself, and where one is
            missing.
        p_jpeg: of that difference, corrected; NaN where there is none.
        against_best: paired difference from the row's best; None for the best itself.
        p_best: of that difference, corrected for the best's having been chosen; NaN where there
            is none.
    """

    interval: Interval = NO_INTERVAL
    against_jpeg: Difference | None = None
    p_jpeg: float = math.nan
    against_best: Difference | None = None
    p_best: float = math.nan


@dataclass(frozen=True)
class Assessment:
    """The verdicts of a table.

    Attributes:
        lines: by line of the table, in its order: restorer to verdict.
        against_jpeg: the number of differences from ``jpeg`` that were tested together.
        pairs: the number of differences between any two of a line that were tested together.
        images: the fewest images that an interval stands on; 0 without intervals.
    """

    lines: tuple[dict[str, SignificanceTest], ...]
    against_jpeg: int = 0
    pairs: int = 0
    images: int = 0


@dataclass
class _Tests:
    """A family of tests and where their p-values belong."""

    conditions: list[tuple[int, str]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, line: int, restorer: str, p: float) -> None:
        if not math.isnan(p):
            self.conditions.append((line, restorer))
            self.values.append(p)

    def corrected(self) -> Iterable[tuple[int, str, float]]:
        for (line, restorer), p in zip(self.conditions, holm(self.values), strict=True):
            yield line, restorer, p


def assess(
    lines: Sequence[Line],
    evidence: Mapping[str, BootstrapResult],
    draws: int = DRAWS,
    seed: int = 0,
) -> Assessment:
    """Intervals of every number of a table and tests of its differences.

    All differences from ``jpeg`` in the table are one family of tests, corrected after Holm (1979).
    The best of a line is chosen by the numbers it is tested with; so another family holds the
    differences of all pairs of a line, whichever turns out best, and those from the best are read
    off it.

    Args:
        lines: of the table.
        evidence: by cell key (`harness.analysis.bootstrap.load_bootstrap`), with the same
            draws and seed.
        draws: of the bootstrap, for pairs whose images are not the same.
        seed: of the draws.
    """
    verdicts: list[dict[str, SignificanceTest]] = []
    from_jpeg, of_pairs = _Tests(), _Tests()
    kept: Kept = {}
    for number, line in enumerate(lines):
        held = {name: evidence[key] for name, key in line.cells.items() if key in evidence}
        known = {name: one for name, one in held.items() if line.metric in one.draws}
        verdicts.append(
            {name: SignificanceTest(one.interval(line.metric)) for name, one in known.items()}
        )
        best = _best(line, held)
        ranked = [name for name in line.ranked if name in known]
        for a, b in itertools.combinations(sorted(ranked, key=lambda name: name != BASELINE), 2):
            pair = (known[a], known[b], (line.metric,), draws, seed, kept)
            found = differences(*pair).get(line.metric)
            p = math.nan if found is None else found.p
            other = b if a == best else a if b == best else ""
            of_pairs.add(number, other, p)
            if other and found is not None:
                verdicts[number][other].against_best = found if a == best else found.reversed()
            if a == BASELINE:
                verdicts[number][b].against_jpeg = found
                from_jpeg.add(number, b, p)
    for number, name, p in from_jpeg.corrected():
        verdicts[number][name].p_jpeg = p
    for number, name, p in of_pairs.corrected():
        if name:
            verdicts[number][name].p_best = p
    counted = [len(one.images) for one in evidence.values() if one.draws]
    return Assessment(
        tuple(verdicts), len(from_jpeg.values), len(of_pairs.values), min(counted, default=0)
    )


def _best(line: Line, held: Mapping[str, BootstrapResult]) -> str:
    """The restorer with the highest value; the first of equal ones; none of a line of one."""
    values = {
        name: held[name].values[line.metric]
        for name in line.ranked
        if name in held and not math.isnan(held[name].values.get(line.metric, math.nan))
    }
    return max(values, key=lambda name: values[name]) if len(values) > 1 else ""
