"""What each class gains: the paired difference from plain compression, class by restorer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.differences import Difference, differences
from harness.analysis.inference import NO_INTERVAL
from harness.analysis.metrics import printed, scaled
from harness.analysis.significance import BASELINE
from harness.plugins.task import Task
from harness.report.figures.axes import canvas, legend_label
from harness.report.figures.base import Absent, Figure
from harness.report.figures.data import FigureData, PanelKey, join, metric_unit, task_class
from harness.report.figures.style import SMALLEST, WIDTHS, readable_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.image import AxesImage

NAME = "classes"

_ROW = 0.128
"""Inches; a line of `SMALLEST` points has room in it."""

_WIDE = 0.8
"""Inches a column is at most, about."""

_TALL = 45
"""Classes in one block; more stand in two blocks beside each other where there is the width."""


class Gains(NamedTuple):
    """What a panel's heat map shows.

    Attributes:
        metric: of a class, before the slash (``AP``).
        classes: the mean gain falling.
        restorers: in a table's order.
        gains: by class and restorer, in the task's unit.
        undefined: classes without a number, which are left out.
    """

    metric: str
    classes: list[str]
    restorers: list[str]
    gains: dict[tuple[str, str], Difference]
    undefined: list[str]


def class_gains(data: FigureData, panel: PanelKey) -> Gains | None:
    """The gains of every class at the figure's QF; None where the task has no metric of a class."""
    at_qf = data.grid_at(panel, data.chosen_qf(panel))
    baseline = at_qf.pop(BASELINE, None)
    if baseline is None:
        return None
    prefix = next((name.partition("/")[0] for name in baseline.values if "/" in name), "")
    metrics = [name for name in baseline.values if prefix and name.startswith(f"{prefix}/")]
    gains: dict[tuple[str, str], Difference] = {}
    for name, result in at_qf.items():
        gaps = differences(baseline, result, metrics, data.draws, data.seed)
        for metric, gap in gaps.items():
            if not math.isnan(gap.value):
                gains[metric.partition("/")[2], name] = gap
    if not gains:
        return None
    means: dict[str, float] = {}
    classes = list(dict.fromkeys(metric.partition("/")[2] for metric in metrics))
    for label in classes:
        values = [gains[label, name].value for name in at_qf if (label, name) in gains]
        if values:
            means[label] = math.fsum(values) / len(values)
    return Gains(
        metric=prefix,
        classes=sorted(means, key=lambda label: (-means[label], label)),
        restorers=list(at_qf),
        gains=gains,
        undefined=[label for label in classes if label not in means],
    )


def make(data: FigureData) -> list[Figure | Absent]:
    """A figure a task and codec, or why there is none."""
    made: list[Figure | Absent] = []
    several_codecs = len({codec for _, codec in data.panels}) > 1
    for panel in data.panels:
        gains = class_gains(data, panel)
        name = "-".join([NAME, *(panel if several_codecs else panel[:1])])
        if gains is None:
            made.append(Absent(name, _reason(data, panel)))
        else:
            made.append(_figure(data, panel, gains, name))
    return made or [Absent(NAME, "it has no numbers")]


def _reason(data: FigureData, panel: PanelKey) -> str:
    """Why there is no figure."""
    grid, qf = data.grid(panel), data.chosen_qf(panel)
    baseline = grid.get(BASELINE, {}).get(qf)
    if set(grid) <= {BASELINE}:
        return f"{panel[1]} was given to no restorer besides {BASELINE}"
    if baseline is None:
        return f"the run has no {BASELINE} at QF {qf} to hold restorers against"
    if not any("/" in metric for metric in baseline.values):
        return f"{panel[0]} has no metric of a class"
    return f"no class has a number for {BASELINE} and for a restorer"


def _figure(data: FigureData, panel: PanelKey, gains: Gains, name: str) -> Figure:
    undefined = ", ".join(gains.undefined)
    caption = join(
        f"{gains.metric} of each class less that of {BASELINE}, percentage points, at QF "
        f"{data.chosen_qf(panel)}; classes by their mean gain, the least last.",
        data.describe([panel]),
        f"Colours are fullest at {_limit(gains):.1f} and more.",
        "Bold: the 95 % interval of the paired difference does not hold 0 (not corrected for "
        "the number of classes).",
        data.describe_intervals("the paired differences", [panel]),
        f"Left out, having no number: {undefined}." if undefined else "",
    )
    title = f"Gain of each class, {panel[0]}"
    return Figure(name, title, caption, partial(_draw, data, panel, gains))


def _draw(data: FigureData, panel: PanelKey, gains: Gains, width: float) -> Canvas:
    blocks = 2 if len(gains.classes) > _TALL and width > WIDTHS["single"] + 1 else 1
    tall = -(-len(gains.classes) // blocks)
    longest = max(len(legend_label(name, 18)) for name in gains.restorers)
    # A column is as wide as this leaves it, inches; a letter takes 0.065.
    turned = 0.065 * longest > (width / blocks - 1.0) / len(gains.restorers)
    head = 0.06 * longest if turned else 0.1
    figure = canvas(width, 1.0 + head + _ROW * tall, data.note)
    limit = _limit(gains)
    parts = _parts(figure, blocks, len(gains.restorers))
    for index, axes in enumerate(parts):
        classes = gains.classes[index * tall : (index + 1) * tall]
        image = _block(axes, gains, classes, limit, task_class(panel[0]), turned)
    unit = metric_unit(task_class(panel[0]), f"{gains.metric}/", "points")
    bar = figure.colorbar(
        image, ax=parts, location="bottom", fraction=0.03, aspect=50, pad=0.01, extend="both"
    )
    bar.set_label(f"{gains.metric} over {BASELINE} ({unit}), higher is better")
    title = f"{data.title(panel)}, QF {data.chosen_qf(panel)}; {data.note}"
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _parts(figure: Canvas, blocks: int, columns: int) -> list[Axes]:
    """The axes of the blocks; one of few columns does not take the whole width."""
    room, wanted = figure.get_figwidth(), 1.2 + _WIDE * columns
    if blocks > 1 or wanted > 0.9 * room:
        return list(figure.subplots(1, blocks, squeeze=False).flat)
    used, spare = figure.subplots(1, 2, width_ratios=[wanted, room - wanted])
    spare.set_axis_off()
    return [used]


def _limit(gains: Gains) -> float:
    """The gain that has the fullest colour, in the printed unit: a few outliers go beyond it."""
    import numpy as np

    every = [abs(100 * gap.value) for gap in gains.gains.values()]
    return max(float(np.quantile(every, 0.97)), 0.1)


def _block(
    axes: Axes, gains: Gains, classes: Sequence[str], limit: float, task: type[Task], turned: bool
) -> AxesImage:
    """One heat map, with its numbers written on it."""
    import numpy as np

    grid = np.full((len(classes), len(gains.restorers)), np.nan)
    for row, label in enumerate(classes):
        for column, name in enumerate(gains.restorers):
            if (label, name) in gains.gains:
                gain = gains.gains[label, name].value
                grid[row, column] = scaled(task, f"{gains.metric}/{label}", gain)
    image = axes.imshow(
        grid, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
    for (row, column), value in np.ndenumerate(grid):
        ends = NO_INTERVAL
        if not math.isnan(value):
            ends = gains.gains[classes[row], gains.restorers[column]].interval
        axes.text(
            column, row, printed(value, 1, "+"),
            ha="center", va="center", fontsize=SMALLEST,
            weight="bold" if ends.low > 0 or ends.high < 0 else "normal",
            color=readable_on(np.ravel(image.cmap(image.norm(value))).tolist()),
        )  # fmt: skip
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xticks(
        range(len(gains.restorers)), [legend_label(name, 18) for name in gains.restorers],
        rotation=90 if turned else 0,
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
