"""Everything a page says, computed from a run directory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.metrics import CellResult, measure
from harness.analysis.resampling import DRAWS
from harness.analysis.significance import assess
from harness.analysis.summaries import summaries, summary_notes
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import Manifest
from harness.report.answer import Milliseconds, answers
from harness.report.figures.data import restoring_seconds
from harness.report.page.grid import PageTable
from harness.report.page.images import Failure, group_failures, image_data
from harness.report.page.prose import (
    Statement,
    abstract,
    best_gain,
    findings,
    page_title,
    significance_note,
)
from harness.report.page.provenance import Asset, data_set_notice, used_assets
from harness.report.page.tables import TaskTables, summary_tables, task_tables
from harness.report.tables.build import build_table, table_lines
from harness.report.tables.model import Table


class CellState(NamedTuple):
    """One cell: what is there of it, and what identifies it."""

    key: str
    images: int
    failed: int
    expected: int
    fingerprint: str


@dataclass(frozen=True)
class Page:
    """What the page of a run says; pictures come to it when it is built.

    Attributes:
        title: of the page.
        abstract: one paragraph: what was measured on what.
        notice: what the data set wants read before the numbers, or nothing.
        answers: what to put in front of the vision models, a sentence or two a task.
        findings: by task and metric, in sentences.
        judged: how differences were judged, or nothing.
        legend: what stands below the numbers of the tables, and what their marks mean.
        gain: the largest one, a sentence, or nothing.
        table: as ``harness table`` prints it; its legend and notes are the page's.
        tasks: the tables of each task.
        overall: mPC, rPC and shares recovered, a table a task.
        overall_notes: what is missing in them.
        images: `harness.report.page.images.image_data`.
        failures: images that are in no number.
        cells: every cell.
        assets: restorers and vision models with their cards.
        manifest: what else is said of where the numbers come from.
    """

    title: str
    abstract: str
    notice: str
    answers: tuple[str, ...]
    findings: tuple[Statement, ...]
    judged: str
    legend: tuple[str, ...]
    gain: str
    table: Table
    tasks: tuple[TaskTables, ...]
    overall: tuple[PageTable, ...]
    overall_notes: tuple[str, ...]
    images: Json
    failures: tuple[Failure, ...]
    cells: tuple[CellState, ...]
    assets: tuple[Asset, ...]
    manifest: Manifest


def describe_page(
    directory: RunDirectory, title: str = "", draws: int = DRAWS, seed: int = 0
) -> Page:
    """What the page of a run directory says; arguments as of `PageOptions`.

    Raises:
        UserError: it is no run directory.
    """
    manifest = directory.manifest()
    results = measure(directory)
    table = build_table(directory, draws=draws, seed=seed)
    bootstraps = load_bootstrap(directory, None, draws, seed)
    lines = table_lines(manifest, results, False)[1]
    assessment = assess(lines, bootstraps if draws else {}, draws, seed)
    overall = summaries(directory, None, draws, seed) if draws else []
    return Page(
        title=title or page_title(manifest),
        abstract=abstract(manifest, table),
        notice=data_set_notice(manifest),
        answers=answers(table, _milliseconds(directory, results)),
        findings=findings(table, assessment),
        judged=significance_note(assessment, draws),
        legend=_legend(table, draws),
        gain=best_gain(table),
        table=table,
        tasks=task_tables(manifest, table, assessment, results),
        overall=summary_tables(overall),
        overall_notes=tuple(summary_notes(overall)),
        images=image_data(manifest, directory, results, bootstraps),
        failures=group_failures(results),
        cells=_cells(manifest, results),
        assets=used_assets(manifest),
        manifest=manifest,
    )


def _milliseconds(directory: RunDirectory, results: Sequence[CellResult]) -> Milliseconds:
    """What restoring an image takes in each compressed cell whose times were recorded."""
    compressed = [result.cell for result in results if result.cell.qf is not None]
    seconds = {c.key: restoring_seconds(directory.records(c).values()) for c in compressed}
    return {key: 1000 * value for key, value in seconds.items() if not math.isnan(value)}


def _legend(table: Table, draws: int) -> tuple[str, ...]:
    """The table's legend; the page shows whole intervals, not half their width."""
    if not any(row.intervals for row in table.rows):
        return table.legend
    first = f"Below each number is its 95 % interval (bootstrap over images, {draws} draws)."
    return (first, *(f"{line}." for line in table.legend if not line.startswith("±")))


def _cells(manifest: Manifest, results: Sequence[CellResult]) -> tuple[CellState, ...]:
    by_key = {result.cell.key: result for result in results}
    states = []
    for cell in manifest.cells:
        result = by_key.get(cell.key)
        images, failed = (result.images, len(result.failed)) if result else (0, 0)
        expected = manifest.data_set.images
        states.append(CellState(cell.key, images, failed, expected, cell.fingerprint))
    return tuple(states)
