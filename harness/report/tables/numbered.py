"""The paper's Tables I, II, IV and V from records: its rows, its columns, its groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.analysis.draws import DRAWS
from harness.analysis.merge_runs import CODEC, Block, Joined, RunSource, join
from harness.analysis.metrics import CellResult, scaled
from harness.analysis.significance import Line, assess
from harness.errors import UserError
from harness.plugins import registry
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import RestorerEntry
from harness.report.tables.building import judged, table_legend
from harness.report.tables.headings import comparison, measured_on, nothing
from harness.report.tables.missing_cells import gap_notes
from harness.report.tables.paper_layouts import ABLATION, HEADINGS, MULTI, PAPERS, QFS, PaperLayout
from harness.report.tables.published import PublishedFigures, read_figures
from harness.report.tables.sheet import Sheet, SheetLine
from harness.report.tables.table import Row

Held = dict[str, tuple[RunSource, CellResult]]


@dataclass(frozen=True)
class _Slot:
    """A line before it is assessed: where it stands and the cells in it by column."""

    block: Block
    metric: str
    qf: int
    held: Held


def build_numbered(
    layout: PaperLayout,
    directories: Sequence[RunDirectory],
    draws: int = DRAWS,
    seed: int = 0,
    published: bool = False,
) -> Sheet:
    """A table of the paper, as measured here.

    Every restorer and QF of the paper's has its place, measured or not, and so has whatever else
    was measured. All differences of the table are tested as one family, whichever run directory
    they are from.

    Args:
        layout: which table.
        directories: one or more run directories; see `harness.analysis.merge_runs.join`.
        draws: of the bootstrap behind intervals and marks; 0 for neither.
        seed: of the draws.
        published: put the paper's figures beside the measured ones.

    Raises:
        UserError: the run directories hold nothing of the table, or two of the same; the published
            figures are not at hand.
    """
    joined = join(directories, layout.takes)
    figures = read_figures(layout.number) if published else None
    blocks = _blocks(layout, joined)
    groups = _groups(layout, joined)
    columns = [name for _, names in groups for name in names]
    slots = list(_slots(layout, blocks))
    if not any(slot.held for slot in slots):
        raise UserError(nothing(layout, directories))
    lines, legend = _lines(layout, joined, slots, draws, seed)
    where = _place_columns(layout, blocks)
    finished = [
        replace(
            line,
            labels=_labels(layout, slot, where),
            published=_published(layout, slot, figures) if figures else {},
        )
        for slot, line in zip(slots, lines, strict=True)
    ]
    return Sheet(
        layout.name,
        (layout.caption, *measured_on(blocks)),
        _head(layout, where),
        groups,
        dict(ABLATION if layout.ablation else HEADINGS),
        tuple(finished),
        gap_notes(layout, joined, blocks, columns),
        legend,
        comparison(layout, blocks, figures) if figures else "",
        1 + len(where),
    )


def _blocks(layout: PaperLayout, joined: Joined) -> list[Block]:
    """The blocks in the table's order; an empty one for a task that was not measured."""
    found = []
    for task in layout.tasks:
        mine = [block for block in joined.blocks if block.task == task]
        found += mine or [Block(task, "–", "–")]
    return found


def _groups(layout: PaperLayout, joined: Joined) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if layout.ablation:
        return (("", layout.columns),)
    known = joined.restorers
    multi: dict[str, bool | None] = {name: name in MULTI for name in PAPERS}
    multi |= {"jpeg": None} | {name: facts.multi_model for name, facts in known.items()}

    def order(name: str) -> tuple[bool, int, int, str]:
        facts = known.get(name, RestorerEntry(year=0))
        base = name.partition(":")[0]
        paper = PAPERS.index(base) if base in PAPERS else len(PAPERS)
        return not facts.reference, paper, facts.year if paper == len(PAPERS) else 0, name

    groups = []
    for kind, label in zip((None, True, False), ("", *layout.groups), strict=True):
        names = sorted((name for name, is_multi in multi.items() if is_multi is kind), key=order)
        groups.append((label, tuple(names)))
    return tuple(groups)


def _slots(layout: PaperLayout, blocks: list[Block]) -> Iterator[_Slot]:
    """The lines in the paper's order: metric within QF for fidelity, QF within metric else."""
    for block in blocks:
        shown = registry.tasks().get(block.task).displayed_metrics
        metrics = [metric for metric in layout.metrics if metric in shown]
        qfs = sorted({*QFS, *block.qfs})
        pairs = [(metric, qf) for qf in qfs for metric in metrics]
        if "fidelity" not in layout.tasks:
            pairs = [(metric, qf) for metric in metrics for qf in qfs]
        for metric, qf in pairs:
            yield _Slot(block, metric, qf, _held(layout, block, metric, qf))


def _held(layout: PaperLayout, block: Block, metric: str, qf: int) -> Held:
    found: Held = {}
    for restorer, (source, result) in block.row(qf).items():
        column = layout.column(restorer)
        if column is None or metric not in result.metrics:
            continue
        if column in found:
            raise UserError(
                f"{found[column][1].cell.restorer} and {restorer} are two sizes of one column "
                f"of {layout.name}: name run directories that hold one size each."
            )
        found[column] = source, result
    return found


def _lines(
    layout: PaperLayout, joined: Joined, slots: list[_Slot], draws: int, seed: int
) -> tuple[list[SheetLine], tuple[str, ...]]:
    """The lines with intervals and marks, and what these mean."""
    known = joined.restorers
    tests, rows = [], []
    for slot in slots:
        task = registry.tasks().get(slot.block.task)
        values = {
            column: scaled(task, slot.metric, result.metrics[slot.metric])
            for column, (_, result) in slot.held.items()
        }
        ranked = tuple(
            column
            for column, (_, result) in slot.held.items()
            if not known[result.cell.restorer].reference
        )
        cells = {c: source.key(result.cell) for c, (source, result) in slot.held.items()}
        tests.append(Line(slot.metric, cells, ranked))
        digits = task.digits.get(slot.metric, 1)
        rows.append(Row((slot.block.task, slot.metric, str(slot.qf)), values, digits, ranked))
    legend: tuple[str, ...] = ()
    found = assess(tests, joined.evidence(draws, seed) if draws else {}, draws, seed)
    if draws:
        rows = [judged(row, known) for row, known in zip(rows, found.lines, strict=True)]
        legend = table_legend(rows, found, draws)
    lines = [
        SheetLine(
            (),
            row,
            facts=_facts(layout, slot),
            images={column: result.images for column, (_, result) in slot.held.items()},
            verdicts=verdicts,
            restorers={c: result.cell.restorer for c, (_, result) in slot.held.items()},
        )
        for slot, row, verdicts in zip(slots, rows, found.lines, strict=True)
    ]
    return lines, legend


def _facts(layout: PaperLayout, slot: _Slot) -> Json:
    block = slot.block
    named = {"table": layout.number, "task": block.task}
    named |= {"dataset": block.dataset, "model": block.model} if block.sources else {}
    return {**named, "codec": CODEC, "qf": slot.qf, "metric": slot.metric}


def _place_columns(layout: PaperLayout, blocks: list[Block]) -> tuple[str, ...]:
    """The columns besides the task's that say where a row of Table IV was measured.

    Where there is one data set, and one model a task, the title says it once and for all.
    """
    if "fidelity" in layout.tasks:
        return ()
    measured = [block for block in blocks if block.sources]
    one = len({block.dataset for block in measured}) == 1
    return () if one and len(blocks) == len(layout.tasks) else ("Data set", "Model")


def _head(layout: PaperLayout, where: tuple[str, ...]) -> tuple[str, ...]:
    if "fidelity" in layout.tasks:
        return ("Dataset", "QF", "Metric")
    return ("Task", *where, "Metric", "QF")


def _labels(layout: PaperLayout, slot: _Slot, where: tuple[str, ...]) -> tuple[str, ...]:
    metric = layout.metrics[slot.metric]
    if "fidelity" in layout.tasks:
        return slot.block.dataset, str(slot.qf), metric
    condition = (slot.block.dataset, slot.block.model) if where else ()
    return (layout.tasks[slot.block.task], *condition, metric, str(slot.qf))


def _published(layout: PaperLayout, slot: _Slot, figures: PublishedFigures) -> dict[str, float]:
    condition = slot.block.task
    if condition not in figures.conditions:
        condition = figures.nearest(slot.block.dataset)
    return figures.of(condition, slot.qf, slot.metric)
