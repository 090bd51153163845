"""What a table of the paper's lacks, and the command that would measure it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence

from harness.analysis.merge_runs import CODEC, Block, Joined, RunSource
from harness.records.run_directory import RunDirectory
from harness.records.study_names import (
    located_study,
    restorer_spec,
    unresolvable_restorers,
)
from harness.report.tables.notes import run_notes, unranked_notes
from harness.report.tables.paper_layouts import ABLATION, HEADINGS, QFS, PaperLayout
from harness.study.device import CPU_KIND
from harness.study.study import Cell


def missing_notes(
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
    for source in joined.sources:
        head = f"{source.directory.path}: " if len(joined.sources) > 1 else ""
        notes += [f"{head}{note}" for note in _run_notes(layout, source)]
    objects: dict[str, str] = {}
    for source in joined.sources:
        objects |= unresolvable_restorers(source.manifest, ())
    for block in blocks:
        notes += _missing(layout, block, columns, objects)
    return tuple(notes)


def nothing_measured(layout: PaperLayout, directories: Sequence[RunDirectory]) -> str:
    """What to say where the run directories hold nothing of a table, and what to do."""
    paths = ", ".join(str(directory.path) for directory in directories)
    hold = "holds" if len(directories) == 1 else "hold"
    what = " or ".join(layout.tasks)
    if layout.fidelity:
        what += " of DAGN's variants in colour" if layout.ablation else " in colour"
    data = " It is on LIU4K, which its authors give out." if layout.number == "II" else ""
    return (
        f"{paths} {hold} no record of {what} after JPEG, which {layout.name} is made of.{data} "
        f"Make one with '{layout.command}'."
    )


def _run_notes(layout: PaperLayout, source: RunSource) -> tuple[str, ...]:
    cells = (c for c in source.manifest.cells if c.codec in ("", CODEC) and layout.takes(c))
    keys = {cell.key for cell in cells}
    keys |= {key for key in source.manifest.skipped if key.split("/")[0] in layout.tasks}
    notes = run_notes(source.directory, source.manifest, source.results, keys)
    return (*notes, *unranked_notes(source.manifest, source.results))


def _missing(
    layout: PaperLayout, block: Block, columns: Sequence[str], objects: Mapping[str, str]
) -> list[str]:
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
    if not block.sources:
        return [f"–: {layout.tasks[block.task]} was not measured. To fill it: {_command(block)}"]
    heads = ABLATION if layout.ablation else HEADINGS
    what = "; ".join(
        f"{', '.join(heads.get(c, c) for c in without)} at QF {', '.join(map(str, gaps))}"
        for gaps, without in lacking.items()
    )
    restorers = [names[column] for without in lacking.values() for column in without]
    specs = {name: _spec(name, block, objects) for name in restorers}
    on = f"{layout.tasks[block.task]} on {block.dataset}"
    note = f"–: not measured, {on}: {what}."
    unnamed = [name for name, spec in specs.items() if spec is None]
    if unnamed:
        listed = ", ".join(f"{name} ({objects.get(name, 'of another run')})" for name in unnamed)
        note += f" No command names {listed}: give it to harness.evaluate, or its file, as before."
    named = {name: spec for name, spec in specs.items() if spec is not None}
    if named:
        missing = ((gap, of) for gap, of in lacking.items() if any(names[c] in named for c in of))
        qfs = sorted({qf for gap, _ in missing for qf in gap})
        note += f" To fill it: {_command(block, list(named.values()), qfs)}"
    return [note]


def _spec(name: str, block: Block, objects: Collection[str]) -> str | None:
    """What the command calls a restorer: its name or its file; None: it was a Python object."""
    if name in objects:
        return None
    source = block.sources[0]
    return restorer_spec(name, located_study(source.manifest, source.directory.path))


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


def _command(block: Block, restorers: Sequence[str] = (), qfs: Sequence[int] = ()) -> str:
    """The command that goes on in the block's run directory; what is there stays."""
    if not block.sources:
        return f"harness run --task {block.task} --qf {','.join(map(str, QFS))}"
    source = block.sources[0]
    study = located_study(source.manifest, source.directory.path)
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
    if (kind := source.manifest.identity.device) != CPU_KIND:
        words += ["--device", kind]
    words += ["--qf", ",".join(map(str, qfs)), "--restorers", ",".join(restorers)]
    return shlex.join([*words, "--output", str(source.directory.path)])
