"""Table IV's layout: task, metric, QF down; restorers across, in groups; best and second marked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.analysis.inference import Interval
from harness.analysis.metrics import printed

SAME_AS_JPEG = "†"
"""Marks a value whose difference from ``jpeg``'s is not significant."""

SAME_AS_BEST = "‡"
"""Marks a value whose difference from the row's best is not significant."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        labels: task, metric, QF.
        values: value as printed (percent or dB) by restorer.
        digits: decimals printed.
        ranked: restorers that compete for best and second (`original` does not).
        intervals: 95 % intervals as printed, by restorer; of those that have one.
        marks: what is said of a restorer's difference, by restorer: `SAME_AS_JPEG`,
            `SAME_AS_BEST`, both or nothing.
    """

    labels: tuple[str, str, str]
    values: dict[str, float]
    digits: int
    ranked: tuple[str, ...]
    intervals: dict[str, Interval] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def text(self, restorer: str) -> str:
        """The value as printed; an en dash where there is none."""
        return printed(self.values.get(restorer), self.digits)

    def half(self, restorer: str) -> str:
        """Half the width of the interval, with its sign; nothing where there is none."""
        if restorer not in self.intervals:
            return ""
        low, high = self.intervals[restorer]
        return f"±{printed((high - low) / 2, self.digits)}"

    def rank(self, restorer: str) -> int:
        """1 for the best, 2 for the second (ties share, as printed), 0 for the rest."""
        if restorer not in self.ranked or restorer not in self.values:
            return 0
        shown = sorted(
            {
                round(self.values[name], self.digits)
                for name in self.ranked
                if name in self.values and math.isfinite(self.values[name])
            },
            reverse=True,
        )
        value = round(self.values[restorer], self.digits)
        if len(shown) < 2 or value not in shown[:2]:
            return 0
        return shown.index(value) + 1


@dataclass(frozen=True)
class Table:
    """A table ready to be printed.

    Attributes:
        title: what was measured on what, with which models.
        groups: group label and its restorers, in order.
        rows: the lines.
        notes: what a reader must know: subsets, failures, incomplete cells.
        legend: what the intervals and marks mean.
    """

    title: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    legend: tuple[str, ...] = ()

    @property
    def restorers(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(name for _, names in self.groups for name in names)
