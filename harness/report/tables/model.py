"""The one table: what every format is made from, whatever the table is of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.analysis.inference import Interval
from harness.analysis.metrics import CellResult, printed
from harness.analysis.significance import Assessment, SignificanceTest

SAME_AS_JPEG = "†"
"""Marks a value whose difference from ``jpeg``'s is not significant."""

SAME_AS_BEST = "‡"
"""Marks a value whose difference from the row's best is not significant."""

MEASURED, PUBLISHED, DIFFERENCE = "measured", "paper", "measured − paper"
"""What a printed line is of, where the paper's figures stand beside the measured ones."""

Groups = tuple[tuple[str, tuple[str, ...]], ...]
"""Group heading, which may be empty, and its columns, in order."""


@dataclass(frozen=True)
class Row:
    """One line of a table. Mappings are by column; a column that is not in one has none.

    Attributes:
        labels: what stands before the numbers, one a column of `Table.head`.
        values: numbers as printed (percent or dB).
        digits: decimals printed.
        ranked: columns that compete for best and second (`original` does not).
        intervals: 95 % intervals as printed.
        marks: what is said of a difference: `SAME_AS_JPEG`, `SAME_AS_BEST`, both or nothing.
        texts: what is printed where it is no plain number.
        counts: images of the numbers that are on fewer than the row, and do not compete.
        published: the paper's figures.
        unit: what 1 in the task's unit is as printed, 100 for a percentage.
        facts: what the numbers are of (``task``, ``metric``, ``qf``...), for the long form.
        cells: the measured cells the numbers are from.
        tests: what is known of each number and its differences, in the task's unit.
    """

    labels: tuple[str, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    digits: int = 1
    ranked: tuple[str, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    unit: float = 1.0
    facts: Mapping[str, str | int | None] = field(default_factory=dict)
    cells: Mapping[str, CellResult] = field(default_factory=dict)
    tests: Mapping[str, SignificanceTest] = field(default_factory=dict)

    def number(self, column: str, kind: str = MEASURED) -> float | None:
        """The measured number, the paper's, or the first minus the second; None without it."""
        measured, published = self.values.get(column), self.published.get(column)
        if kind != DIFFERENCE:
            return measured if kind == MEASURED else published
        if measured is None or published is None or math.isnan(measured):
            return None
        return measured - published

    def text(self, column: str, kind: str = MEASURED) -> str:
        """A number as printed; an en dash where there is none.

        Args:
            column: of the table.
            kind: `MEASURED`, `PUBLISHED` or `DIFFERENCE`.
        """
        value = self.number(column, kind)
        if kind == MEASURED and column in self.texts:
            return self.texts[column]
        if kind != DIFFERENCE:
            return printed(value, self.digits) + (self.count(column) if kind == MEASURED else "")
        if value is not None and math.isfinite(value):
            value = round(value, self.digits) + 0.0  # no negative zero
        return printed(value, self.digits, sign="+")

    def count(self, column: str) -> str:
        """How many images a number is on, where these are fewer than the row's; else nothing."""
        return f" (n = {self.counts[column]})" if column in self.counts else ""

    def half(self, column: str) -> str:
        """Half the width of the interval, with its sign; nothing where there is none."""
        if column not in self.intervals:
            return ""
        low, high = self.intervals[column]
        return f"±{printed((high - low) / 2, self.digits)}"

    def rank(self, column: str) -> int:
        """1 for the best, 2 for the second (ties share, as printed), 0 for the rest.

        Infinity, the PSNR of images equal to their originals, is better than any number.
        """
        if column not in self.ranked or column not in self.values:
            return 0
        values = [self.values[name] for name in self.ranked if name in self.values]
        shown = {round(value, self.digits) for value in values if not math.isnan(value)}
        first = sorted(shown, reverse=True)[:2]
        value = round(self.values[column], self.digits)
        return first.index(value) + 1 if len(first) == 2 and value in first else 0


@dataclass(frozen=True)
class Table:
    """A table ready to be printed.

    Attributes:
        title: what was measured on what, with which models; or what the table is of.
        groups: the columns of numbers.
        rows: the lines.
        notes: what a reader must know: subsets, failures, incomplete cells.
        legend: what the intervals and marks mean.
        head: the headings of the label columns.
        name: such as ``Table IV``; empty for the table of a run directory.
        headings: of the columns; the column itself where there is none.
        comparison: the sentence that says what the paper's figures are of; empty: none are shown.
        stacked: leading label columns that print as one where width is dear.
        assessment: how the differences of its rows were tested.
        across: what the columns are: ``restorer``, or ``metric`` where restorers go down.
        columns_called: what Markdown calls the columns before it lists their groups.
        narrow: headings may stand over the marks, as in the paper's many columns.
        plain: a list rather than a table of results: no rule below its heading, and every label in
            every line.
    """

    title: tuple[str, ...]
    groups: Groups
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    legend: tuple[str, ...] = ()
    head: tuple[str, ...] = ("task", "metric", "QF")
    name: str = ""
    headings: Mapping[str, str] = field(default_factory=dict)
    comparison: str = ""
    stacked: int = 1
    assessment: Assessment = field(default_factory=lambda: Assessment(()))
    across: str = "restorer"
    columns_called: str = ""
    narrow: bool = False
    plain: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers."""
        return tuple(name for _, names in self.groups for name in names)

    @property
    def restorers(self) -> tuple[str, ...]:
        """The columns of a table whose columns are restorers."""
        return self.columns

    @property
    def ranked(self) -> bool:
        """Whether any number is a best or a second one."""
        return any(row.rank(name) for row in self.rows for name in self.columns)

    def heading(self, column: str) -> str:
        """What stands above a column."""
        return self.headings.get(column, column)

    @property
    def heads(self) -> tuple[str, ...]:
        """The lines above the table, the name first, the paper's comparison last."""
        first, *rest = self.title or ("",)
        named = f"{self.name}. {first}" if self.name else first
        return tuple(filter(None, (named, *rest, self.comparison)))

    def legend_lines(self, intervals: bool = True) -> tuple[str, ...]:
        """The legend; without what ± means where no interval is printed."""
        return tuple(line for line in self.legend if intervals or not line.startswith("±"))

    @property
    def printed_head(self) -> tuple[str, ...]:
        """The headings of what `printed_lines` labels."""
        return (*self.head, "") if self.comparison else self.head

    def printed_lines(self) -> Iterator[tuple[tuple[str, ...], str, Row]]:
        """Labels, kind and row of all that is printed; the paper's figures follow the measured.

        The labels have one more entry, the kind, where the paper's figures are shown.
        """
        for row in self.rows:
            if not self.comparison:
                yield row.labels, MEASURED, row
                continue
            for kind in (MEASURED, PUBLISHED, DIFFERENCE):
                yield (*row.labels, kind), kind, row


def measured_only(table: Table) -> Table:
    """The table without the rows and columns in which nothing was measured."""
    rows = tuple(row for row in table.rows if _measured(row))
    names = {name for row in rows for name in _measured(row)}
    groups = tuple(
        (label, tuple(name for name in columns if name in names)) for label, columns in table.groups
    )
    return replace(table, rows=rows, groups=tuple(group for group in groups if group[1]))


def _measured(row: Row) -> list[str]:
    return [name for name, value in row.values.items() if not math.isnan(value)]


def text_table(
    title: Sequence[str],
    lines: Sequence[Sequence[str]],
    legend: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    """A list of texts as a table.

    Args:
        title: the lines above it.
        lines: its lines, head first; the first two columns are labels. None: words alone.
        legend: the lines below it.
        notes: those below the legend.
    """
    head, *body = lines or [()]
    columns = tuple(str(number) for number in range(2, len(head)))
    return Table(
        title=tuple(title),
        groups=(("", columns),),
        rows=tuple(
            Row(tuple(line[:2]), texts=dict(zip(columns, line[2:], strict=True))) for line in body
        ),
        notes=tuple(notes),
        legend=tuple(legend),
        head=tuple(head[:2]),
        headings=dict(zip(columns, head[2:], strict=True)),
        plain=True,
    )


def spans(labels: Sequence[tuple[str, ...]], column: int) -> list[tuple[int, int]]:
    """The runs of lines that agree in a label column and in all before it.

    Args:
        labels: of the lines.
        column: index of the label column.

    Returns:
        First line and length of each run.
    """
    runs: list[tuple[int, int]] = []
    for index, label in enumerate(labels):
        if runs and labels[index - 1][: column + 1] == label[: column + 1]:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((index, 1))
    return runs
