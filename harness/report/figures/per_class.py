"""What each class gains: the paired difference from plain compression, class by restorer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.analysis.differences import Difference, differences
from harness.analysis.inference import NO_INTERVAL
from harness.analysis.metrics import printed, scaled
from harness.analysis.significance import BASELINE
from harness.report.figures.axes import canvas
from harness.report.figures.data import (
    FigureData,
    PanelKey,
    legend_label,
    metric_unit,
    panel_title,
    task_class,
)
from harness.report.figures.figure import Absent, Figure
from harness.report.figures.style import SMALLEST, WIDTHS, readable_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

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


def class_gains(material: FigureData, panel: PanelKey) -> Gains | None:
    """The gains of every class at the figure's QF; None where the task has no metric of a class."""
    grid, qf = material.grid(panel), material.shown_qf(panel)
    base = grid.get(BASELINE, {}).get(qf)
    if base is None:
        return None
    kind = next((name.partition("/")[0] for name in base.values if "/" in name), "")
    metrics = [name for name in base.values if kind and name.startswith(f"{kind}/")]
    held: dict[tuple[str, str], Difference] = {}
    restorers = [name for name in grid if name != BASELINE and qf in grid[name]]
    for name in restorers:
        for metric, gap in differences(
            base, grid[name][qf], metrics, material.draws, material.seed
        ).items():
            if not math.isnan(gap.value):
                held[metric.partition("/")[2], name] = gap
    if not held:
        return None
    classes = list(dict.fromkeys(metric.partition("/")[2] for metric in metrics))
    known = [c for c in classes if any((c, name) in held for name in restorers)]

    def mean(label: str) -> float:
        values = [held[label, name].value for name in restorers if (label, name) in held]
        return math.fsum(values) / len(values)

    known.sort(key=lambda label: (-mean(label), label))
    undefined = [label for label in classes if label not in known]
    return Gains(kind, known, restorers, held, undefined)


def make(material: FigureData) -> list[Figure | Absent]:
    """A figure a task and codec, or why there is none."""
    made: list[Figure | Absent] = []
    for panel in material.panels:
        found = class_gains(material, panel)
        name = f"{NAME}-{panel[0]}"
        if len({codec for _, codec in material.panels}) > 1:
            name += f"-{panel[1]}"
        made.append(
            Absent(name, _why(material, panel))
            if found is None
            else _figure(material, panel, found, name)
        )
    return made or [Absent(NAME, "it has no numbers")]


def _why(material: FigureData, panel: PanelKey) -> str:
    cells = material.grid(panel).get(BASELINE, {})
    one = cells.get(material.shown_qf(panel))
    if set(material.grid(panel)) <= {BASELINE}:
        return f"{panel[1]} was given to no restorer besides {BASELINE}"
    if one is None:
        return (
            f"the run has no {BASELINE} at QF {material.shown_qf(panel)} to hold restorers against"
        )
    if not any("/" in metric for metric in one.values):
        return f"{panel[0]} has no metric of a class"
    return f"no class has a number for {BASELINE} and for a restorer"


def _figure(material: FigureData, panel: PanelKey, found: Gains, name: str) -> Figure:
    qf = material.shown_qf(panel)
    caption = " ".join(
        [
            f"{found.metric} of each class less that of {BASELINE}, percentage points, at QF {qf}; "
            "classes by their mean gain, the least last.",
            material.what([panel]),
            f"Colours are fullest at {_limit(found):.1f} and more.",
            "Bold: the 95 % interval of the paired difference does not hold 0 (not corrected for "
            "the number of classes).",
            material.intervals("the paired differences", [panel]),
            *(
                [f"Left out, having no number: {', '.join(found.undefined)}."]
                if found.undefined
                else []
            ),
        ]
    )

    def draw(width: float) -> Canvas:
        return _draw(material, panel, found, width)

    return Figure(name, f"Gain of each class, {panel[0]}", caption, draw)


def _draw(material: FigureData, panel: PanelKey, found: Gains, width: float) -> Canvas:
    blocks = 2 if len(found.classes) > _TALL and width > WIDTHS["single"] + 1 else 1
    tall = -(-len(found.classes) // blocks)
    longest = max(len(legend_label(name, 18)) for name in found.restorers)
    # A column is as wide as this leaves it, inches; a letter takes 0.065.
    turned = 0.065 * longest > (width / blocks - 1.0) / len(found.restorers)
    head = 0.06 * longest if turned else 0.1
    figure = canvas(width, 1.0 + head + _ROW * tall, material.note)
    limit = _limit(found)
    parts = _parts(figure, blocks, len(found.restorers))
    for index, axes in enumerate(parts):
        mine = found.classes[index * tall : (index + 1) * tall]
        image = _block(axes, found, mine, limit, panel, turned)
    unit = metric_unit(task_class(panel), f"{found.metric}/").replace("%", "points")
    bar = figure.colorbar(
        image, ax=parts, location="bottom", fraction=0.03, aspect=50, pad=0.01, extend="both"
    )
    bar.set_label(f"{found.metric} over {BASELINE} ({unit}), higher is better")
    qf = material.shown_qf(panel)
    figure.suptitle(f"{panel_title(material, panel)}, QF {qf}; {material.note}", x=0.01, ha="left")
    return figure


def _parts(figure: Canvas, blocks: int, columns: int) -> list[Any]:
    """The axes of the blocks; one of few columns does not take the whole width."""
    room, wanted = figure.get_figwidth(), 1.2 + _WIDE * columns
    if blocks > 1 or wanted > 0.9 * room:
        return list(figure.subplots(1, blocks, squeeze=False).flat)
    used, spare = figure.subplots(1, 2, width_ratios=[wanted, room - wanted])
    spare.set_axis_off()
    return [used]


def _limit(found: Gains) -> float:
    """The gain that has the fullest colour, in the printed unit: a few outliers go beyond it."""
    import numpy as np

    every = [abs(100 * gap.value) for gap in found.gains.values()]
    return max(float(np.quantile(every, 0.97)), 0.1)


def _block(
    axes: Any, found: Gains, classes: list[str], limit: float, panel: PanelKey, turned: bool
) -> Any:
    """One heat map, with its numbers written on it."""
    import numpy as np

    task = task_class(panel)
    grid = np.full((len(classes), len(found.restorers)), np.nan)
    for row, label in enumerate(classes):
        for column, name in enumerate(found.restorers):
            if (label, name) in found.gains:
                gain = found.gains[label, name].value
                grid[row, column] = scaled(task, f"{found.metric}/{label}", gain)
    image = axes.imshow(
        grid, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
    for (row, column), value in np.ndenumerate(grid):
        ends = NO_INTERVAL
        if not math.isnan(value):
            ends = found.gains[classes[row], found.restorers[column]].interval
        axes.text(
            column, row, printed(value, 1, "+"),
            ha="center", va="center", fontsize=SMALLEST,
            weight="bold" if ends.low > 0 or ends.high < 0 else "normal",
            color=readable_on(image.cmap(image.norm(value))),
        )  # fmt: skip
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xticks(
        range(len(found.restorers)), [legend_label(name, 18) for name in found.restorers],
        rotation=90 if turned else 0,
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
