"""What a table of the paper's lacks, and the command that would measure it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.analysis.merge_runs import CODEC, Block, Joined, RunSource
from harness.analysis.sanity_check import gate_notes
from harness.records.schema import CellEntry
from harness.report.tables.notes import table_notes
from harness.report.tables.paper_layouts import ABLATION, HEADINGS, QFS, PaperLayout
from harness.study.study import Cell


def gap_notes(
    layout: PaperLayout, joined: Joined, blocks: Sequence[Block], columns: Sequence[str]
) -> tuple[str, ...]:
    """The notes below a table: what each run directory says of its cells, and what is missing.

    Args:
        layout: of the table.
        joined: what there is.
        blocks: of the table, those that were not measured among them.
        columns: of the table.
    """
    notes = []
    several = len(joined.sources) > 1
    for source in joined.sources:
        said = _own_notes(layout, source)
        notes += [f"{source.directory.path}: {note}" if several else note for note in said]
    for block in blocks:
        notes += _missing(layout, block, columns)
    return tuple(notes)


def _own_notes(layout: PaperLayout, source: RunSource) -> list[str]:
    keys = {c.key for c in source.manifest.cells if layout.takes(c) and _jpeg(c)}
    keys |= {key for key in source.manifest.skipped if key.split("/")[0] in layout.tasks}
    tasks = {result.cell.task for result in source.results}
    return table_notes(source.manifest, source.results, keys) + gate_notes(source.directory, tasks)


def _jpeg(cell: CellEntry) -> bool:
    return cell.codec in ("", CODEC)


def _missing(layout: PaperLayout, block: Block, columns: Sequence[str]) -> list[str]:
    """What was not measured of a block, by columns that lack the same QFs, and the command."""
    qfs = sorted({*QFS, *block.qfs})
    there = {(layout.column(name), qf) for name, qf in block.cells}
    names = _restorers(layout, block, columns)
    lacking: dict[tuple[int, ...], list[str]] = {}
    for column in columns:
        gaps = tuple(
            qf
            for qf in qfs
            if not {(column, qf), (column, None)} & there and not _absent(block, names[column], qf)
        )
        if gaps:
            lacking.setdefault(gaps, []).append(column)
    if not lacking:
        return []
    on = (
        f"{layout.tasks[block.task]} on {block.dataset}"
        if block.sources
        else layout.tasks[block.task]
    )
    heads = ABLATION if layout.ablation else HEADINGS
    what = "; ".join(
        f"{', '.join(heads.get(c, c) for c in found)} at QF {', '.join(map(str, gaps))}"
        for gaps, found in lacking.items()
    )
    if not block.sources:
        what = "nothing"
        return [f"–: {on} was not measured. To fill it: {_command(layout, block, (), ())}"]
    wanted = [names[column] for found in lacking.values() for column in found]
    missing = sorted({qf for gaps in lacking for qf in gaps})
    return [
        f"–: not measured, {on}: {what}. To fill it: {_command(layout, block, wanted, missing)}"
    ]


def _restorers(layout: PaperLayout, block: Block, columns: Sequence[str]) -> dict[str, str]:
    """The restorer that fills each column; of the ablation, in the size that was measured."""
    if not layout.ablation:
        return {column: column for column in columns}
    sizes = [name.partition(":")[2].rpartition("-")[0] for name, _ in block.cells]
    size = next(iter(sizes), "tiny")
    return {column: f"dagn:{size}-{column}" for column in columns}


def _absent(block: Block, restorer: str, qf: int) -> bool:
    """Whether a run directory says why the cell cannot be there."""
    key = Cell(block.task, block.dataset, block.model, CODEC, qf, restorer, {}).key
    return any(key in source.manifest.skipped for source in block.sources)


def _command(
    layout: PaperLayout, block: Block, restorers: Sequence[str], qfs: Sequence[int]
) -> str:
    """The command that goes on in the block's run directory; what is there stays."""
    if not block.sources:
        return f"harness run --task {block.task} --qf {','.join(map(str, QFS))}"
    source = block.sources[0]
    study = source.manifest.study
    words = ["harness", "run", "--task", block.task, "--dataset", study["dataset"]]
    for name in ("images", "masks", "classes", "split", "limit", "tile"):
        if study.get(name) is not None:
            words += [f"--{name}", str(study[name])]
    if block.model and study.get("model"):
        words += ["--model", ",".join(study["model"])]
    if study.get("nearest_qf"):
        words.append("--nearest-qf")
    if study.get("seed"):
        words += ["--seed", str(study["seed"])]
    words += ["--qf", ",".join(map(str, qfs)), "--restorers", ",".join(restorers)]
    return shlex.join([*words, "--output", str(source.directory.path)])
