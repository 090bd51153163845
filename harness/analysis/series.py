"""A restorer's cells over the QFs of a codec, beside jpeg's and the original's, on the same images.

What is said of a restorer as a whole (means over QFs, shares, curves) is computed on these, draw
by draw.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.analysis.bootstrap import BootstrapResult, Kept, load_bootstrap, on_images
from harness.analysis.draws import DRAWS
from harness.analysis.metrics import GROUPS
from harness.analysis.significance import BASELINE
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import RestorerEntry


@dataclass(frozen=True)
class Series:
    """One restorer on one task and codec.

    Attributes:
        kind: the task.
        task, dataset, model, codec, restorer: names.
        qfs: of the codec in the run directory, rising.
        own: the restorer's evidence by QF; what has no numbers is not in it.
        jpeg: that of the restorer that does nothing, likewise.
        original: that of the uncompressed images, or None.
    """

    kind: Any
    task: str
    dataset: str
    model: str
    codec: str
    restorer: str
    qfs: tuple[int, ...]
    own: dict[int, BootstrapResult]
    jpeg: dict[int, BootstrapResult]
    original: BootstrapResult | None

    @property
    def images(self) -> tuple[str, ...]:
        """Ids of the images all the evidence is on, sorted."""
        return self.own[min(self.own)].images

    @property
    def metrics(self) -> list[str]:
        """The metrics a table shows, of those the evidence has and of which more is better."""
        held, unranked = self.own[min(self.own)].values, self.kind.unranked
        return [
            name for name in self.kind.displayed_metrics if name in held and name not in unranked
        ]


def load_series(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Series]:
    """The series of a run directory, by task and codec, restorers in the order of a table.

    The reference (`original`) is not one; it stands in every series of its task. Where the cells
    of a series are not on the same images, all of them are computed again on the common ones;
    a series without common images is left out.

    Args:
        directory: the records.
        keys: the cells wanted; all by default.
        draws: of the bootstrap.
        seed: of the draws.
    """
    manifest = directory.manifest()
    evidence = load_bootstrap(directory, keys, draws, seed)
    aligner = _Aligner(draws, seed)
    known = registry.tasks()
    found = []
    for task, codec in _places(evidence.values()):
        mine = [one for one in evidence.values() if one.cell.task == task]
        original = next((one for one in mine if one.cell.qf is None), None)
        grid: dict[str, dict[int, BootstrapResult]] = {}
        for one in mine:
            if one.cell.qf is not None and one.cell.codec == codec:
                grid.setdefault(one.cell.restorer, {})[one.cell.qf] = one
        qfs = tuple(sorted({qf for own in grid.values() for qf in own}))
        for name in sorted(grid, key=lambda n: _order(n, manifest.restorers[n])):
            cell = next(iter(grid[name].values())).cell
            head = (known.get(task), task, cell.dataset, cell.model, codec, name, qfs)
            whole = Series(*head, grid[name], grid.get(BASELINE, {}), original)
            found.append(aligner.aligned(whole))
    return [series for series in found if series is not None]


class _Aligner:
    """Brings the evidence of a series to the same images, each cell once."""

    def __init__(self, draws: int, seed: int) -> None:
        self._draws, self._seed = draws, seed
        self._kept: Kept = {}

    def aligned(self, series: Series) -> Series | None:
        """The same on the common images; None where there are none."""
        cells = [*series.own.values(), *series.jpeg.values()]
        cells += [] if series.original is None else [series.original]
        common = frozenset.intersection(*(frozenset(one.images) for one in cells))
        if not common:
            return None
        own = {qf: self._on(common, one) for qf, one in series.own.items()}
        jpeg = {qf: self._on(common, one) for qf, one in series.jpeg.items()}
        original = None if series.original is None else self._on(common, series.original)
        return replace(series, own=own, jpeg=jpeg, original=original)

    def _on(self, images: frozenset[str], one: BootstrapResult) -> BootstrapResult:
        return on_images(one, images, self._draws, self._seed, self._kept)


def _places(evidence: Iterable[BootstrapResult]) -> Iterator[tuple[str, str]]:
    """The tasks and codecs in which something was compressed, in order."""
    cells = [one.cell for one in evidence]
    yield from dict.fromkeys((c.task, c.codec) for c in cells if c.qf is not None)


def _order(name: str, known: RestorerEntry) -> tuple[int, int, str]:
    return list(GROUPS).index(known.multi_model), known.year, name
