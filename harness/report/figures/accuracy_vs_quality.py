"""A metric against the quality factor: a panel a task and codec, a line a restorer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.report.figures.axes import (
    dodge,
    draw_points,
    draw_reference,
    legend_below,
    panel_grid,
)  # fmt: skip
from harness.report.figures.base import Absent, Figure
from harness.report.figures.data import (
    FigureData,
    MetricCurve,
    PanelKey,
    axis_label,
    join,
    task_class,
)
from harness.report.figures.style import REFERENCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "quality"


def quality_curves(data: FigureData, panel: PanelKey) -> list[MetricCurve]:
    """The lines of a panel over the QF: the task's headline metric, the numbers of the table."""
    return data.curves(panel, lambda result: float(result.cell.qf or 0))


def make(data: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    panels = [panel for panel in data.panels if len(data.qfs(panel)) > 1]
    if not panels:
        qfs = sorted({qf for panel in data.panels for qf in data.qfs(panel)})
        reason = f"the run has one QF ({qfs[0]}), a line needs two" if qfs else "it has no numbers"
        return [Absent(NAME, reason)]
    metrics = dict.fromkeys(data.metric(task) for task, _ in panels)
    caption = join(
        f"{' and '.join(metrics)} against the quality factor (QF).",
        data.describe(panels),
        "Points are moved sideways a little, so that they can be told apart: compare their "
        "heights at one QF, not the lines.",
        data.describe_intervals("each value alone", panels),
        "Overlapping intervals do not mean that two restorers are the same: differences are "
        "tested in pairs, image by image, and marked in the table.",
        "Black: the compressed image as it is (jpeg).",
        _describe_reference(data, panels),
    )
    draw = partial(_draw, data, panels)
    return [Figure(NAME, "Accuracy against quality factor", caption, draw)]


def _describe_reference(data: FigureData, panels: list[PanelKey]) -> str:
    lacking = [task for task, _ in panels if data.reference(task) is None]
    if len(lacking) == len(panels):
        return ""
    end = f"; not there for {', '.join(dict.fromkeys(lacking))}" if lacking else ""
    return f"Dashed, with its interval as a band: the uncompressed image (original){end}."


def _draw(data: FigureData, panels: list[PanelKey], width: float) -> Canvas:
    names: dict[str, None] = {}
    figure, every_axes = panel_grid(width, len(panels), 2.6, 0.55, data.note)
    for axes, panel in zip(every_axes, panels, strict=True):
        reference = data.reference(panel[0])
        if reference is not None:
            names[REFERENCE] = None
            draw_reference(axes, data.styles[REFERENCE], *reference)
        curves = quality_curves(data, panel)
        for index, curve in enumerate(curves):
            names[curve.restorer] = None
            x = dodge(curve.x, index, len(curves))
            draw_points(axes, data.styles[curve.restorer], x, curve.values, curve.intervals)
        axes.set_xticks(data.qfs(panel))
        axes.set_xlabel(f"quality factor of {panel[1]} (QF)")
        axes.set_ylabel(axis_label(task_class(panel[0]), data.metric(panel[0])))
        axes.set_title(data.title(panel), loc="left")
    legend_below(figure, names, data.styles)
    return figure
