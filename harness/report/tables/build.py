"""The table of a run directory from its records: rows, intervals, marks, headings, notes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.inference import ALPHA, Interval
from harness.analysis.metrics import (
    GROUPS,
    CellResult,
    counted,
    incomplete,
    list_conditions,
    measure,
    scaled,
)
from harness.analysis.resampling import DRAWS
from harness.analysis.significance import Assessment, Line, SignificanceTest, assess
from harness.plugins import registry
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import DataSetEntry, Manifest
from harness.report.tables.model import SAME_AS_BEST, SAME_AS_JPEG, Groups, Row, Table
from harness.report.tables.notes import run_notes, unranked_notes
from harness.study.device import CPU_KIND
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
    conditions, lines = table_lines(manifest, results, detail)
    drawn = load_bootstrap(directory, keys, draws, seed) if draws and lines else {}
    assessment = assess(lines, drawn, draws, seed)
    rows = _rows(conditions, lines, results)
    rows = [tested(row, tests) for row, tests in zip(rows, assessment.lines, strict=True)]
    return Table(
        title=_title(manifest, results),
        groups=_groups(manifest, results),
        rows=tuple(rows),
        notes=(
            *run_notes(directory, manifest, results, keys),
            *unranked_notes(manifest, results),
        ),
        legend=table_legend(rows, assessment, draws) if drawn else (),
        assessment=assessment,
        columns_called="Restorers — ",
    )


def tested(row: Row, tests: Mapping[str, SignificanceTest]) -> Row:
    """The row with what is known of its numbers, its intervals and marks."""
    marks = {}
    for name, test in tests.items():
        marks[name] = SAME_AS_JPEG if test.p_jpeg >= ALPHA else ""
        # As good as the best in print, a number is a best one too.
        if test.p_best >= ALPHA and row.rank(name) != 1 and name in row.ranked:
            marks[name] += SAME_AS_BEST
    intervals = {
        name: Interval(*(row.unit * end for end in test.interval))
        for name, test in tests.items()
        if not math.isnan(test.interval.low)
    }
    marks = {name: text for name, text in marks.items() if text}
    return replace(row, tests=tests, intervals=intervals, marks=marks)


def table_legend(rows: Sequence[Row], assessment: Assessment, draws: int) -> tuple[str, ...]:
    """What the intervals and marks of the rows mean; nothing where there are none."""
    lines = []
    if any(row.intervals for row in rows):
        lines.append(f"± half the 95 % interval (bootstrap over images, {draws} draws)")
        if assessment.images < FEW:
            lines.append(f"{assessment.images} images are few: their intervals are too narrow")
    elif assessment.images == 1:
        lines.append("no intervals and no tests: one image has none")
    used = "".join(mark for row in rows for mark in row.marks.values())
    for mark, other, count, what in (
        (SAME_AS_JPEG, "jpeg", assessment.against_jpeg, "difference"),
        (SAME_AS_BEST, "the row's best", assessment.pairs, "pair"),
    ):
        if mark in used:
            lines.append(
                f"{mark} not significantly different from {other} (paired, p ≥ 0.05 after Holm's "
                f"correction over {counted(count, what)})"
            )
    return tuple(lines)


def table_title(directory: RunDirectory) -> tuple[str, ...]:
    """What was measured on what, with which models, as the heading of its tables."""
    return _title(directory.manifest(), measure(directory))


def image_count(data: DataSetEntry) -> str:
    """How many images of a data set were taken, and that it is a subset where it is one."""
    if data.images < data.total:
        return f"subset, n = {data.images} of {data.total} images"
    return f"{data.images} images"


def _title(manifest: Manifest, results: list[CellResult]) -> tuple[str, ...]:
    data, codecs = manifest.data_set, manifest.identity.codecs
    described = [f"codec {name} ({codec_settings(codecs[name])})" for name in codecs]
    first = f"Data set {data.name} ({image_count(data)})"
    lines = [f"{first}, {described[0]}"] if len(described) == 1 else [first, *described]
    for name in _task_names(manifest, results):
        model = manifest.models.get(name)
        title = registry.tasks().get(name).title
        lines.append(f"{title}: {f'vision model {model}' if model else 'no vision model'}")
    if manifest.identity.device != CPU_KIND:
        lines.append(f"Models on {manifest.identity.device} in fp32")
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


def _groups(manifest: Manifest, results: list[CellResult]) -> Groups:
    known = manifest.restorers
    present = {result.cell.restorer for result in results}
    groups = []
    for multi, label in GROUPS.items():
        names = [name for name in present if known[name].multi_model is multi]
        names.sort(key=lambda n: (not known[n].reference, known[n].year, n))
        groups.append((label, tuple(names)))
    return tuple((label, names) for label, names in groups if names)


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
    by_key = {result.cell.key: result for result in results}
    for name in _task_names(manifest, results):
        task = registry.tasks().get(name)
        of_task = [result for result in results if result.cell.task == name]
        every = list(dict.fromkeys(metric for result in of_task for metric in result.metrics))
        for metric in every if detail else [m for m in task.displayed_metrics if m in every]:
            for condition in list_conditions(of_task):
                cells = {
                    result.cell.restorer: result.cell.key
                    for result in of_task
                    if result.condition in (condition, None) and metric in result.metrics
                }
                ranked = tuple(n for n in cells if not manifest.restorers[n].reference)
                apart = incomplete({n: by_key[cells[n]] for n in ranked})
                conditions.append(condition)
                ranked = ranked if metric not in task.unranked else ()
                lines.append(Line(metric, cells, ranked, apart))
    return conditions, lines


def _rows(conditions: list[Condition], lines: list[Line], results: list[CellResult]) -> list[Row]:
    by_key = {result.cell.key: result for result in results}
    rows = []
    for condition, line in zip(conditions, lines, strict=True):
        cells = {name: by_key[key] for name, key in line.cells.items()}
        first = next(iter(cells.values())).cell
        same_task = [result for result in results if result.cell.task == first.task]
        codec, qf = condition or (first.codec, None)
        facts = {"task": first.task, "dataset": first.dataset, "model": first.model}
        labels = (first.task, line.metric, _condition_text(condition, same_task))
        codec_facts = {"codec": codec, "qf": qf, "metric": line.metric}
        rows.append(measured_row(labels, cells, line, {**facts, **codec_facts}))
    return rows


def measured_row(
    labels: tuple[str, ...],
    cells: Mapping[str, CellResult],
    line: Line,
    facts: Mapping[str, str | int | None],
) -> Row:
    """A row of measured cells, by column, before its numbers are tested.

    Args:
        labels: what stands before the numbers.
        cells: the measured cells.
        line: the same as the tests take it.
        facts: what the numbers are of, ``task`` among them.
    """
    task = registry.tasks().get(str(facts["task"]))
    return Row(
        labels=labels,
        values={n: scaled(task, line.metric, c.metrics[line.metric]) for n, c in cells.items()},
        digits=task.digits.get(line.metric, 1),
        ranked=line.competing,
        counts={n: cells[n].images for n in line.incomplete},
        unit=scaled(task, line.metric, 1.0),
        facts=facts,
        cells=cells,
    )


def _condition_text(condition: Condition, results: list[CellResult]) -> str:
    """What stands in the column QF; the size too where codecs are compared, or not JPEG's alone."""
    if condition is None:
        return "–"
    codec, qf = condition
    if {r.condition[0] for r in results if r.condition} <= set(Study.model_fields["codec"].default):
        return str(qf)
    sizes = [result.bpp for result in results if result.condition == condition]
    return f"{codec} {qf}, {sizes[0]:.2f} bpp"
