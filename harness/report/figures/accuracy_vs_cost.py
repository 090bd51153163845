"""What a restorer gains against what it costs: Figure 8's kind, from the run's own timings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.differences import differences
from harness.analysis.inference import Interval
from harness.analysis.metrics import scaled
from harness.analysis.significance import BASELINE
from harness.records.schema import Manifest
from harness.report.figures.axes import (
    add_panels,
    canvas,
    draw_points,
    handle,
    legend_below,
    log_axis,
    panels_per_row,
)
from harness.report.figures.data import (
    FigureData,
    PanelKey,
    labelled,
    legend_label,
    panel_title,
    shown_interval,
    task_class,
)
from harness.report.figures.figure import Absent, Figure
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


def cost_points(material: FigureData, panel: PanelKey) -> list[Point]:
    """The restorers of a panel whose time was recorded, at the figure's QF."""
    task, metric = task_class(panel), material.metric(panel[0])
    grid, qf = material.grid(panel), material.shown_qf(panel)
    base = grid.get(BASELINE, {}).get(qf)
    points = []
    for name, cells in grid.items():
        one = cells.get(qf)
        if one is None or base is None or name == BASELINE:
            continue
        seconds = material.size(one).seconds
        found = differences(base, one, [metric], material.draws, material.seed)
        if seconds > 0 and metric in found:
            gain = found[metric]
            ends = shown_interval(task, metric, gain.interval)
            points.append(Point(name, seconds, scaled(task, metric, gain.value), ends))
    return points


def make(material: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    panels = [panel for panel in material.panels if cost_points(material, panel)]
    if not panels:
        return [Absent(NAME, _why(material))]
    qfs = sorted({material.shown_qf(panel) for panel in panels})
    caption = " ".join(
        [
            f"Gain over {BASELINE} of the same compressed images against the median time of "
            f"restoring one (logarithmic), at QF {', '.join(map(str, qfs))}.",
            material.what(panels),
            material.intervals("the paired differences", panels),
            f"Times were recorded while the run went, on {hardware(material.manifest)}; other "
            "work on the machine is in them ('harness cost' measures a network alone).",
        ]
    )

    def draw(width: float) -> Canvas:
        return _draw(material, panels, width)

    return [Figure(NAME, "Gain against cost", caption, draw)]


def _why(material: FigureData) -> str:
    if not material.panels:
        return "it has no numbers"
    grids = [material.grid(panel) for panel in material.panels]
    if not any(BASELINE in grid for grid in grids):
        return f"the run has no {BASELINE} to hold the restorers against"
    if all(set(grid) <= {BASELINE} for grid in grids):
        return f"the run has no restorer besides {BASELINE}"
    return f"no time of restoring was recorded where {BASELINE} has numbers too"


def hardware(manifest: Manifest) -> str:
    """What the run was computed on, as its environments say."""
    told = []
    for one in manifest.environments:
        device = one.get("device") or one.get("gpu")
        threads = one.get("threads")
        parts = [
            str(one.get("processor") or "a processor that was not recorded"),
            f"{threads} thread{'s' if threads != 1 else ''} a model" if threads else "",
            str(device) if device else "",
        ]
        told.append(" with ".join(part for part in parts if part))
    return "; ".join(dict.fromkeys(told)) or "a machine that was not recorded"


def _draw(material: FigureData, panels: list[PanelKey], width: float) -> Canvas:
    rows = -(-len(panels) // panels_per_row(width, len(panels)))
    figure = canvas(width, 2.5 * rows + 0.5, material.note)
    names: dict[str, None] = {}
    for axes, panel in zip(add_panels(figure, len(panels)), panels, strict=True):
        task, metric = task_class(panel), material.metric(panel[0])
        points = cost_points(material, panel)
        axes.axhline(0, color=BLACK, linewidth=0.8)
        for point in points:
            names[point.restorer] = None
            style = material.styles[point.restorer]
            draw_points(axes, style, [point.seconds], [point.gain], [point.interval], joined=False)
        seconds = [point.seconds for point in points]
        log_axis(axes, min(seconds), max(seconds))
        axes.set_xlabel("seconds an image (median), fewer is better")
        axes.set_ylabel(labelled(task, metric, f"{metric} over {BASELINE}", "points"))
        axes.set_title(f"{panel_title(material, panel)}, QF {material.shown_qf(panel)}", loc="left")
    styles = material.styles
    legend_below(
        figure, [handle(legend_label(name), styles[name], linestyle="None") for name in names]
    )
    return figure
