"""Cells of several run directories put together, so that they can stand in one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.analysis.bootstrap import BootstrapResult, load_bootstrap
from harness.analysis.metrics import CellResult, measure
from harness.errors import UserError
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest, RestorerEntry
from harness.study.study import Study

CODEC = Study.model_fields["codec"].default[0]
"""The paper's tables are of plain JPEG."""


@dataclass(frozen=True, eq=False)
class RunSource:
    """A run directory and what of it is in the table.

    Attributes:
        directory: the run directory.
        manifest: its manifest.
        results: the cells in the table, measured.
        index: tells its cells from those of the same key in another run.
    """

    directory: RunDirectory
    manifest: Manifest
    results: list[CellResult]
    index: int

    def key(self, cell: CellEntry) -> str:
        """A cell's key, unique among all run directories."""
        return f"{self.index}:{cell.key}"


@dataclass
class Block:
    """The rows of one task on one data set with one vision model.

    Attributes:
        task, dataset, model: what they are of; the model is empty where none runs.
        sources: the run directories they are from.
        cells: (restorer, QF) to the run directory and the cell; QF None: not compressed.
    """

    task: str
    dataset: str
    model: str
    sources: list[RunSource] = field(default_factory=list)
    cells: dict[tuple[str, int | None], tuple[RunSource, CellResult]] = field(default_factory=dict)

    def row(self, qf: int) -> dict[str, tuple[RunSource, CellResult]]:
        """The cells of a QF by restorer, the uncompressed image's among them."""
        return {name: cell for (name, at), cell in self.cells.items() if at in (qf, None)}

    @property
    def qfs(self) -> set[int]:
        """The QFs that were measured."""
        return {qf for _, qf in self.cells if qf is not None}


@dataclass(frozen=True)
class Joined:
    """What several run directories hold together.

    Attributes:
        sources: the run directories.
        blocks: in the order in which they come; those with a compressed cell.
    """

    sources: tuple[RunSource, ...]
    blocks: tuple[Block, ...]

    @property
    def restorers(self) -> dict[str, RestorerEntry]:
        """What is known of every restorer: ``multi_model``, ``year``, ``reference``."""
        known: dict[str, RestorerEntry] = {}
        for source in self.sources:
            measured = {result.cell.restorer for result in source.results}
            entries = source.manifest.restorers
            known |= {name: entries[name] for name in entries if name in measured}
        return known

    def bootstrap(self, draws: int, seed: int) -> dict[str, BootstrapResult]:
        """The bootstrap results of every cell, by `RunSource.key`."""
        results = {}
        for source in self.sources:
            keys = [result.cell.key for result in source.results]
            for result in load_bootstrap(source.directory, keys, draws, seed).values():
                results[source.key(result.cell)] = result
        return results


def join(directories: Sequence[RunDirectory], wanted: Callable[[CellEntry], bool]) -> Joined:
    """The cells of the run directories that a table is made of.

    Args:
        directories: one or more.
        wanted: of a cell of the manifest; cells of codecs other than JPEG are left out anyway.

    Raises:
        UserError: one is no run directory, two hold the same cell, or two of the same data set do
            not hold the same images, or predictions by other weights of the vision model.
    """
    sources = []
    for index, directory in enumerate(directories):
        manifest = directory.manifest()
        keys = {c.key for c in manifest.cells if c.codec in ("", CODEC) and wanted(c)}
        sources.append(RunSource(directory, manifest, measure(directory, keys), index))
    blocks: dict[tuple[str, str, str], Block] = {}
    for source in sources:
        for result in source.results:
            cell = result.cell
            name = (cell.task, cell.dataset, cell.model or "")
            _add(blocks.setdefault(name, Block(*name)), source, result)
    # Of a run on other codecs alone, the uncompressed images' cell is all that is left.
    return Joined(tuple(sources), tuple(block for block in blocks.values() if block.qfs))


def _add(block: Block, source: RunSource, result: CellResult) -> None:
    if source not in block.sources:
        if block.sources:
            _check_same(block, source, result)
        block.sources.append(source)
    condition = result.cell.restorer, result.cell.qf
    if condition in block.cells:
        other = block.cells[condition][0]
        raise UserError(
            f"{other.directory.path} and {source.directory.path} both hold "
            f"{result.cell.key} on {block.dataset}: a number stands in a table once. "
            "Name one of them."
        )
    block.cells[condition] = source, result


def _check_same(block: Block, source: RunSource, result: CellResult) -> None:
    """Refuse what numbers in one row must not differ in: images, codec, vision model's weights."""
    first, measured = next(iter(block.cells.values()))
    both = f"{first.directory.path} and {source.directory.path} are"
    identities = [s.manifest.identity for s in (first, source)]
    images, others = ((i.data, i.images, i.codecs.get(CODEC)) for i in identities)
    if images != others:
        raise UserError(
            f"{both} both on {block.dataset}, but not on the same images with the same codec: "
            "their numbers cannot stand in one row."
        )
    model, other = (r.cell.inputs.get("model") or {} for r in (measured, result))
    if model.get("weights") != other.get("weights"):
        raise UserError(
            f"{both} by other weights of {block.model}: their numbers cannot stand in one row."
        )
