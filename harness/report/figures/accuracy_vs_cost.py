"""What a restorer gains against what it costs: Figure 8's kind, from the run's own timings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.inference import Interval
from harness.analysis.significance import BASELINE
from harness.records.schema import Manifest
from harness.report.figures.axes import draw_points, legend_below, log_axis, panel_grid
from harness.report.figures.base import Absent, Figure
from harness.report.figures.data import (
    FigureData,
    PanelKey,
    axis_label,
    join,
    task_class,
)
from harness.report.figures.style import BLACK

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "cost"


class Point(NamedTuple):
    """A restorer: median seconds an image, paired gain over `BASELINE` in the printed unit."""

    restorer: str
    seconds: float
    gain: float
    interval: Interval


def cost_points(data: FigureData, panel: PanelKey) -> list[Point]:
    """The restorers of a panel whose time was recorded, at the figure's QF."""
    qf = data.chosen_qf(panel)
    points = []
    for name, result in data.grid_at(panel, qf).items():
        seconds, gain = data.size(result).seconds, data.gain(panel, name, qf)
        if seconds > 0 and gain is not None:
            points.append(Point(name, seconds, *gain))
    return points


def make(data: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    panels = [panel for panel in data.panels if cost_points(data, panel)]
    if not panels:
        return [Absent(NAME, _reason(data))]
    qfs = sorted({data.chosen_qf(panel) for panel in panels})
    caption = join(
        f"Gain over {BASELINE} of the same compressed images against the median time of "
        f"restoring one (logarithmic), at QF {', '.join(map(str, qfs))}.",
        data.describe(panels),
        data.describe_intervals("the paired differences", panels),
        f"Times were recorded while the run went, on {hardware(data.manifest)}; other work on "
        "the machine is in them ('harness cost' measures a network alone).",
    )
    return [Figure(NAME, "Gain against cost", caption, partial(_draw, data, panels))]


def _reason(data: FigureData) -> str:
    """Why there is no figure."""
    if not data.panels:
        return "it has no numbers"
    grids = [data.grid(panel) for panel in data.panels]
    if not any(BASELINE in grid for grid in grids):
        return f"the run has no {BASELINE} to hold the restorers against"
    if all(set(grid) <= {BASELINE} for grid in grids):
        return f"the run has no restorer besides {BASELINE}"
    return f"no time of restoring was recorded where {BASELINE} has numbers too"


def hardware(manifest: Manifest) -> str:
    """What the run was computed on, as its environments say."""
    machines = []
    for environment in manifest.environments:
        threads = environment.get("threads")
        parts = [
            str(environment.get("processor") or "a processor that was not recorded"),
            f"{threads} thread{'s' if threads != 1 else ''} a model" if threads else "",
            str(environment.get("device") or environment.get("gpu") or ""),
        ]
        machines.append(" with ".join(filter(None, parts)))
    return "; ".join(dict.fromkeys(machines)) or "a machine that was not recorded"


def _draw(data: FigureData, panels: list[PanelKey], width: float) -> Canvas:
    figure, every_axes = panel_grid(width, len(panels), 2.5, 0.5, data.note)
    names: dict[str, None] = {}
    for axes, panel in zip(every_axes, panels, strict=True):
        metric = data.metric(panel[0])
        points = cost_points(data, panel)
        axes.axhline(0, color=BLACK, linewidth=0.8)
        for point in points:
            names[point.restorer] = None
            style = data.styles[point.restorer]
            draw_points(axes, style, [point.seconds], [point.gain], [point.interval], joined=False)
        seconds = [point.seconds for point in points]
        log_axis(axes, min(seconds), max(seconds))
        axes.set_xlabel("seconds an image (median), fewer is better")
        axes.set_ylabel(
            axis_label(task_class(panel[0]), metric, f"{metric} over {BASELINE}", "points")
        )
        axes.set_title(f"{data.title(panel)}, QF {data.chosen_qf(panel)}", loc="left")
    legend_below(figure, names, data.styles, joined=False)
    return figure
