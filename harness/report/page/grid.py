"""A table of the page: labels down, columns across, every number with what is known of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.metrics import printed

Groups = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Number:
    """One number of a grid, as printed.

    Attributes:
        text: with the digits of its metric; an en dash where there is none.
        value: to sort by, in the printed unit, rounded as printed; None: there is none.
        below: what stands under it: its interval or its difference; nothing.
        p: the corrected p-value in words, or nothing.
        rank: 1 the best of its line, 2 the second, 0 the rest.
        marks: `SAME_AS_JPEG`, `SAME_AS_BEST`, both or nothing.
        sign: 1, -1 or 0, of a difference.
        ends: of the interval of a difference; None: there is none.
        significant: of a difference: whether it is, corrected.
    """

    text: str
    value: float | None
    below: str = ""
    p: str = ""
    rank: int = 0
    marks: str = ""
    sign: int = 0
    ends: tuple[float, float] | None = None
    significant: bool = False


@dataclass(frozen=True)
class GridLine:
    """One line of a grid.

    Attributes:
        labels: what stands before the numbers.
        metric: its name.
        qf: what the QF filter compares, as printed.
        numbers: by column.
    """

    labels: tuple[str, ...]
    metric: str
    qf: str
    numbers: Mapping[str, Number]


@dataclass(frozen=True)
class PageTable:
    """A table of the page.

    Attributes:
        id: of the HTML element, unique in the page.
        task: its name, for the filter.
        caption: what it shows.
        heads: of the labels' columns.
        groups: group label and its columns, in order; those without numbers too.
        lines: the rows.
        footnote: a sentence below it, or nothing.
    """

    id: str
    task: str
    caption: str
    heads: tuple[str, ...]
    groups: Groups
    lines: tuple[GridLine, ...]
    footnote: str = ""

    @property
    def restorers(self) -> tuple[str, ...]:
        """The columns of numbers."""
        return tuple(name for _, names in self.groups for name in names)

    @property
    def qfs(self) -> tuple[str, ...]:
        """The QFs of its lines, in their order."""
        return tuple(dict.fromkeys(line.qf for line in self.lines))


def groups_with_numbers(groups: Groups, lines: Sequence[GridLine]) -> Groups:
    """The columns in which a line has a number."""
    columns = {name for line in lines for name in line.numbers}
    kept = ((label, tuple(name for name in names if name in columns)) for label, names in groups)
    return tuple((label, names) for label, names in kept if names)


def p_text(p: float) -> str:
    """A p-value as printed: three decimals, smaller ones as such; nothing where there is none."""
    if math.isnan(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def signed_text(value: float, digits: int) -> str:
    """A difference as printed: with its sign, unless it is printed as zero."""
    return printed(value, digits, "+") if sign(value, digits) else printed(0.0, digits)


def span(ends: Sequence[float] | None, digits: int, between: str = "–", signs: bool = False) -> str:
    """An interval as printed; nothing where there is none."""
    if ends is None or any(math.isnan(end) for end in ends):
        return ""
    return between.join(signed_text(end, digits) if signs else printed(end, digits) for end in ends)


def sort_value(value: float | None, digits: int) -> float | None:
    """A number to sort by: rounded as printed; None where it is not finite."""
    return None if value is None or not math.isfinite(value) else round(value, digits)


def ranked_value(value: float | None, digits: int) -> float | None:
    """As `sort_value`; infinity, which is better than any number, stays."""
    return value if value == math.inf else sort_value(value, digits)


def sign(value: float, digits: int) -> int:
    """1, -1 or 0, of a number as printed."""
    rounded = 0.0 if math.isnan(value) else value if math.isinf(value) else round(value, digits)
    return (rounded > 0) - (rounded < 0)
