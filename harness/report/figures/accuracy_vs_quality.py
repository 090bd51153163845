"""A metric against the quality factor: a panel a task and codec, a line a restorer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.inference import Interval
from harness.analysis.metrics import scaled
from harness.report.figures.axes import (
    add_panels,
    canvas,
    dodged,
    draw_points,
    draw_reference,
    handle,
    legend_below,
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
from harness.report.figures.style import REFERENCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "quality"


@dataclass(frozen=True)
class QualityLine:
    """A restorer's points, in printed units.

    Attributes:
        restorer: its name.
        qfs: rising.
        values: at each.
        intervals: at each.
    """

    restorer: str
    qfs: list[int]
    values: list[float]
    intervals: list[Interval]


def quality_lines(material: FigureData, panel: PanelKey) -> list[QualityLine]:
    """The lines of a panel: the task's headline metric, the numbers of the table."""
    task = task_class(panel)
    metric = material.metric(panel[0])
    lines = []
    for name, cells in material.grid(panel).items():
        held = {qf: one for qf, one in cells.items() if metric in one.values}
        values = [scaled(task, metric, one.values[metric]) for one in held.values()]
        ends = [shown_interval(task, metric, one.interval(metric)) for one in held.values()]
        lines.append(QualityLine(name, list(held), values, ends))
    return lines


def make(material: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    chosen = [panel for panel in material.panels if len(material.qfs(panel)) > 1]
    if not chosen:
        held = sorted({qf for panel in material.panels for qf in material.qfs(panel)})
        why = f"the run has one QF ({held[0]}), a line needs two" if held else "it has no numbers"
        return [Absent(NAME, why)]
    metrics = list(dict.fromkeys(material.metric(task) for task, _ in chosen))
    caption = " ".join(
        [
            f"{' and '.join(metrics)} against the quality factor (QF).",
            material.what(chosen),
            "Points are moved sideways a little, so that they can be told apart: compare their "
            "heights at one QF, not the lines.",
            material.intervals("each value alone", chosen),
            "Overlapping intervals do not mean that two restorers are the same: differences are "
            "tested in pairs, image by image, and marked in the table.",
            _lines_meant(material, chosen),
        ]
    )

    def draw(width: float) -> Canvas:
        return _draw(material, chosen, width)

    return [Figure(NAME, "Accuracy against quality factor", caption, draw)]


def _lines_meant(material: FigureData, chosen: list[PanelKey]) -> str:
    black = "Black: the compressed image as it is (jpeg)."
    lacking = [task for task, _ in chosen if _reference(material, task) is None]
    if len(lacking) == len(chosen):
        return black
    end = f"; not there for {', '.join(dict.fromkeys(lacking))}" if lacking else ""
    return f"{black} Dashed, with its interval as a band: the uncompressed image (original){end}."


def _reference(material: FigureData, task: str) -> tuple[float, Interval] | None:
    one, metric = material.original(task), material.metric(task)
    if one is None or metric not in one.values:
        return None
    kind = task_class((task, ""))
    return scaled(kind, metric, one.values[metric]), shown_interval(
        kind, metric, one.interval(metric)
    )


def _draw(material: FigureData, chosen: list[PanelKey], width: float) -> Canvas:
    rows = -(-len(chosen) // panels_per_row(width, len(chosen)))
    names: dict[str, None] = {}
    figure = canvas(width, 2.6 * rows + 0.55, material.note)
    for axes, panel in zip(add_panels(figure, len(chosen)), chosen, strict=True):
        lines = quality_lines(material, panel)
        found = _reference(material, panel[0])
        if found is not None:
            names[REFERENCE] = None
            draw_reference(axes, material.styles[REFERENCE], *found)
        for index, line in enumerate(lines):
            names[line.restorer] = None
            x = dodged([float(qf) for qf in line.qfs], index, len(lines))
            draw_points(axes, material.styles[line.restorer], x, line.values, line.intervals)
        axes.set_xticks(material.qfs(panel))
        axes.set_xlabel(f"quality factor of {panel[1]} (QF)")
        axes.set_ylabel(labelled(task_class(panel), material.metric(panel[0])))
        axes.set_title(panel_title(material, panel), loc="left")
    legend_below(figure, [handle(legend_label(name), material.styles[name]) for name in names])
    return figure
