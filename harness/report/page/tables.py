"""Tables as the page shows them: restorers across, every number with what is known of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.analysis.inference import ALPHA
from harness.analysis.metrics import CellResult, list_conditions, printed, scaled
from harness.analysis.significance import Assessment
from harness.plugins import registry
from harness.records.schema import Manifest
from harness.report.tables.model import Row, Table
from harness.study.study import Condition, Study

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
        numbers: by restorer.
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
        groups: group label and its restorers, in order.
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


@dataclass(frozen=True)
class TaskTables:
    """What the page says of one task.

    Attributes:
        task: its name.
        title: as tables call it.
        values: the table itself.
        differences: from ``jpeg``, with intervals and corrected p-values; None without any.
        classes: a metric per class and QF, with the difference from ``jpeg``; None without.
    """

    task: str
    title: str
    values: PageTable
    differences: PageTable | None = None
    classes: PageTable | None = field(default=None)


def task_tables(
    manifest: Manifest, table: Table, assessment: Assessment, results: Sequence[CellResult]
) -> tuple[TaskTables, ...]:
    """The tables of each task of a run directory.

    Args:
        manifest: of the run directory.
        table: as ``harness table`` prints it.
        assessment: of its rows, in their order.
        results: its cells, measured.
    """
    tasks = registry.tasks()
    found = []
    for number, task in enumerate(dict.fromkeys(row.labels[0] for row in table.rows)):
        kind = tasks.get(task)
        conditions = [k for k, row in enumerate(table.rows) if row.labels[0] == task]
        lines = [_value_line(table.rows[k], table.restorers) for k in conditions]
        values = _grid(f"table-{number}", task, kind.title, table.groups, lines)
        found.append(
            TaskTables(
                task,
                kind.title,
                values,
                _differences(f"differences-{number}", task, kind, table, assessment, conditions),
                _classes(f"classes-{number}", task, kind, manifest, table.groups, results),
            )
        )
    return tuple(found)


def _value_line(row: Row, restorers: Sequence[str]) -> GridLine:
    numbers = {
        name: Number(
            row.text(name),
            _sortable(row.values.get(name), row.digits),
            _span(row.intervals.get(name), row.digits),
            rank=row.rank(name),
            marks=row.marks.get(name, ""),
        )
        for name in restorers
    }
    return GridLine(row.labels[1:], row.labels[1], row.labels[2], numbers)


def _grid(
    id: str, task: str, caption: str, groups: Groups, lines: Sequence[GridLine], footnote: str = ""
) -> PageTable:
    """A grid of metrics and QFs; a metric that stands in every line is said in the caption."""
    metrics = {line.metric for line in lines}
    if len(metrics) > 1:
        return PageTable(id, task, caption, ("metric", "QF"), groups, tuple(lines), footnote)
    short = tuple(replace(line, labels=line.labels[1:]) for line in lines)
    return PageTable(id, task, caption, ("QF",), groups, short, footnote)


def _differences(
    id: str, task: str, kind: Any, table: Table, assessment: Assessment, conditions: Sequence[int]
) -> PageTable | None:
    lines = []
    for condition in conditions:
        row, verdicts = table.rows[condition], assessment.lines[condition]
        unit = scaled(kind, row.labels[1], 1.0)
        numbers = {}
        for name, verdict in verdicts.items():
            gap = verdict.against_jpeg
            if gap is None:
                continue
            ends = (unit * gap.interval.low, unit * gap.interval.high)
            numbers[name] = Number(
                signed(unit * gap.value, row.digits),
                _sortable(unit * gap.value, row.digits),
                _span(ends, row.digits, signs=True),
                p_text(verdict.p_jpeg),
                sign=_sign(unit * gap.value, row.digits),
                ends=None if math.isnan(ends[0]) else ends,
                significant=verdict.p_jpeg < ALPHA,
            )
        if numbers:
            lines.append(GridLine(row.labels[1:], row.labels[1], row.labels[2], numbers))
    held = {name for line in lines for name in line.numbers}
    if not held:
        return None
    groups = _only(table.groups, held)
    footnote = (
        "Paired on the images both have. Below each difference its 95 % interval and its p-value "
        f"after Holm's correction for {assessment.against_jpeg} comparisons."
        if assessment.against_jpeg
        else ""
    )
    caption = f"{kind.title}: difference from jpeg"
    return _grid(id, task, caption, groups, lines, footnote)


def _classes(
    id: str, task: str, kind: Any, manifest: Manifest, groups: Groups, results: Sequence[CellResult]
) -> PageTable | None:
    """The metrics named ``METRIC/CLASS``, a line a class and QF."""
    mine = [result for result in results if result.cell.task == task]
    names = list(dict.fromkeys(m for result in mine for m in result.metrics if "/" in m))
    if not names:
        return None
    labels = place_labels(manifest, mine)
    lines = []
    for condition, label in labels.items():
        there = {r.cell.restorer: r for r in mine if r.condition in (condition, None)}
        for name in names:
            values = {
                restorer: scaled(kind, name, result.metrics[name])
                for restorer, result in there.items()
                if name in result.metrics
            }
            references = {n for n in values if manifest.restorers[n].reference}
            numbers = _with_differences(values, kind.digits.get(name, 1), references)
            lines.append(GridLine((name.partition("/")[2], label), name, label, numbers))
    prefixes = ", ".join(dict.fromkeys(name.partition("/")[0] for name in names))
    held = {name for line in lines for name in line.numbers}
    title = f"{kind.title}: {prefixes} of each class"
    return PageTable(id, task, title, ("class", "QF"), _only(groups, held), tuple(lines))


def _with_differences(
    values: Mapping[str, float], digits: int, references: Collection[str]
) -> dict[str, Number]:
    jpeg = values.get("jpeg", math.nan)
    found = {}
    for name, value in values.items():
        gap = value - jpeg if name != "jpeg" else math.nan
        below = "" if math.isnan(gap) else signed(gap, digits)
        sign = 0 if name in references else _sign(gap, digits)
        found[name] = Number(printed(value, digits), _sortable(value, digits), below, sign=sign)
    return found


def place_labels(manifest: Manifest, results: Sequence[CellResult]) -> dict[Condition, str]:
    """What the page calls each codec and QF: the QF alone where only plain JPEG was used."""
    usual = Study.model_fields["codec"].default
    plain = set(manifest.identity.codecs) <= set(usual)
    return {
        condition: "–"
        if condition is None
        else str(condition[1])
        if plain
        else f"{condition[0]} {condition[1]}"
        for condition in list_conditions(list(results))
    }


def p_text(p: float) -> str:
    """A p-value as printed: three decimals, smaller ones as such; nothing where there is none."""
    if math.isnan(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _only(groups: Groups, held: set[str]) -> Groups:
    kept = ((label, tuple(name for name in names if name in held)) for label, names in groups)
    return tuple((label, names) for label, names in kept if names)


def signed(value: float, digits: int) -> str:
    """A difference as printed: with its sign, unless it is printed as zero."""
    return printed(value, digits, "+") if _sign(value, digits) else printed(0.0, digits)


def _span(ends: Sequence[float] | None, digits: int, signs: bool = False) -> str:
    if ends is None or any(math.isnan(end) for end in ends):
        return ""
    if signs:
        return " … ".join(signed(end, digits) for end in ends)
    return "–".join(printed(end, digits) for end in ends)


def _sortable(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _sign(value: float, digits: int) -> int:
    shown = 0.0 if math.isnan(value) else value if math.isinf(value) else round(value, digits)
    return (shown > 0) - (shown < 0)
