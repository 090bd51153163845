"""What a restorer gains over ``jpeg`` against the quality factor, with intervals of differences."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.analysis.significance import BASELINE
from harness.report.figures.axes import dodge, draw_points, legend_below, panel_grid
from harness.report.figures.base import Absent, Figure
from harness.report.figures.data import (
    FigureData,
    MetricCurve,
    PanelKey,
    axis_label,
    join,
    task_class,
)
from harness.report.figures.style import BLACK

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "gain"


def gain_curves(data: FigureData, panel: PanelKey) -> list[MetricCurve]:
    """`FigureData.gain` of each restorer of a panel over the QF."""
    curves = []
    for name, cells in data.grid(panel).items():
        gains = {qf: data.gain(panel, name, qf) for qf in cells}
        points = [(float(qf), *gain) for qf, gain in gains.items() if gain is not None]
        if points:
            places, values, intervals = zip(*points, strict=True)
            curves.append(MetricCurve(panel[1], name, [*places], [*values], [*intervals]))
    return curves


def make(data: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    panels = [panel for panel in data.panels if gain_curves(data, panel)]
    if not panels:
        reason = f"the run has no {BASELINE} with a restorer beside it"
        reason = reason if data.panels else "it has no numbers"
        return [Absent(NAME, reason)]
    caption = join(
        f"Gain over {BASELINE} of the same compressed images against the quality factor (QF); "
        "below 0 a restorer does harm. Points are moved sideways a little.",
        data.describe(panels),
        data.describe_intervals("the paired differences", panels),
    )
    return [Figure(NAME, "Gain against quality factor", caption, partial(_draw, data, panels))]


def _draw(data: FigureData, panels: list[PanelKey], width: float) -> Canvas:
    names: dict[str, None] = {}
    figure, every_axes = panel_grid(width, len(panels), 2.6, 0.55, data.note)
    for axes, panel in zip(every_axes, panels, strict=True):
        metric = data.metric(panel[0])
        axes.axhline(0, color=BLACK, linewidth=0.8)
        curves = gain_curves(data, panel)
        for index, curve in enumerate(curves):
            names[curve.restorer] = None
            x = dodge(curve.x, index, len(curves))
            draw_points(axes, data.styles[curve.restorer], x, curve.values, curve.intervals)
        axes.set_xticks(data.qfs(panel))
        axes.set_xlabel(f"quality factor of {panel[1]} (QF)")
        axes.set_ylabel(
            axis_label(task_class(panel[0]), metric, f"{metric} over {BASELINE}", "points")
        )
        axes.set_title(data.title(panel), loc="left")
    legend_below(figure, names, data.styles)
    return figure
