"""A table laid out for print: what every format renders, whatever the table is of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.analysis.metrics import printed
from harness.analysis.significance import SignificanceTest
from harness.report.tables.table import Row, Table

MEASURED, PUBLISHED, DIFFERENCE = "measured", "paper", "measured − paper"
"""What a printed line is of, where the paper's figures stand beside the measured ones."""

PLAIN_HEAD = ("task", "metric", "QF")


@dataclass(frozen=True)
class SheetLine:
    """One line of a table.

    Attributes:
        labels: what stands before the numbers, one a column of `Sheet.head`.
        row: the numbers.
        published: the paper's figures, by column; none where it gives none.
        facts: what the numbers are of (``task``, ``dataset``, ``model``, ``codec``, ``qf``,
            ``metric``), for the long form.
        images: images in each number, by column.
        verdicts: what is known of each number, in the task's unit, by column.
        restorers: whose the number is, by column, where the column is called otherwise.
    """

    labels: tuple[str, ...]
    row: Row
    published: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, SignificanceTest] = field(default_factory=dict)
    restorers: dict[str, str] = field(default_factory=dict)

    def difference(self, column: str) -> float | None:
        """Measured minus published, in the printed unit; None where one of them is missing."""
        ours, theirs = self.row.values.get(column), self.published.get(column)
        if ours is None or theirs is None or math.isnan(ours):
            return None
        return ours - theirs

    def text(self, column: str, kind: str = MEASURED) -> str:
        """A number as printed; an en dash where there is none.

        Args:
            column: of the table.
            kind: `MEASURED`, `PUBLISHED` or `DIFFERENCE`.
        """
        if kind == MEASURED:
            return self.row.text(column)
        if kind == PUBLISHED:
            return printed(self.published.get(column), self.row.digits)
        found = self.difference(column)
        if found is not None and math.isfinite(found):
            found = round(found, self.row.digits) + 0.0  # no negative zero
        return printed(found, self.row.digits, sign="+")


@dataclass(frozen=True)
class Sheet:
    """A table laid out.

    Attributes:
        name: such as ``Table IV``; empty for the table of a run directory.
        title: what it is of, and measured on what.
        head: the headings of the label columns.
        groups: group heading, which may be empty, and its columns, in order.
        headings: of the columns, by column; the column itself where there is none.
        lines: the lines.
        notes: what a reader must know.
        legend: what intervals and marks mean.
        comparison: the sentence that says what the paper's figures are of; empty: none are shown.
        stacked: leading label columns that print as one where width is dear.
        across: what the columns are: ``restorer``, or ``metric`` where restorers go down.
    """

    name: str
    title: tuple[str, ...]
    head: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    headings: dict[str, str]
    lines: tuple[SheetLine, ...]
    notes: tuple[str, ...] = ()
    legend: tuple[str, ...] = ()
    comparison: str = ""
    stacked: int = 1
    across: str = "restorer"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers."""
        return tuple(name for _, names in self.groups for name in names)

    def heading(self, column: str) -> str:
        """What stands above a column."""
        return self.headings.get(column, column)

    @property
    def heads(self) -> tuple[str, ...]:
        """The lines above the table, the name first, the paper's comparison last."""
        first, *rest = self.title
        named = f"{self.name}. {first}" if self.name else first
        return (named, *rest, self.comparison) if self.comparison else (named, *rest)

    def below(self, intervals: bool = True) -> tuple[str, ...]:
        """All that stands below the table; without what ± means where no interval is printed."""
        legend = (line for line in self.legend if intervals or not line.startswith("±"))
        return (*legend, *self.notes)

    def printed_lines(self) -> Iterator[tuple[tuple[str, ...], str, SheetLine]]:
        """Labels, kind and line of all that is printed; the paper's figures follow the measured.

        The labels have one more entry, the kind, where the paper's figures are shown.
        """
        for line in self.lines:
            if not self.comparison:
                yield line.labels, MEASURED, line
                continue
            for kind in (MEASURED, PUBLISHED, DIFFERENCE):
                yield (*line.labels, kind), kind, line

    @property
    def printed_head(self) -> tuple[str, ...]:
        """The headings of what `printed_lines` labels."""
        return (*self.head, "") if self.comparison else self.head


def sheet_from_table(table: Table) -> Sheet:
    """The table of one run directory as a sheet."""
    lines = tuple(SheetLine(row.labels, row) for row in table.rows)
    title = table.title
    return Sheet("", title, PLAIN_HEAD, table.groups, {}, lines, table.notes, table.legend)


def spans(labels: Sequence[tuple[str, ...]], column: int) -> list[tuple[int, int]]:
    """The runs of lines that agree in a label column and in all before it.

    Args:
        labels: of the lines.
        column: index of the label column.

    Returns:
        First line and length of each run.
    """
    found: list[tuple[int, int]] = []
    for index, label in enumerate(labels):
        if found and labels[index - 1][: column + 1] == label[: column + 1]:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((index, 1))
    return found
