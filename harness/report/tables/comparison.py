"""A comparison as text and Markdown."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from harness.analysis.comparison.movers import LargestChange
from harness.analysis.comparison.regression_gate import Judgement, label
from harness.analysis.comparison.rows import Comparison, ComparisonRow
from harness.analysis.inference import ALPHA
from harness.analysis.metrics import printed
from harness.report.tables.building import FEW
from harness.report.tables.render import render_lines
from harness.study.study import Study

FORMATS = ("text", "md", "csv", "json")
"""What ``--format`` takes."""


def show(found: Comparison, moved: Sequence[LargestChange], format: str) -> str:
    """The comparison as ``text`` or ``md``."""
    lines = _lines(found)
    parts = [_title(found), [_table(lines, format)] * (len(lines) > 1), _legend(found)]
    if moved:
        parts += [
            ["The images that moved most, each where its own metric did:"],
            [_table(_mover_lines(found, moved), format)],
            _hints(found, moved),
        ]
    parts.append(list(found.notes))
    end = "  " if format == "md" else ""
    blocks = [
        "\n".join(line if "\n" in line else line + end for line in part) for part in parts if part
    ]
    return "\n\n".join(blocks) + "\n"


def verdict_lines(judgement: Judgement) -> list[str]:
    """What the gate says, a line a failing row, then the sum of it."""
    points, count = judgement.points, len(judgement.judged)
    lines = [
        f"worse: {label(row)}: {_number(row.a, row)} -> {_number(row.b, row)}, "
        f"{_signed(row.difference, row)} {_interval(row)}, p {_p(p)}"
        for row, p in judgement.failed
    ]
    lines += judgement.notes
    units = " or ".join(sorted({row.unit for row in judgement.judged if row.unit}))
    if points == 1:
        units = units.replace("points", "point")
    allowed = f" by more than {points:g} {units}".rstrip() if points else ""
    comparisons = "1 comparison" if count == 1 else f"{count} comparisons"
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
        loss = max(0.0, -row.interval.low)
        lines.append(
            f"could still hide: a loss of {f'{printed(loss, row.digits)} {row.unit}'.strip()} "
            f"({label(row)}: {_signed(row.difference, row)} {_interval(row)})"
        )
    return lines


def _title(found: Comparison) -> list[str]:
    lines = [f"A = {found.a}", f"B = {found.b}"]
    data = found.a.manifest.data_set
    counts = sorted({row.images for row in found.rows})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    models = dict.fromkeys(
        f"{cell.task} by {cell.model}" + (f" in A, {other} in B" if other else "")
        for compared in found.compared_pairs
        if (cell := compared.pair.a).model
        for other in ["" if compared.pair.b.model == cell.model else compared.pair.b.model]
    )
    of = f" of {data.total}" if counts[-1] < data.total else ""
    lines.append("; ".join([f"Data set {data.name}, n = {n}{of} images", *models]))
    return lines


def _table(lines: Sequence[Sequence[str]], format: str) -> str:
    if format == "md":  # where nothing needs to be aligned
        lines = [[cell.strip() for cell in line] for line in lines]
    return render_lines(lines, format).rstrip("\n")


def _lines(found: Comparison) -> list[list[str]]:
    """The comparison as rows of text, head first."""
    one, other = found.heads
    same = _unchanged(found)
    several = len({row.restorers for row in found.rows}) > 1
    heads = ["task", "metric", *["restorer"] * several, "QF", one, other, "B − A "]
    heads += ["95 % interval", "p", "better/same/worse", "images"]
    return [heads, *(_line(row, several) for row in found.rows if row.restorers not in same)]


def _unchanged(found: Comparison) -> list[tuple[str, str]]:
    """The restorers of which no number differs, where several are compared."""
    pairs = dict.fromkeys(row.restorers for row in found.rows)
    changed = {row.restorers for row in found.rows if not row.identical}
    return [] if len(pairs) == 1 else [pair for pair in pairs if pair not in changed]


def _line(row: ComparisonRow, several: bool) -> list[str]:
    one, other = row.restorers
    name = [one if one == other else f"{one} → {other}"] * several
    mark = "*" if row.corrected < ALPHA else " "
    compared = _place(row.codec, row.qf)
    values = [_number(row.a, row), _number(row.b, row), _signed(row.difference, row) + mark]
    counts = "" if row.tally is None else "/".join(str(count) for count in row.tally[:3])
    tail = [_interval(row), _p(row.corrected), counts, str(row.images)]
    return [row.task, row.metric, *name, compared, *values, *tail]


def _place(codec: str, qf: int | str | None) -> str:
    if qf is None:
        return "–"
    return str(qf) if codec in Study.model_fields["codec"].default else f"{codec} {qf}"


def _number(value: float, row: ComparisonRow) -> str:
    return printed(value, row.digits)


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


def _legend(found: Comparison) -> list[str]:
    same = _unchanged(found)
    names = ", ".join(dict.fromkeys(name for pair in same for name in pair))
    lines = [f"no number differs, in any draw: {names}"] if same else []
    few = min(row.images for row in found.rows)
    if found.draws and all(row.images == 1 for row in found.rows):
        lines.append("no intervals and p-values: one image has none")
    elif found.draws:
        lines.append(
            f"95 % interval of B − A, p: paired bootstrap of the images, {found.draws} draws, "
            f"seed {found.seed}"
        )
        if found.tests:
            many = "comparison" if found.tests == 1 else "comparisons"
            lines.append(f"p is Holm-corrected over {found.tests} {many}; * below {ALPHA:.2g}")
        if few < FEW:
            lines.append(f"{few} images are few: their intervals are too narrow")
    else:
        lines.append("no intervals and p-values: --draws 0")
    if any(row.qf == "mean" for row in found.rows):
        lines.append("QF mean: the mean over the QFs above it, drawn together (mPC)")
    tallies = [row.tally for row in found.rows if row.tally is not None]
    if tallies:
        lines.append("better/same/worse: images whose own metric is higher, equal, lower in B")
    if any(tally.undefined for tally in tallies):
        most = max(tally.undefined for tally in tallies)
        lines.append(
            f"  not counted there: images without a value in one of the two, up to {most} a row"
        )
    return lines


def _mover_lines(found: Comparison, moved: Sequence[LargestChange]) -> list[list[str]]:
    one, other = found.heads
    several = len({row.restorers for row in found.rows}) > 1
    lines = [["task", "image", *["restorer"] * several, "QF", "metric", one, other, "B − A"]]
    for mover in moved:
        left, right = mover.restorers
        name = [left if left == right else f"{left} → {right}"] * several
        values = [printed(value, mover.digits) for value in (mover.a, mover.b)]
        change = printed(mover.change, mover.digits, sign="+")
        compared = _place(mover.codec, mover.qf)
        lines.append([mover.task, mover.image, *name, compared, mover.metric, *values, change])
    return lines


def _hints(found: Comparison, moved: Sequence[LargestChange]) -> list[str]:
    """The commands that draw, of each task, the image that moved most and others at its QF."""
    lines = ["To see them, the first of each task and others at its QF:"]
    for task in dict.fromkeys(mover.task for mover in moved):
        first = next(mover for mover in moved if mover.task == task)
        alike = (first.task, first.codec, first.qf, first.restorers)
        mine = [m for m in moved if (m.task, m.codec, m.qf, m.restorers) == alike]
        where = ["--task", task]
        if first.codec not in ("", *Study.model_fields["codec"].default):
            where += ["--codec", first.codec]
        if first.qf is not None:
            where += ["--qf", str(first.qf)]
        images = [word for mover in mine for word in ("--image", mover.image)]
        shown: dict[str, list[str]] = {}
        for side, name in zip((found.a, found.b), first.restorers, strict=True):
            shown.setdefault(str(side.directory.path), []).append(name)
        for path, names in shown.items():
            words = ["harness", "panels", path, *where, "--restorers", ",".join(names), *images]
            lines.append(shlex.join(words))
    return lines
