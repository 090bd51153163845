"""The tables of a page: values, differences from ``jpeg``, classes, and summaries over all QFs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.analysis.inference import ALPHA
from harness.analysis.metrics import CellResult, list_conditions, printed, scaled
from harness.analysis.significance import Assessment
from harness.analysis.summaries import MPC, RECOVERED, RPC, Summary
from harness.plugins import registry
from harness.plugins.task import Task
from harness.records.schema import Manifest
from harness.report.page.grid import (
    GridLine,
    Groups,
    Number,
    PageTable,
    groups_with_numbers,
    p_text,
    ranked_value,
    sign,
    signed_text,
    sort_value,
    span,
)
from harness.report.tables.model import Row, Table
from harness.study.study import Condition, Study

_SHARE_DIGITS = 1


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
    classes: PageTable | None = None


def task_tables(
    manifest: Manifest, table: Table, assessment: Assessment, results: Sequence[CellResult]
) -> tuple[TaskTables, ...]:
    """The tables of each task, from the table as ``harness table`` prints it and its assessment."""
    tables = []
    for number, name in enumerate(dict.fromkeys(row.labels[0] for row in table.rows)):
        task: type[Task] = registry.tasks().get(name)
        numbers = [k for k, row in enumerate(table.rows) if row.labels[0] == name]
        values = _by_metric_and_qf(
            PageTable(
                id=f"table-{number}",
                task=name,
                caption=task.title,
                heads=(),
                groups=table.groups,
                lines=tuple(_value_line(table.rows[k], table.restorers) for k in numbers),
            )
        )
        differences = _differences(f"differences-{number}", task, table, assessment, numbers)
        of_task = [result for result in results if result.cell.task == name]
        classes = _classes(f"classes-{number}", task, manifest, table.groups, of_task)
        tables.append(TaskTables(name, task.title, values, differences, classes))
    return tuple(tables)


def _value_line(row: Row, restorers: Iterable[str]) -> GridLine:
    numbers = {
        name: Number(
            text=row.text(name),
            value=ranked_value(row.values.get(name), row.digits),
            below=span(row.intervals.get(name), row.digits),
            rank=row.rank(name),
            marks=row.marks.get(name, ""),
        )
        for name in restorers
    }
    return GridLine(row.labels[1:], row.labels[1], row.labels[2], numbers)


def _by_metric_and_qf(table: PageTable) -> PageTable:
    """The table with its heads; a metric that stands in every line is said in the caption."""
    if len({line.metric for line in table.lines}) > 1:
        return replace(table, heads=("metric", "QF"))
    lines = tuple(replace(line, labels=line.labels[1:]) for line in table.lines)
    return replace(table, heads=("QF",), lines=lines)


def _differences(
    id: str, task: type[Task], table: Table, assessment: Assessment, numbers: Sequence[int]
) -> PageTable | None:
    """The differences from ``jpeg`` in the rows of these numbers."""
    lines = []
    for row, verdicts in ((table.rows[k], assessment.lines[k]) for k in numbers):
        unit, digits = scaled(task, row.labels[1], 1.0), row.digits
        differences = {}
        for name, verdict in verdicts.items():
            gap = verdict.against_jpeg
            if gap is None:
                continue
            value, ends = unit * gap.value, (unit * gap.interval.low, unit * gap.interval.high)
            differences[name] = Number(
                text=signed_text(value, digits),
                value=sort_value(value, digits),
                below=span(ends, digits, " … ", signs=True),
                p=p_text(verdict.p_jpeg),
                sign=sign(value, digits),
                ends=None if math.isnan(ends[0]) else ends,
                significant=verdict.p_jpeg < ALPHA,
            )
        if differences:
            lines.append(GridLine(row.labels[1:], row.labels[1], row.labels[2], differences))
    if not lines:
        return None
    footnote = (
        "Paired on the images both have. Below each difference its 95 % interval and its p-value "
        f"after Holm's correction for {assessment.against_jpeg} comparisons."
    )
    return _by_metric_and_qf(
        PageTable(
            id=id,
            task=task.name,
            caption=f"{task.title}: difference from jpeg",
            heads=(),
            groups=groups_with_numbers(table.groups, lines),
            lines=tuple(lines),
            footnote=footnote if assessment.against_jpeg else "",
        )
    )


def _classes(
    id: str, task: type[Task], manifest: Manifest, groups: Groups, results: Sequence[CellResult]
) -> PageTable | None:
    """The metrics named ``METRIC/CLASS``, a line a class and QF."""
    metrics = list(dict.fromkeys(m for result in results for m in result.metrics if "/" in m))
    if not metrics:
        return None
    lines = []
    for condition, label in condition_labels(manifest, results).items():
        at_condition = {r.cell.restorer: r for r in results if r.condition in (condition, None)}
        for metric in metrics:
            values = {
                restorer: scaled(task, metric, result.metrics[metric])
                for restorer, result in at_condition.items()
                if metric in result.metrics
            }
            numbers = _with_differences(values, task.digits.get(metric, 1), manifest)
            lines.append(GridLine((metric.partition("/")[2], label), metric, label, numbers))
    prefixes = ", ".join(dict.fromkeys(metric.partition("/")[0] for metric in metrics))
    return PageTable(
        id=id,
        task=task.name,
        caption=f"{task.title}: {prefixes} of each class",
        heads=("class", "QF"),
        groups=groups_with_numbers(groups, lines),
        lines=tuple(lines),
    )


def _with_differences(
    values: dict[str, float], digits: int, manifest: Manifest
) -> dict[str, Number]:
    """The numbers of a line, with the difference from ``jpeg`` below each."""
    numbers = {}
    for name, value in values.items():
        gap = value - values.get("jpeg", math.nan) if name != "jpeg" else math.nan
        numbers[name] = Number(
            text=printed(value, digits),
            value=sort_value(value, digits),
            below="" if math.isnan(gap) else signed_text(gap, digits),
            sign=0 if manifest.restorers[name].reference else sign(gap, digits),
        )
    return numbers


def condition_labels(manifest: Manifest, results: Sequence[CellResult]) -> dict[Condition, str]:
    """What the page calls each codec and QF: the QF alone where only plain JPEG was used."""
    plain = set(manifest.identity.codecs) <= set(Study.model_fields["codec"].default)
    labels: dict[Condition, str] = {}
    for condition in list_conditions(list(results)):
        codec, qf = condition or ("", "–")
        labels[condition] = str(qf) if plain or condition is None else f"{codec} {qf}"
    return labels


def summary_tables(summaries: Iterable[Summary]) -> tuple[PageTable, ...]:
    """A table for each task, codec and metric: over all QFs, then the share recovered at each."""
    tables: dict[tuple[str, str, str], list[Summary]] = {}
    for summary in summaries:
        tables.setdefault((summary.task, summary.codec, summary.metric), []).append(summary)
    return tuple(
        _summary_table(f"overall-{number}", *key, of_table)
        for number, (key, of_table) in enumerate(tables.items())
        if key[1]
    )


def _summary_table(
    id: str, task_name: str, codec: str, metric: str, summaries: Sequence[Summary]
) -> PageTable:
    """Restorers down; mPC, rPC and the shares recovered across."""
    task: type[Task] = registry.tasks().get(task_name)
    columns = {MPC: MPC, RPC: f"{RPC} (%)", RECOVERED: f"{RECOVERED} (%)"}
    lines: dict[str, dict[str, Number]] = {}
    for summary in summaries:
        digits = task.digits.get(metric, 1) if summary.kind == MPC else _SHARE_DIGITS
        column = columns[summary.kind] if summary.qf is None else f"QF {summary.qf}"
        value = None if math.isnan(summary.value) else round(summary.value, digits)
        text, below = printed(summary.value, digits), span(summary.interval, digits, " … ")
        lines.setdefault(summary.restorer, {})[column] = Number(text, value, below)
    groups = [(f"{metric} over all QFs", tuple(columns.values()))]
    qfs = sorted({summary.qf for summary in summaries if summary.qf is not None})
    if len(qfs) > 1:
        groups.append((f"{RECOVERED} (%) at", tuple(f"QF {qf}" for qf in qfs)))
    usual = codec in Study.model_fields["codec"].default
    return PageTable(
        id=id,
        task=task_name,
        caption=task.title if usual else f"{task.title}, {codec}",
        heads=("restorer",),
        groups=tuple(groups),
        lines=tuple(GridLine((name,), metric, "", numbers) for name, numbers in lines.items()),
    )
