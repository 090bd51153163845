"""What can be said of the differences in a table: intervals, p-values, corrected for being many."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.bootstrap import BootstrapResult, SubsetResults
from harness.analysis.differences import Difference, differences
from harness.analysis.inference import NO_INTERVAL, Interval, holm
from harness.analysis.resampling import DRAWS

BASELINE = "jpeg"
"""The restorer that does nothing, which every other is compared with."""


@dataclass(frozen=True)
class Line:
    """One line of a table, by restorer: a metric at one codec and QF.

    Attributes:
        metric: its name.
        cells: cell key by restorer.
        ranked: the restorers whose differences are tested.
        incomplete: those of them that are on fewer images than the line (`metrics.incomplete`),
            and cannot be its best.
    """

    metric: str
    cells: Mapping[str, str]
    ranked: tuple[str, ...]
    incomplete: Collection[str] = ()

    @property
    def competing(self) -> tuple[str, ...]:
        """The restorers that compete."""
        return tuple(name for name in self.ranked if name not in self.incomplete)


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
    """The tests of a table.

    Attributes:
        lines: by line of the table, in its order: restorer to test.
        against_jpeg: the number of differences from ``jpeg`` that were tested together.
        pairs: the number of differences between any two of a line that were tested together.
        images: the fewest images that an interval stands on; 0 without intervals.
    """

    lines: tuple[dict[str, SignificanceTest], ...]
    against_jpeg: int = 0
    pairs: int = 0
    images: int = 0


def assess(
    lines: Sequence[Line],
    results: Mapping[str, BootstrapResult],
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
        results: by cell key (`harness.analysis.bootstrap.load_bootstrap`), with the same
            draws and seed.
        draws: of the bootstrap, for pairs whose images are not the same.
        seed: of the draws.
    """
    tests: list[dict[str, SignificanceTest]] = []
    # Of each family the p-values, and the line and restorer each belongs to.
    from_jpeg: list[tuple[float, int, str]] = []
    of_pairs: list[tuple[float, int, str]] = []
    subsets: SubsetResults = {}
    for number, line in enumerate(lines):
        of_line = {name: results[key] for name, key in line.cells.items() if key in results}
        drawn = {name: result for name, result in of_line.items() if line.metric in result.draws}
        line_tests = {n: SignificanceTest(r.interval(line.metric)) for n, r in drawn.items()}
        tests.append(line_tests)
        best = _best(line, of_line)
        ranked = [name for name in line.ranked if name in drawn]
        for a, b in itertools.combinations(sorted(ranked, key=lambda name: name != BASELINE), 2):
            pair = (drawn[a], drawn[b], (line.metric,), draws, seed, subsets)
            difference = differences(*pair).get(line.metric)
            p = math.nan if difference is None else difference.p
            other = b if a == best else a if b == best else ""
            of_pairs.append((p, number, other))
            if other and difference is not None:
                from_best = difference if a == best else difference.reversed()
                line_tests[other].against_best = from_best
            if a == BASELINE:
                line_tests[b].against_jpeg = difference
                from_jpeg.append((p, number, b))
    for p, number, name in _corrected(from_jpeg):
        tests[number][name].p_jpeg = p
    for p, number, name in _corrected(of_pairs):
        if name:
            tests[number][name].p_best = p
    return Assessment(
        lines=tuple(tests),
        against_jpeg=sum(not math.isnan(p) for p, _, _ in from_jpeg),
        pairs=sum(not math.isnan(p) for p, _, _ in of_pairs),
        images=min((len(r.images) for r in results.values() if r.draws), default=0),
    )


def _corrected(family: Sequence[tuple[float, int, str]]) -> list[tuple[float, int, str]]:
    """The family with its p-values corrected; NaN, which is no test, stays."""
    corrected = holm([p for p, _, _ in family])
    return [(p, line, name) for p, (_, line, name) in zip(corrected, family, strict=True)]


def _best(line: Line, results: Mapping[str, BootstrapResult]) -> str:
    """The restorer with the highest value; the first of equal ones; none of a line of one."""
    values = {
        name: results[name].values[line.metric]
        for name in line.competing
        if name in results and not math.isnan(results[name].values.get(line.metric, math.nan))
    }
    return max(values, key=lambda name: values[name]) if len(values) > 1 else ""
