"""What figures are drawn from: a run's evidence, ordered, with the words of its captions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from harness.analysis.bootstrap import BootstrapResult, load_bootstrap
from harness.analysis.draws import DRAWS
from harness.analysis.inference import LEVEL, Interval
from harness.analysis.metrics import GROUPS, headline, scaled
from harness.plugins import registry
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
    def evidence(self) -> list[BootstrapResult]:
        """Of the cells with numbers, in the manifest's order."""
        return list(load_bootstrap(self.directory, self.keys, self.draws, self.seed).values())

    @cached_property
    def styles(self) -> dict[str, Style]:
        """By restorer, of all that the run has."""
        return assign_styles([*self.manifest.restorers, *(e.cell.restorer for e in self.evidence)])

    @cached_property
    def panels(self) -> list[PanelKey]:
        """The tasks and codecs in which something was compressed, in order."""
        cells = [one.cell for one in self.evidence]
        return list(dict.fromkeys((c.task, c.codec) for c in cells if c.qf is not None))

    def metric(self, task: str) -> str:
        """The headline metric of a task; that of luma, in a run of luma alone."""
        mine = [one for one in self.evidence if one.cell.task == task]
        return headline(task_class((task, "")), {name for one in mine for name in one.values})

    def grid(self, panel: PanelKey) -> dict[str, dict[int, BootstrapResult]]:
        """The evidence of a panel by restorer, in a table's order, and QF, rising."""
        found: dict[str, dict[int, BootstrapResult]] = {}
        for one in self.evidence:
            if (one.cell.task, one.cell.codec) == panel and one.cell.qf is not None:
                found.setdefault(one.cell.restorer, {})[one.cell.qf] = one
        return {name: dict(sorted(found[name].items())) for name in sorted(found, key=self._order)}

    def original(self, task: str) -> BootstrapResult | None:
        """That of the uncompressed images, or None."""
        mine = (e for e in self.evidence if e.cell.task == task and e.cell.qf is None)
        return next(mine, None)

    def qfs(self, panel: PanelKey) -> list[int]:
        """The QFs of a panel, rising."""
        return sorted({qf for cells in self.grid(panel).values() for qf in cells})

    def shown_qf(self, panel: PanelKey) -> int:
        """The QF of the figures that show one: the one asked for, or the panel's lowest."""
        held = self.qfs(panel)
        return self.qf if self.qf in held else held[0]

    def size(self, one: BootstrapResult) -> FigureSize:
        """Bits per pixel and seconds, over the images of the evidence."""
        key = one.cell.key
        if key not in self._sizes:
            records = self.directory.records(one.cell)
            mine = [records[image] for image in one.images]
            seconds = [r.seconds["restore"] for r in mine if "restore" in r.seconds]
            bpp = [math.nan if r.bpp is None else r.bpp for r in mine]
            median = statistics.median(seconds) if seconds else math.nan
            self._sizes[key] = FigureSize(math.fsum(bpp) / len(bpp), median)
        return self._sizes[key]

    def _order(self, name: str) -> tuple[int, int, str]:
        known = self.manifest.restorers[name]
        return list(GROUPS).index(known.multi_model), known.year, name

    # -- words ------------------------------------------------------------------------------

    @property
    def note(self) -> str:
        """The line above a figure: which data set, how much of it."""
        data = self.manifest.data_set
        subset = "" if data.images >= data.total else "subset, "
        count = self._counted()
        of = "" if count == str(data.total) else f" of {data.total}"
        return f"data set {data.name}, {subset}n = {count}{of}"

    def what(self, panels: Iterable[PanelKey]) -> str:
        """A caption's sentences on what was measured on what."""
        data = self.manifest.data_set
        chosen = list(panels)
        images = f"{data.images} images"
        if data.images < data.total:
            images = f"a subset, {data.images} of {data.total} images"
        models = {task: self.manifest.models.get(task) for task, _ in chosen}
        named = [f"{task}: {model or 'no vision model'}" for task, model in models.items()]
        codecs = dict.fromkeys(codec for _, codec in chosen)
        sentences = [
            f"Data set {data.name} ({images}).",
            f"Vision models: {'; '.join(named)}." if named else "",
            f"Codec: {', '.join(codecs)}." if codecs else "",
            self._fewer(),
            self._notice(data.name),
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    def _fewer(self) -> str:
        expected, counted = self.manifest.data_set.images, self._counted()
        if counted == str(expected):
            return ""
        return f"Incomplete: cells have {counted} of {expected} images."

    def _counted(self) -> str:
        """How many images the numbers are of; from the fewest to the most."""
        counts = {len(one.images) for one in self.evidence}
        counts = counts or {self.manifest.data_set.images}
        return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))

    @staticmethod
    def _notice(name: str) -> str:
        """What the user must read before numbers on a named data set."""
        known = registry.datasets()
        return str(known.get(name).notice) if name in known else ""

    def intervals(self, of: str, panels: Iterable[PanelKey]) -> str:
        """A caption's sentence on the intervals, or on there being none.

        Args:
            of: what they are intervals of ("the values").
            panels: the panels drawn.
        """
        tasks = {task for task, _ in panels}
        bare = sorted({e.cell.task for e in self.evidence if not e.draws} & tasks)
        if not self.draws or bare == sorted(tasks):
            return "No intervals were computed."
        if max(len(e.images) for e in self.evidence) == 1:
            return "No intervals: one image has none."
        end = f", none for {', '.join(bare)}" if bare else ""
        return (
            f"{round(100 * LEVEL)} % bootstrap intervals of {of}, from {self.draws} draws of "
            f"images (seed {self.seed}){end}."
        )


def task_class(panel: PanelKey) -> Any:
    """The task class of a panel."""
    return registry.tasks().get(panel[0])


def metric_unit(task: Any, metric: str) -> str:
    """The unit a metric is printed in: %, dB or none."""
    if metric.startswith("PSNR"):
        return "dB"
    return "" if metric in task.digits else "%"


def labelled(task: Any, metric: str, what: str = "", percent: str = "%") -> str:
    """An axis's label: the metric, its unit, and that more is better.

    Args:
        task: its class.
        metric: its name.
        what: the words for it, if not its name.
        percent: the unit of percentages; of their differences "points".
    """
    unit = metric_unit(task, metric).replace("%", percent)
    return f"{what or metric}{f' ({unit})' if unit else ''}\nhigher is better"


def shown_interval(task: Any, metric: str, ends: Interval) -> Interval:
    """An interval in the unit that is printed."""
    return Interval(*(scaled(task, metric, end) for end in ends))


def panel_title(material: FigureData, panel: PanelKey) -> str:
    """Task and model of a panel; the codec where the run has several."""
    task, codec = panel
    model = material.manifest.models.get(task)
    several = len({c for _, c in material.panels}) > 1
    return ", ".join([task, *([model] if model else []), *([codec] if several else [])])


def legend_label(name: str, limit: int = 26) -> str:
    """A restorer's name in a legend; the end of a long one (a path) tells more than its start."""
    return name if len(name) <= limit else "…" + name[-(limit - 1) :]
