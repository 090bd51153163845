"""A restorer's cells over the QFs of a codec, beside jpeg's and the original's, on the same images.

What is said of a restorer as a whole (means over QFs, shares, curves) is computed on these, draw
by draw.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from harness.analysis.bootstrap import BootstrapResult, SubsetResults, load_bootstrap, on_images
from harness.analysis.metrics import GROUPS
from harness.analysis.resampling import DRAWS
from harness.analysis.significance import BASELINE
from harness.plugins import Task, registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import RestorerEntry


@dataclass(frozen=True)
class Series:
    """One restorer on one task and codec.

    Attributes:
        kind: the task.
        task, dataset, model, codec, restorer: names.
        qfs: of the codec in the run directory, rising.
        own: the restorer's results by QF; what has no numbers is not in it.
        jpeg: those of the restorer that does nothing, likewise.
        original: that of the uncompressed images, or None.
    """

    kind: type[Task]
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
        """Ids of the images all the results are on, sorted."""
        return self.own[min(self.own)].images

    @property
    def metrics(self) -> list[str]:
        """The metrics a table shows, of those the results have and of which more is better."""
        known, unranked = self.own[min(self.own)].values, self.kind.unranked
        return [
            name for name in self.kind.displayed_metrics if name in known and name not in unranked
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
    results = list(load_bootstrap(directory, keys, draws, seed).values())
    places = dict.fromkeys((r.cell.task, r.cell.codec) for r in results if r.cell.qf is not None)
    subsets: SubsetResults = {}
    series = []
    for task, codec in places:
        of_task = [result for result in results if result.cell.task == task]
        original = next((result for result in of_task if result.cell.qf is None), None)
        grid: dict[str, dict[int, BootstrapResult]] = {}
        for result in of_task:
            if result.cell.qf is not None and result.cell.codec == codec:
                grid.setdefault(result.cell.restorer, {})[result.cell.qf] = result
        for name in sorted(grid, key=lambda n: _order(n, manifest.restorers[n])):
            cell = next(iter(grid[name].values())).cell
            whole = Series(
                kind=registry.tasks().get(task),
                task=task,
                dataset=cell.dataset,
                model=cell.model,
                codec=codec,
                restorer=name,
                qfs=tuple(sorted({qf for own in grid.values() for qf in own})),
                own=grid[name],
                jpeg=grid.get(BASELINE, {}),
                original=original,
            )
            series.append(_aligned(whole, draws, seed, subsets))
    return [aligned for aligned in series if aligned is not None]


def _aligned(series: Series, draws: int, seed: int, subsets: SubsetResults) -> Series | None:
    """The same on the images that all of its cells have; None where there are none."""
    results = [*series.own.values(), *series.jpeg.values()]
    results += [] if series.original is None else [series.original]
    common = frozenset.intersection(*(frozenset(result.images) for result in results))
    if not common:
        return None

    def on_common(result: BootstrapResult) -> BootstrapResult:
        return on_images(result, common, draws, seed, subsets)

    return replace(
        series,
        own={qf: on_common(result) for qf, result in series.own.items()},
        jpeg={qf: on_common(result) for qf, result in series.jpeg.items()},
        original=None if series.original is None else on_common(series.original),
    )


def _order(name: str, known: RestorerEntry) -> tuple[int, int, str]:
    return list(GROUPS).index(known.multi_model), known.year, name
