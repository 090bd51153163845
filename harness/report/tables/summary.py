"""What ``harness table --summary`` prints: mPC, rPC and shares recovered, and what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis.metrics import measure, printed
from harness.analysis.resampling import DRAWS
from harness.analysis.summaries import MPC, RECOVERED, RPC, Summary, summaries, summary_notes
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import table_title
from harness.report.tables.model import Table, text_table
from harness.report.tables.notes import run_notes
from harness.report.tables.text import render_tables
from harness.study.study import Study

_MEANINGS = (
    "mPC: mean of the metric over the QFs; rPC: mPC / original; recovered: "
    "(restored - jpeg) / (original - jpeg), over the QFs that of the means"
)
_INTERVALS = "[ ]: 95 % interval (bootstrap over images)"


def render_run_summary(directory: RunDirectory, format: str, draws: int = DRAWS) -> str:
    """The summary of a run directory with its title and notes, as ``text`` or ``md``."""
    tables = summary_tables(summaries(directory, None, draws), table_title(directory))
    notes = run_notes(directory, directory.manifest(), measure(directory), None)
    return render_tables([*tables, *([text_table(notes, ())] if notes else [])], format)


def render_summary(numbers: Sequence[Summary], format: str) -> str:
    """The summary alone, as ``text`` or ``md``."""
    return render_tables(summary_tables(numbers), format)


def summary_tables(numbers: Sequence[Summary], title: Sequence[str] = ()) -> list[Table]:
    """The table over all QFs, and that of the share recovered at each, where there is any.

    Args:
        numbers: from `harness.analysis.summaries.summaries`.
        title: of the first.
    """
    parts = [(list(title), summary_lines(numbers))]
    if shares := recovered_lines(numbers):
        parts.append((["Recovered at each QF (%)"], shares))
    drawn = any(not math.isnan(number.interval.low) for number in numbers)
    below = [_MEANINGS, _INTERVALS] if drawn else [_MEANINGS]
    first = [text_table(*part) for part in parts[:-1]]
    return [*first, text_table(*parts[-1], below, summary_notes(numbers))]


def summary_lines(numbers: Sequence[Summary]) -> list[list[str]]:
    """mPC, rPC and the share recovered over all QFs, a restorer a line, head first."""
    lines = [["task", "restorer", "metric", MPC, f"{RPC} (%)", f"{RECOVERED} (%)"]]
    for label, of_restorer in _by_restorer(numbers).items():
        whole = {number.kind: number for number in of_restorer if number.qf is None}
        lines.append([*label, *(_text(whole.get(kind)) for kind in (MPC, RPC, RECOVERED))])
    return lines


def recovered_lines(numbers: Sequence[Summary]) -> list[list[str]]:
    """The share recovered at each QF in percent, a restorer a line, head first; [] without any.

    A restorer without a share at any QF has no line.
    """
    qfs = sorted({number.qf for number in numbers if number.qf is not None})
    known = [n for n in numbers if n.qf is not None and not math.isnan(n.value)]
    lines = [["task", "restorer", "metric", *(f"QF {qf}" for qf in qfs)]]
    for label, of_restorer in _by_restorer(known).items():
        at = {number.qf: number for number in of_restorer}
        lines.append([*label, *(_text(at.get(qf)) for qf in qfs)])
    return lines if known else []


def _by_restorer(numbers: Sequence[Summary]) -> dict[tuple[str, str, str], list[Summary]]:
    """By task (and codec, where it is not JPEG), restorer and metric, in order."""
    lines: dict[tuple[str, str, str], list[Summary]] = {}
    default = Study.model_fields["codec"].default
    for number in numbers:
        task = number.task if number.codec in default else f"{number.task}, {number.codec}"
        lines.setdefault((task, number.restorer, number.metric), []).append(number)
    return lines


def _text(number: Summary | None) -> str:
    if number is None:
        return "–"
    low, high = (printed(end, number.digits) for end in number.interval)
    interval = "" if math.isnan(number.interval.low) else f" [{low}, {high}]"
    return f"{printed(number.value, number.digits)}{interval}"
