"""The table of a run directory from its records: rows, intervals, marks, headings, notes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.draws import DRAWS
from harness.analysis.inference import ALPHA, Interval
from harness.analysis.metrics import GROUPS, CellResult, list_conditions, measure, scaled
from harness.analysis.sanity_check import gate_notes
from harness.analysis.significance import Assessment, Line, SignificanceTest, assess
from harness.plugins import registry
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import Manifest
from harness.report.tables.notes import table_notes
from harness.report.tables.table import SAME_AS_BEST, SAME_AS_JPEG, Row, Table
from harness.study.study import Condition, Study

FEW = 20
"""Images below which the bootstrap's intervals cover clearly less than they say."""

_LUMA = (
    "On luma alone: Y = 16 + (65.481 R + 128.553 G + 24.966 B)/255 in 8 bits, compressed as a "
    "grey image"
)


def build_table(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    detail: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Table:
    """The table of a run directory.

    Args:
        directory: the records.
        keys: the cells wanted (`Cell.key`); all by default.
        detail: every metric, per class too.
        draws: of the bootstrap behind intervals and marks; 0 for neither.
        seed: of the draws.
    """
    manifest = directory.manifest()
    results = measure(directory, keys)
    tasks = {result.cell.task for result in results}
    conditions, lines = table_lines(manifest, results, detail)
    rows = _rows(conditions, lines, results)
    legend: tuple[str, ...] = ()
    if draws and rows:
        evidence = load_bootstrap(directory, keys, draws, seed)
        found = assess(lines, evidence, draws, seed)
        rows = [judged(row, known) for row, known in zip(rows, found.lines, strict=True)]
        legend = table_legend(rows, found, draws)
    return Table(
        _title(manifest, results),
        _groups(manifest, results),
        tuple(rows),
        (*table_notes(manifest, results, keys), *gate_notes(directory, tasks)),
        legend,
    )


def judged(row: Row, verdicts: dict[str, SignificanceTest]) -> Row:
    """The row with its intervals and marks, in the printed unit."""
    task = registry.tasks().get(row.labels[0])
    unit = scaled(task, row.labels[1], 1.0)
    intervals, marks = {}, {}
    for name, verdict in verdicts.items():
        if not math.isnan(verdict.interval.low):
            intervals[name] = Interval(*(unit * end for end in verdict.interval))
        marks[name] = SAME_AS_JPEG * (verdict.p_jpeg >= ALPHA)
        # As good as the best in print, a number is a best one too.
        marks[name] += SAME_AS_BEST * (verdict.p_best >= ALPHA and row.rank(name) != 1)
    return replace(row, intervals=intervals, marks={n: m for n, m in marks.items() if m})


def table_legend(rows: list[Row], found: Assessment, draws: int) -> tuple[str, ...]:
    """What the intervals and marks of the rows mean; nothing where there are none."""
    lines = []
    if any(row.intervals for row in rows):
        lines.append(f"± half the 95 % interval (bootstrap over images, {draws} draws)")
        if found.images < FEW:
            lines.append(f"{found.images} images are few: their intervals are too narrow")
    elif found.images == 1:
        lines.append("no intervals and no tests: one image has none")
    used = "".join(mark for row in rows for mark in row.marks.values())
    for mark, other, count, what in (
        (SAME_AS_JPEG, "jpeg", found.against_jpeg, "difference"),
        (SAME_AS_BEST, "the row's best", found.pairs, "pair"),
    ):
        if mark in used:
            lines.append(
                f"{mark} not significantly different from {other} (paired, p ≥ 0.05 after Holm's "
                f"correction over {count} {what}{'s' * (count != 1)})"
            )
    return tuple(lines)


def table_title(directory: RunDirectory) -> tuple[str, ...]:
    """What was measured on what, with which models, as the heading of its tables."""
    return _title(directory.manifest(), measure(directory))


def _title(manifest: Manifest, results: list[CellResult]) -> tuple[str, ...]:
    data = manifest.data_set
    images = f"{data.images} images"
    if data.images < data.total:
        images = f"subset, n = {data.images} of {data.total} images"
    codecs = manifest.identity.codecs
    described = [f"codec {name} ({codec_settings(codecs[name])})" for name in codecs]
    first = f"Data set {data.name} ({images})"
    lines = [f"{first}, {described[0]}"] if len(described) == 1 else [first, *described]
    for name in _task_names(manifest, results):
        model = manifest.models.get(name)
        title = registry.tasks().get(name).title
        lines.append(f"{title}: {f'vision model {model}' if model else 'no vision model'}")
    if any("luma" in cell.inputs for cell in manifest.cells):
        lines.append(_LUMA)
    return tuple(lines)


def codec_settings(codec: Json) -> str:
    """What is said of a codec in a title, from its fingerprint."""
    # A bare version number says nothing without its key; "4:2:0" and "libjpeg-turbo 3" do.
    return ", ".join(
        f"{key} {value}" if value.replace(".", "").isdigit() else value
        for key, value in codec.items()
        if key != "codec"
    )


def _task_names(manifest: Manifest, results: list[CellResult]) -> list[str]:
    present = dict.fromkeys(result.cell.task for result in results)
    order = list(manifest.models)
    return sorted(present, key=lambda name: order.index(name) if name in order else len(order))


def _groups(
    manifest: Manifest, results: list[CellResult]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    known = manifest.restorers
    present = {result.cell.restorer for result in results}
    groups = []
    for multi, label in GROUPS.items():
        names = [name for name in present if known[name].multi_model is multi]
        names.sort(key=lambda n: (not known[n].reference, known[n].year, n))
        if names:
            groups.append((label, tuple(names)))
    return tuple(groups)


def table_lines(
    manifest: Manifest, results: list[CellResult], detail: bool
) -> tuple[list[Condition], list[Line]]:
    """The lines of a table in order, and the codec and QF of each.

    Args:
        manifest: of the run directory.
        results: its cells.
        detail: every metric, instead of the ones a table shows.
    """
    conditions: list[Condition] = []
    lines = []
    for name in _task_names(manifest, results):
        task = registry.tasks().get(name)
        mine = [result for result in results if result.cell.task == name]
        every = list(dict.fromkeys(metric for result in mine for metric in result.metrics))
        for metric in every if detail else [m for m in task.displayed_metrics if m in every]:
            for condition in list_conditions(mine):
                cells = {
                    result.cell.restorer: result.cell.key
                    for result in mine
                    if result.condition in (condition, None) and metric in result.metrics
                }
                ranked = tuple(n for n in cells if not manifest.restorers[n].reference)
                conditions.append(condition)
                lines.append(Line(metric, cells, ranked if metric not in task.unranked else ()))
    return conditions, lines


def _rows(conditions: list[Condition], lines: list[Line], results: list[CellResult]) -> list[Row]:
    by_key = {result.cell.key: result for result in results}
    rows = []
    for condition, line in zip(conditions, lines, strict=True):
        there = {name: by_key[key] for name, key in line.cells.items()}
        name = next(iter(there.values())).cell.task
        task = registry.tasks().get(name)
        values = {n: scaled(task, line.metric, r.metrics[line.metric]) for n, r in there.items()}
        shown = _shown(condition, [result for result in results if result.cell.task == name])
        digits = task.digits.get(line.metric, 1)
        rows.append(Row((name, line.metric, shown), values, digits, line.ranked))
    return rows


def _shown(condition: Condition, results: list[CellResult]) -> str:
    """What stands in the column QF; the size too where codecs are compared, or not JPEG's alone."""
    if condition is None:
        return "–"
    codec, qf = condition
    if {r.condition[0] for r in results if r.condition} <= set(Study.model_fields["codec"].default):
        return str(qf)
    sizes = [result.bpp for result in results if result.condition == condition]
    return f"{codec} {qf}, {sizes[0]:.2f} bpp"
