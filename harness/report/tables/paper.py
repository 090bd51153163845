"""The paper's Tables I, II, IV and V from records: its rows, its columns, its groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.analysis.merge_runs import CODEC, Block, Joined, RunSource, join
from harness.analysis.metrics import CellResult, incomplete
from harness.analysis.resampling import DRAWS
from harness.analysis.significance import Line, assess
from harness.errors import UserError
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import RestorerEntry
from harness.report.tables.build import (
    codec_settings,
    image_count,
    measured_row,
    table_legend,
    tested,
)
from harness.report.tables.missing_cells import missing_notes, nothing_measured
from harness.report.tables.model import Groups, Row, Table
from harness.report.tables.paper_layouts import (
    ABLATION,
    HEADINGS,
    MULTI,
    PAPERS,
    QFS,
    PaperLayout,
    PublishedFigures,
    read_figures,
)


@dataclass(frozen=True)
class _Line:
    """A line before its numbers are tested: where it stands and the cells in it by column."""

    block: Block
    metric: str
    qf: int
    cells: Mapping[str, tuple[RunSource, CellResult]]


def build_paper_table(
    layout: PaperLayout,
    directories: Sequence[RunDirectory],
    draws: int = DRAWS,
    seed: int = 0,
    published: bool = False,
) -> Table:
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
    lines = list(_lines(layout, blocks))
    if not any(line.cells for line in lines):
        raise UserError(nothing_measured(layout, directories))
    rows, legend = _rows(layout, joined, lines, draws, seed)
    where = _place_columns(layout, blocks)
    return Table(
        name=layout.name,
        title=(layout.caption, *_measured_on(blocks)),
        head=_head(layout, where),
        groups=groups,
        headings=ABLATION if layout.ablation else HEADINGS,
        rows=tuple(
            replace(
                row,
                labels=_labels(layout, line, where),
                published=_published(line, figures) if figures else {},
            )
            for line, row in zip(lines, rows, strict=True)
        ),
        notes=missing_notes(
            layout, joined, blocks, [name for _, names in groups for name in names]
        ),
        legend=legend,
        comparison=_comparison(layout, blocks, figures) if figures else "",
        stacked=1 + len(where),
        narrow=True,
    )


def _blocks(layout: PaperLayout, joined: Joined) -> list[Block]:
    """The blocks in the table's order; an empty one for a task that was not measured."""
    blocks = []
    for task in layout.tasks:
        of_task = [block for block in joined.blocks if block.task == task]
        blocks += of_task or [Block(task, "–", "–")]
    return blocks


def _groups(layout: PaperLayout, joined: Joined) -> Groups:
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


def _lines(layout: PaperLayout, blocks: list[Block]) -> Iterator[_Line]:
    """The lines in the paper's order: metric within QF for fidelity, QF within metric else."""
    for block in blocks:
        shown = registry.tasks().get(block.task).displayed_metrics
        metrics = [metric for metric in layout.metrics if metric in shown]
        qfs = sorted({*QFS, *block.qfs})
        pairs = [(metric, qf) for qf in qfs for metric in metrics]
        if not layout.fidelity:
            pairs = [(metric, qf) for metric in metrics for qf in qfs]
        for metric, qf in pairs:
            yield _Line(block, metric, qf, _cells(layout, block, metric, qf))


def _cells(
    layout: PaperLayout, block: Block, metric: str, qf: int
) -> dict[str, tuple[RunSource, CellResult]]:
    cells: dict[str, tuple[RunSource, CellResult]] = {}
    for restorer, (source, result) in block.row(qf).items():
        column = layout.column(restorer)
        if column is None or metric not in result.metrics:
            continue
        if column in cells:
            raise UserError(
                f"{cells[column][1].cell.restorer} and {restorer} are two sizes of one column "
                f"of {layout.name}: name run directories that hold one size each."
            )
        cells[column] = source, result
    return cells


def _rows(
    layout: PaperLayout, joined: Joined, lines: list[_Line], draws: int, seed: int
) -> tuple[list[Row], tuple[str, ...]]:
    """The rows with intervals and marks, and what these mean."""
    known = joined.restorers
    tests, rows = [], []
    for line in lines:
        results = {column: result for column, (_, result) in line.cells.items()}
        ranked = tuple(c for c, r in results.items() if not known[r.cell.restorer].reference)
        keys = {column: source.key(r.cell) for column, (source, r) in line.cells.items()}
        test = Line(line.metric, keys, ranked, incomplete({n: results[n] for n in ranked}))
        facts: dict[str, str | int | None] = {"table": layout.number, "task": line.block.task}
        if line.block.sources:
            facts |= {"dataset": line.block.dataset, "model": line.block.model}
        facts |= {"codec": CODEC, "qf": line.qf, "metric": line.metric}
        tests.append(test)
        rows.append(measured_row((), results, test, facts))
    if not draws:
        return rows, ()
    assessment = assess(tests, joined.bootstrap(draws, seed), draws, seed)
    rows = [tested(row, known) for row, known in zip(rows, assessment.lines, strict=True)]
    return rows, table_legend(rows, assessment, draws)


def _place_columns(layout: PaperLayout, blocks: list[Block]) -> tuple[str, ...]:
    """The columns besides the task's that say where a row of Table IV was measured.

    Where there is one data set, and one model a task, the title says it once and for all.
    """
    datasets = {block.dataset for block in blocks if block.sources}
    once = len(datasets) == 1 and len(blocks) == len(layout.tasks)
    return () if layout.fidelity or once else ("Data set", "Model")


def _head(layout: PaperLayout, where: tuple[str, ...]) -> tuple[str, ...]:
    return ("Dataset", "QF", "Metric") if layout.fidelity else ("Task", *where, "Metric", "QF")


def _labels(layout: PaperLayout, line: _Line, where: tuple[str, ...]) -> tuple[str, ...]:
    block, metric = line.block, layout.metrics[line.metric]
    if layout.fidelity:
        return block.dataset, str(line.qf), metric
    condition = (block.dataset, block.model) if where else ()
    return (layout.tasks[block.task], *condition, metric, str(line.qf))


def _published(line: _Line, figures: PublishedFigures) -> Mapping[str, float]:
    condition = line.block.task
    if condition not in figures.conditions:
        condition = figures.nearest(line.block.dataset)
    return figures.rows.get((condition, line.qf, line.metric), {})


def _measured_on(blocks: list[Block]) -> list[str]:
    """One line a block: what its numbers were measured on, with which model."""
    lines = []
    for block in (block for block in blocks if block.sources):
        manifest = block.sources[0].manifest
        title = registry.tasks().get(block.task).title
        if not block.model:
            title = title.partition("(")[2].rstrip(")") or title
        lines.append(
            f"{title}: data set {block.dataset} ({image_count(manifest.data_set)}), "
            f"JPEG ({codec_settings(manifest.identity.codecs[CODEC])})"
            + (f", vision model {block.model}" if block.model else "")
        )
    return lines


def _comparison(layout: PaperLayout, blocks: list[Block], figures: PublishedFigures) -> str:
    """What the paper's figures are of, and what the measured ones are of."""
    models: dict[str, list[str]] = {}
    for block in (block for block in blocks if block.sources):
        models.setdefault(block.dataset, []).extend(filter(None, [block.model]))
    measured = ", ".join(
        f"{name} with {' and '.join(used)}" if used else name for name, used in models.items()
    )
    paper = f"{layout.published_on} with its models and its authors' restorers"
    if layout.fidelity:
        beside = ", ".join(f"{figures.nearest(name)} beside {name}" for name in models)
        paper = f"{layout.published_on} with its authors' restorers ({beside})"
    return (
        f"paper: as published, on {paper}. measured: here, on {measured}, with the restorers' "
        "weights of this run. A difference says something only where data, models and weights are "
        "the same."
    )
