"""A comparison as tables, in text and Markdown."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from harness.analysis.comparison.regression_gate import Judgement, label
from harness.analysis.comparison.results import Comparison, ComparisonRow, LargestChange
from harness.analysis.inference import ALPHA
from harness.analysis.metrics import counted, printed
from harness.report.tables.build import FEW
from harness.report.tables.model import Table, text_table
from harness.report.tables.text import render_tables
from harness.study.study import Study

FORMATS = ("text", "md", "csv", "json")
"""What ``--format`` takes."""

_DEFAULT_CODECS = Study.model_fields["codec"].default


def render_comparison(comparison: Comparison, changes: Sequence[LargestChange], format: str) -> str:
    """The comparison as ``text`` or ``md``."""
    return render_tables(comparison_tables(comparison, changes), format)


def comparison_tables(
    comparison: Comparison, changes: Sequence[LargestChange] = ()
) -> tuple[Table, ...]:
    """The table of a comparison, and that of the images that changed most, where there are any."""
    several = len({row.restorers for row in comparison.rows}) > 1
    same = _unchanged(comparison)
    lines = [_line(row, several) for row in comparison.rows if row.restorers not in same]
    heads = ["task", "metric", *(["restorer"] if several else []), "QF", *comparison.heads]
    heads += ["B − A ", "95 % interval", "p", "better/same/worse", "images"]
    numbers = [heads, *lines] if lines else []
    title, legend, notes = _title(comparison), _legend(comparison), comparison.notes
    if not changes:
        return (text_table(title, numbers, legend, notes),)
    heads = ["task", "image", *(["restorer"] if several else []), "QF", "metric", *comparison.heads]
    images = text_table(
        ["The images that moved most, each where its own metric did:"],
        [[*heads, "B − A"], *(_change_line(change, several) for change in changes)],
        _hints(comparison, changes),
        notes,
    )
    return text_table(title, numbers, legend), images


def verdict_lines(judgement: Judgement) -> list[str]:
    """What the gate says, a line a failing row, then the sum of it."""
    points = judgement.points
    lines = [
        f"worse: {label(row)}: {printed(row.a, row.digits)} -> {printed(row.b, row.digits)}, "
        f"{_signed(row.difference, row)} {_interval(row)}, p {_p(p)}"
        for row, p in judgement.failed
    ]
    lines += judgement.notes
    units = " or ".join(sorted({row.unit for row in judgement.judged if row.unit}))
    if points == 1:
        units = units.replace("points", "point")
    allowed = f" by more than {points:g} {units}".rstrip() if points else ""
    comparisons = counted(len(judgement.judged), "comparison")
    if judgement.failed:
        lines.append(
            f"FAILED: in {len(judgement.failed)} of {comparisons} B is significantly worse "
            f"than the baseline{allowed} (one-sided p, Holm-corrected, below {ALPHA / 2:g})."
        )
        return lines
    lines.append(
        f"passed: no restorer is significantly worse than the baseline{allowed} ({comparisons})."
    )
    for row in judgement.hidden:
        loss = f"{printed(max(0.0, -row.interval.low), row.digits)} {row.unit}".strip()
        lines.append(
            f"could still hide: a loss of {loss} "
            f"({label(row)}: {_signed(row.difference, row)} {_interval(row)})"
        )
    return lines


def _title(comparison: Comparison) -> list[str]:
    data = comparison.a.manifest.data_set
    counts = sorted({row.images for row in comparison.rows})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    of = f" of {data.total}" if counts[-1] < data.total else ""
    facts = {f"Data set {data.name}, n = {n}{of} images": None}
    for compared in comparison.compared_pairs:
        cell, other = compared.pair.a, compared.pair.b
        if cell.model:
            both = f" in A, {other.model} in B" if other.model != cell.model else ""
            facts[f"{cell.task} by {cell.model}{both}"] = None
    return [f"A = {comparison.a}", f"B = {comparison.b}", "; ".join(facts)]


def _unchanged(comparison: Comparison) -> list[tuple[str, str]]:
    """The restorers of which no number differs, where several are compared."""
    pairs = dict.fromkeys(row.restorers for row in comparison.rows)
    changed = {row.restorers for row in comparison.rows if not row.identical}
    return [] if len(pairs) == 1 else [pair for pair in pairs if pair not in changed]


def _line(row: ComparisonRow, several: bool) -> list[str]:
    mark = "*" if row.corrected < ALPHA else " "
    return [
        row.task,
        row.metric,
        *_restorers(row.restorers, several),
        _condition(row.codec, row.qf),
        printed(row.a, row.digits),
        printed(row.b, row.digits),
        _signed(row.difference, row) + mark,
        _interval(row),
        _p(row.corrected),
        "/".join(map(str, row.tally[:3])) if row.tally else "",
        str(row.images),
    ]


def _change_line(change: LargestChange, several: bool) -> list[str]:
    return [
        change.task,
        change.image,
        *_restorers(change.restorers, several),
        _condition(change.codec, change.qf),
        change.metric,
        printed(change.a, change.digits),
        printed(change.b, change.digits),
        printed(change.change, change.digits, sign="+"),
    ]


def _restorers(pair: tuple[str, str], several: bool) -> list[str]:
    """The column of the restorers, where several are compared."""
    a, b = pair
    return [a if a == b else f"{a} → {b}"] if several else []


def _condition(codec: str, qf: int | str | None) -> str:
    if qf is None:
        return "–"
    return str(qf) if codec in _DEFAULT_CODECS else f"{codec} {qf}"


def _signed(value: float, row: ComparisonRow) -> str:
    return printed(value, row.digits, sign="+")


def _interval(row: ComparisonRow) -> str:
    if math.isnan(row.interval.low):
        return "–"
    return f"[{_signed(row.interval.low, row)}, {_signed(row.interval.high, row)}]"


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _legend(comparison: Comparison) -> list[str]:
    rows = comparison.rows
    same = dict.fromkeys(name for pair in _unchanged(comparison) for name in pair)
    lines = [f"no number differs, in any draw: {', '.join(same)}"] if same else []
    few = min(row.images for row in rows)
    if comparison.draws and all(row.images == 1 for row in rows):
        lines.append("no intervals and p-values: one image has none")
    elif comparison.draws:
        lines.append(
            f"95 % interval of B − A, p: paired bootstrap of the images, {comparison.draws} draws, "
            f"seed {comparison.seed}"
        )
        if comparison.tests:
            lines.append(
                f"p is Holm-corrected over {counted(comparison.tests, 'comparison')}; "
                f"* below {ALPHA:.2g}"
            )
            lines.append(
                "the marks of a table are corrected over all of its differences: the two need not "
                "agree"
            )
        if few < FEW:
            lines.append(f"{few} images are few: their intervals are too narrow")
    else:
        lines.append("no intervals and p-values: --draws 0")
    if any(row.qf == "mean" for row in rows):
        lines.append("QF mean: the mean over the QFs above it, drawn together (mPC)")
    tallies = [row.tally for row in rows if row.tally is not None]
    if tallies:
        lines.append("better/same/worse: images whose own metric is higher, equal, lower in B")
    most = max((tally.undefined for tally in tallies), default=0)
    if most:
        lines.append(
            f"  not counted there: images without a value in one of the two, up to {most} a row"
        )
    return lines


def _hints(comparison: Comparison, changes: Sequence[LargestChange]) -> list[str]:
    """The commands that draw, of each task, the image that changed most and others at its QF."""
    lines = ["To see them, the first of each task and others at its QF:"]
    for task in dict.fromkeys(change.task for change in changes):
        first = next(change for change in changes if change.task == task)
        options = ["--task", task]
        if first.codec not in ("", *_DEFAULT_CODECS):
            options += ["--codec", first.codec]
        if first.qf is not None:
            options += ["--qf", str(first.qf)]
        images = [c.image for c in changes if c.condition == first.condition]
        shown: dict[str, list[str]] = {}
        operands = (comparison.a, comparison.b)
        for operand, name in zip(operands, first.restorers, strict=True):
            shown.setdefault(str(operand.directory.path), []).append(name)
        for path, names in shown.items():
            words = ["harness", "panels", path, *options, "--restorers", ",".join(names)]
            lines.append(shlex.join([*words, *(w for i in images for w in ("--image", i))]))
    return lines
