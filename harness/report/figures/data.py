"""What figures are drawn from: a run's results, ordered, with the words of its captions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from harness.analysis.bootstrap import BootstrapResult, load_bootstrap
from harness.analysis.differences import differences
from harness.analysis.inference import LEVEL, Interval
from harness.analysis.metrics import GROUPS, headline, scaled
from harness.analysis.resampling import DRAWS
from harness.analysis.significance import BASELINE
from harness.plugins import Record, registry
from harness.plugins.task import Task
from harness.records.run_directory import RunDirectory
from harness.records.schema import Manifest
from harness.report.figures.style import Style, assign_styles

PanelKey = tuple[str, str]
"""A panel: a task and a codec."""


class FigureSize(NamedTuple):
    """What the records of a cell say besides the prediction.

    Attributes:
        bpp: mean bits per pixel of the images in the cell's numbers; NaN where not recorded.
        seconds: median seconds of restoring one of them; NaN where not recorded.
    """

    bpp: float
    seconds: float


def restoring_seconds(records: Iterable[Record]) -> float:
    """The median time of restoring an image while the run computed; NaN where none was recorded."""
    seconds = [record.seconds["restore"] for record in records if "restore" in record.seconds]
    return statistics.median(seconds) if seconds else math.nan


class MetricCurve(NamedTuple):
    """The headline metric of a restorer in a panel, in its printed unit.

    Attributes:
        codec, restorer: whose.
        x: of its points, rising.
        values, intervals: at each.
    """

    codec: str
    restorer: str
    x: list[float]
    values: list[float]
    intervals: list[Interval]


@dataclass(frozen=True)
class FigureData:
    """A run directory, for figures.

    Attributes:
        directory: the records.
        keys: the cells wanted; None: all.
        draws: of the bootstrap; 0 for no intervals.
        seed: of the draws.
        qf: of the figures that show one; None: the lowest.
    """

    directory: RunDirectory
    keys: Collection[str] | None = None
    draws: int = DRAWS
    seed: int = 0
    qf: int | None = None
    _sizes: dict[str, FigureSize] = field(default_factory=dict, repr=False)

    @cached_property
    def manifest(self) -> Manifest:
        """The run's manifest."""
        return self.directory.manifest()

    @cached_property
    def results(self) -> list[BootstrapResult]:
        """Of the cells with numbers, in the manifest's order."""
        return list(load_bootstrap(self.directory, self.keys, self.draws, self.seed).values())

    @cached_property
    def styles(self) -> dict[str, Style]:
        """By restorer, of all that the run has."""
        measured = (result.cell.restorer for result in self.results)
        return assign_styles([*self.manifest.restorers, *measured])

    @cached_property
    def panels(self) -> list[PanelKey]:
        """The tasks and codecs in which something was compressed, in order."""
        cells = [result.cell for result in self.results]
        return list(dict.fromkeys((c.task, c.codec) for c in cells if c.qf is not None))

    def metric(self, task: str) -> str:
        """The headline metric of a task; that of luma, in a run of luma alone."""
        of_task = [result for result in self.results if result.cell.task == task]
        return headline(task_class(task), {name for result in of_task for name in result.values})

    def grid(self, panel: PanelKey) -> dict[str, dict[int, BootstrapResult]]:
        """The results of a panel by restorer, in a table's order, and QF, rising."""
        grid: dict[str, dict[int, BootstrapResult]] = {}
        for result in self.results:
            cell = result.cell
            if (cell.task, cell.codec) == panel and cell.qf is not None:
                grid.setdefault(cell.restorer, {})[cell.qf] = result
        return {name: dict(sorted(grid[name].items())) for name in sorted(grid, key=self._order)}

    def grid_at(self, panel: PanelKey, qf: int) -> dict[str, BootstrapResult]:
        """The results of a panel at a QF by restorer, in a table's order."""
        return {name: cells[qf] for name, cells in self.grid(panel).items() if qf in cells}

    def curves(self, panel: PanelKey, x: Callable[[BootstrapResult], float]) -> list[MetricCurve]:
        """A curve a restorer; points without a positive ``x`` are left out."""
        curves = []
        for name, cells in self.grid(panel).items():
            estimates = {qf: self._estimate(result) for qf, result in cells.items()}
            points = sorted((x(cells[qf]), *e) for qf, e in estimates.items() if e is not None)
            points = [point for point in points if point[0] > 0]
            if points:
                places, values, ends = zip(*points, strict=True)
                curves.append(MetricCurve(panel[1], name, [*places], [*values], [*ends]))
        return curves

    def reference(self, task: str) -> tuple[float, Interval] | None:
        """The headline metric of the uncompressed images, if they are scored."""
        originals = (r for r in self.results if r.cell.task == task and r.cell.qf is None)
        original = next(originals, None)
        return None if original is None else self._estimate(original)

    def _estimate(self, result: BootstrapResult) -> tuple[float, Interval] | None:
        """Its headline metric with its interval, in the printed unit."""
        task, metric = task_class(result.cell.task), self.metric(result.cell.task)
        if metric not in result.values:
            return None
        ends = scaled_interval(task, metric, result.interval(metric))
        return scaled(task, metric, result.values[metric]), ends

    def gain(self, panel: PanelKey, restorer: str, qf: int) -> tuple[float, Interval] | None:
        """The paired difference of a restorer from `BASELINE`, in the printed unit of the panel.

        None for `BASELINE` itself, and where one of the two has no numbers.
        """
        at_qf, metric = self.grid_at(panel, qf), self.metric(panel[0])
        if restorer == BASELINE or BASELINE not in at_qf or restorer not in at_qf:
            return None
        pair = (at_qf[BASELINE], at_qf[restorer], [metric], self.draws, self.seed)
        found = differences(*pair).get(metric)
        if found is None:
            return None
        task = task_class(panel[0])
        return scaled(task, metric, found.value), scaled_interval(task, metric, found.interval)

    def qfs(self, panel: PanelKey) -> list[int]:
        """The QFs of a panel, rising."""
        return sorted({qf for cells in self.grid(panel).values() for qf in cells})

    def chosen_qf(self, panel: PanelKey) -> int:
        """The QF of the figures that show one: the one asked for, or the panel's lowest."""
        qfs = self.qfs(panel)
        return self.qf if self.qf in qfs else qfs[0]

    def size(self, result: BootstrapResult) -> FigureSize:
        """Bits per pixel and seconds, over the images of the result."""
        key = result.cell.key
        if key not in self._sizes:
            by_image = self.directory.records(result.cell)
            records = [by_image[image] for image in result.images]
            bpp = [math.nan if r.bpp is None else r.bpp for r in records]
            self._sizes[key] = FigureSize(math.fsum(bpp) / len(bpp), restoring_seconds(records))
        return self._sizes[key]

    def _order(self, name: str) -> tuple[int, int, str]:
        entry = self.manifest.restorers[name]
        return list(GROUPS).index(entry.multi_model), entry.year, name

    # -- words ------------------------------------------------------------------------------

    @property
    def note(self) -> str:
        """The line above a figure: which data set, how much of it."""
        data_set = self.manifest.data_set
        subset = "" if data_set.images >= data_set.total else "subset, "
        of = "" if self._count == str(data_set.total) else f" of {data_set.total}"
        return f"data set {data_set.name}, {subset}n = {self._count}{of}"

    def title(self, panel: PanelKey) -> str:
        """Task and model of a panel; the codec where the run has several."""
        codec = panel[1] if len({codec for _, codec in self.panels}) > 1 else ""
        model = self.manifest.models.get(panel[0])
        return ", ".join(filter(None, [panel[0], model, codec]))

    def describe(self, panels: Collection[PanelKey]) -> str:
        """A caption's sentences on what was measured on what."""
        data_set = self.manifest.data_set
        images = f"{data_set.images} images"
        if data_set.images < data_set.total:
            images = f"a subset, {data_set.images} of {data_set.total} images"
        models = {task: self.manifest.models.get(task) for task, _ in panels}
        named = "; ".join(f"{task}: {model or 'no vision model'}" for task, model in models.items())
        codecs = ", ".join(dict.fromkeys(codec for _, codec in panels))
        incomplete = f"Incomplete: cells have {self._count} of {data_set.images} images."
        data_sets = registry.datasets()
        return join(
            f"Data set {data_set.name} ({images}).",
            f"Vision models: {named}." if named else "",
            f"Codec: {codecs}." if codecs else "",
            "" if self._count == str(data_set.images) else incomplete,
            data_sets.get(data_set.name).notice if data_set.name in data_sets else "",
        )

    @property
    def _count(self) -> str:
        """How many images the numbers are of; from the fewest to the most."""
        counts = {len(result.images) for result in self.results}
        counts = counts or {self.manifest.data_set.images}
        return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))

    def describe_intervals(self, of: str, panels: Iterable[PanelKey]) -> str:
        """A caption's sentence on the intervals of something, or on there being none."""
        tasks = {task for task, _ in panels}
        bare = sorted({r.cell.task for r in self.results if not r.draws} & tasks)
        if not self.draws or bare == sorted(tasks):
            return "No intervals were computed."
        if max(len(result.images) for result in self.results) == 1:
            return "No intervals: one image has none."
        end = f", none for {', '.join(bare)}" if bare else ""
        return (
            f"{round(100 * LEVEL)} % bootstrap intervals of {of}, from {self.draws} draws of "
            f"images (seed {self.seed}){end}."
        )


def task_class(name: str) -> type[Task]:
    """The class of a task."""
    task: type[Task] = registry.tasks().get(name)
    return task


def join(*sentences: str) -> str:
    """The sentences that say something, in one text."""
    return " ".join(filter(None, sentences))


def metric_unit(task: type[Task], metric: str, percent: str = "%") -> str:
    """The unit a metric is printed in: %, dB or none; ``percent``: the word for percentages."""
    if metric.startswith("PSNR"):
        return "dB"
    return "" if metric in task.digits else percent


def axis_label(task: type[Task], metric: str, what: str = "", percent: str = "%") -> str:
    """An axis's label: the metric, its unit, and that more is better.

    ``what``: the words for it, if not its name; ``percent``: of differences "points".
    """
    unit = metric_unit(task, metric, percent)
    return f"{what or metric}{f' ({unit})' if unit else ''}\nhigher is better"


def scaled_interval(task: type[Task], metric: str, ends: Interval) -> Interval:
    """An interval in the unit that is printed."""
    return Interval(*(scaled(task, metric, end) for end in ends))
