"""What to do, in plain sentences: which restorer to put in front, and where none is shown to help.

Every claim is a paired difference with its 95 % interval and a corrected p-value; what is not
significant comes with the loss that it could hide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.comparison.results import MEAN, Comparison, ComparisonRow
from harness.analysis.differences import Difference
from harness.analysis.inference import ALPHA, Interval
from harness.analysis.metrics import printed
from harness.analysis.significance import SignificanceTest
from harness.plugins import registry
from harness.report.tables.model import Row, Table
from harness.text import join_words

Milliseconds = Mapping[str, float]
"""Median milliseconds of restoring an image, by cell key."""


@dataclass(frozen=True)
class _Choice:
    """What a row says of its QF.

    Attributes:
        row: of the table.
        restorer: to put in front; where none is shown to help, the one with the highest value.
        helps: whether it is significantly better than ``jpeg``.
        equals: restorers whose difference from it is not significant, themselves shown to help.
    """

    row: Row
    restorer: str
    helps: bool
    equals: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """The restorers that can be put in front."""
        return (self.restorer, *self.equals) if self.helps else ()

    def gain(self, restorer: str) -> Difference:
        """The difference of one from ``jpeg``."""
        difference = self.row.tests[restorer].against_jpeg
        assert difference is not None
        return difference


def answers(table: Table, milliseconds: Milliseconds) -> tuple[str, ...]:
    """What the table says an engineer should do, a sentence or two a task and codec.

    Args:
        table: of a run directory, with its tests.
        milliseconds: of the cells.

    Returns:
        Nothing for a task whose differences were not tested.
    """
    said = []
    for (task, metric), rows in _headline_rows(table).items():
        choices = [choice for choice in map(_choose, rows) if choice is not None]
        sentences = [*_to_do(choices, metric, milliseconds), *_not_shown(choices)]
        if sentences:
            title = registry.tasks().get(task).title.partition(" (")[0]
            said.append(f"{title}: {' '.join(sentences)}")
    return tuple(said)


def comparison_answer(comparison: Comparison) -> tuple[str, ...]:
    """What a comparison says of B in A's place, a sentence a task and pair of restorers."""
    if not comparison.draws:
        return ()
    groups: dict[tuple[str, str, tuple[str, str]], list[ComparisonRow]] = {}
    for row in comparison.rows:
        tested = row.headline and row.qf != MEAN and not math.isnan(row.corrected)
        if tested and not row.identical:
            groups.setdefault((row.task, row.codec, row.restorers), []).append(row)
    several = len({restorers for _, _, restorers in groups}) > 1
    return tuple(_compared(rows, several) for rows in groups.values())


def _headline_rows(table: Table) -> dict[tuple[str, str], list[Row]]:
    """The compressed rows of each task's first metric."""
    first: dict[str, str] = {}
    for row in table.rows:
        first.setdefault(row.labels[0], row.labels[1])
    found: dict[tuple[str, str], list[Row]] = {}
    for row in table.rows:
        if row.labels[1] == first[row.labels[0]]:
            found.setdefault((row.labels[0], row.labels[1]), []).append(row)
    return found


def _choose(row: Row) -> _Choice | None:
    tested = {
        name: test
        for name, test in row.tests.items()
        if test.against_jpeg is not None and not math.isnan(test.p_jpeg) and name in row.ranked
    }
    if not tested:
        return None
    best = max(tested, key=lambda name: row.values.get(name, -math.inf))
    helping = {
        name
        for name, test in tested.items()
        if test.p_jpeg < ALPHA and test.against_jpeg is not None and test.against_jpeg.value > 0
    }
    equals = tuple(n for n in helping - {best} if tested[n].p_best >= ALPHA)
    ordered = tuple(name for name in row.ranked if name in equals)
    return _Choice(row, best, best in helping, ordered)


def _to_do(choices: Sequence[_Choice], metric: str, milliseconds: Milliseconds) -> Iterator[str]:
    """What to put in front: as few restorers as can be, each where it does as well as the best."""
    open_ones = [choice for choice in choices if choice.helps]
    while open_ones:
        restorer = max(
            (name for choice in open_ones for name in choice.options),
            key=lambda name: _worth(name, open_ones),
        )
        served = [choice for choice in open_ones if restorer in choice.options]
        open_ones = [choice for choice in open_ones if restorer not in choice.options]
        yield _advice(restorer, served, metric, milliseconds)


def _worth(restorer: str, choices: Sequence[_Choice]) -> tuple[int, float]:
    """At how many QFs it can be put in front, and its gain there."""
    gains = [choice.gain(restorer).value for choice in choices if restorer in choice.options]
    return len(gains), sum(gains)


def _advice(
    restorer: str, served: Sequence[_Choice], metric: str, milliseconds: Milliseconds
) -> str:
    qfs = [choice.row.labels[2] for choice in served]
    gains = join_words([_gain(choice.gain(restorer), choice.row) for choice in served])
    keys = [choice.row.cells[restorer].cell.key for choice in served]
    times = [milliseconds[key] for key in keys if key in milliseconds]
    cost = f", for {printed(sum(times) / len(times), 0)} ms an image" if times else ""
    others = [
        name
        for name in served[0].options
        if name != restorer and all(name in choice.options for choice in served)
    ]
    also = ""
    if others:
        verb = "does" if len(others) == 1 else "do"
        also = f" ({join_words(others)} {verb} as well, as far as these images tell)"
    return f"At QF {join_words(qfs)} put {restorer} in front: {gains} {metric}{cost}{also}."


def _gain(difference: Difference, row: Row) -> str:
    return (
        f"{printed(row.unit * difference.value, row.digits, '+')} "
        f"{_interval(difference.interval, row.unit, row.digits)}"
    )


def _not_shown(choices: Sequence[_Choice]) -> Iterator[str]:
    """Where nothing is shown to help, and the loss that is excluded."""
    rest = [choice for choice in choices if not choice.helps]
    if not rest:
        return
    qfs = join_words([choice.row.labels[2] for choice in rest])
    excluded = []
    for choice in rest:
        loss = hidden_loss(choice.row.tests[choice.restorer], choice.row)
        if loss:
            excluded.append(f"{loss} with {choice.restorer} at QF {choice.row.labels[2]}")
    tail = f"; a loss of more than {join_words(excluded)} is excluded" if excluded else ""
    yield f"At QF {qfs} no restorer is shown to help{tail}."


def hidden_loss(test: SignificanceTest, row: Row) -> str:
    """The largest loss against ``jpeg`` inside a difference's interval, as printed.

    Nothing where there is no interval.
    """
    if test.against_jpeg is None or math.isnan(test.against_jpeg.interval.low):
        return ""
    return printed(max(0.0, -row.unit * test.against_jpeg.interval.low), row.digits)


def _compared(rows: Sequence[ComparisonRow], several: bool) -> str:
    """One sentence on the QFs of one task and pair of restorers."""
    a, b = rows[0].restorers
    if a == b:
        a, b = (f"A's {a}", f"B's {b}") if several else ("A", "B")
    better = [row for row in rows if row.corrected < ALPHA and row.difference > 0]
    worse = [row for row in rows if row.corrected < ALPHA and row.difference < 0]
    same = [row for row in rows if row.corrected >= ALPHA]
    metric, task = rows[0].metric, rows[0].task
    parts = []
    if better:
        parts.append(f"{b} in the place of {a} gains {_at_each(better, metric)}")
    if worse:
        what = "it loses" if parts else f"{b} in the place of {a} loses"
        parts.append(f"{what} {_at_each(worse, metric)}")
    if same:
        hidden = max(max(0.0, -row.interval.low) for row in same)
        gained = max(max(0.0, row.interval.high) for row in same)
        digits = same[0].digits
        parts.append(
            f"at {_condition(same)} no difference is shown, and a loss of more than "
            f"{printed(hidden, digits)} or a gain of more than {printed(gained, digits)} "
            f"{metric} is excluded"
        )
    return f"In {task}, {'; '.join(parts)}."


def _at_each(rows: Sequence[ComparisonRow], metric: str) -> str:
    said = [
        f"{printed(abs(row.difference), row.digits)} {metric} at {_condition([row])} "
        f"{_interval(row.interval, 1.0, row.digits)}"
        for row in rows
    ]
    return join_words(said)


def _condition(rows: Sequence[ComparisonRow]) -> str:
    qfs = [str(row.qf) for row in rows if row.qf is not None]
    return f"QF {join_words(qfs)}" if qfs else "no compression"


def _interval(ends: Interval, unit: float, digits: int) -> str:
    if math.isnan(ends.low):
        return "(no interval)"
    low, high = (printed(unit * end, digits, "+") for end in ends)
    return f"[{low}, {high}]"
