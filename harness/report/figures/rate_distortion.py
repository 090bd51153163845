"""A metric against bits per pixel, with what each restorer saves over plain compression."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from harness.analysis.bd import bd_frame
from harness.analysis.metrics import printed
from harness.analysis.significance import BASELINE
from harness.report.figures.axes import (
    canvas,
    dodge,
    draw_points,
    legend_label,
    log_axis,
    panels_per_row,
)  # fmt: skip
from harness.report.figures.base import Absent, Figure
from harness.report.figures.data import (
    FigureData,
    MetricCurve,
    axis_label,
    join,
    metric_unit,
    task_class,
)
from harness.report.figures.style import SMALLEST

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

NAME = "rate"

_FILLS = ("full", "none", "left", "top", "right", "bottom")
"""How the markers of the codecs of a run are filled, in its order."""

_LINE = 0.145
"""Inches a line of the table below a panel is high."""


def rate_curves(data: FigureData, task: str) -> list[MetricCurve]:
    """A curve a codec and restorer of a task over the bits per pixel."""
    panels = [panel for panel in data.panels if panel[0] == task]
    return [c for panel in panels for c in data.curves(panel, lambda r: data.size(r).bpp)]


def make(data: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    tasks = list(dict.fromkeys(task for task, _ in data.panels))
    chosen = [task for task in tasks if any(len(c.x) > 1 for c in rate_curves(data, task))]
    if not chosen:
        why = "a curve needs two sizes of file, and the run has one QF or recorded no bits"
        return [Absent(NAME, why if tasks else "it has no numbers")]
    frame = bd_frame(data.directory, data.keys, data.draws, data.seed)
    panels = [panel for panel in data.panels if panel[0] in chosen]
    metrics = dict.fromkeys(data.metric(task) for task, _ in panels)
    several_codecs = len({codec for _, codec in panels}) > 1
    caption = join(
        f"{' and '.join(metrics)} against the mean size of the compressed images in bits per "
        "pixel (logarithmic).",
        data.describe(panels),
        "A restorer does not change the file, so its points stand above or below those of "
        f"{BASELINE}.",
        "BD-rate: bits needed beyond those of the same codec's images as they are, for the "
        "same metric (negative: bits saved); BD-metric: the metric gained at the same bits "
        "(Bjøntegaard 2001, interpolated by PCHIP); a dash: the curves give no such "
        "number; no brackets: too many draws have none.",
        "Points are moved sideways a little.",
        data.describe_intervals("the values, and in brackets of the BD numbers", panels),
        "Curves are named restorer, codec, and their markers filled by the codec; "
        f"{BASELINE} is the image as its codec left it."
        if several_codecs
        else "",
    )
    draw = partial(_draw, data, chosen, frame)
    return [Figure(NAME, "Accuracy against bits per pixel", caption, draw)]


def _draw(data: FigureData, chosen: list[str], frame: pd.DataFrame, width: float) -> Canvas:
    columns = panels_per_row(width, len(chosen))
    curves = {task: rate_curves(data, task) for task in chosen}
    longest = max(len(of_task) for of_task in curves.values())
    below = (longest + 1) * _LINE
    rows = -(-len(chosen) // columns)
    figure = canvas(width, rows * (2.5 + below) + 0.2, data.note)
    axes = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[2.5, below] * rows)
    for spare in axes.flat:
        spare.set_axis_off()
    for index, task in enumerate(chosen):
        row, column = divmod(index, columns)
        _panel(axes[2 * row, column], data, task, curves[task])
        # The panel's own width: what the labels of its y axis take is not known before drawing.
        inches = width / columns - 0.65
        _table(axes[2 * row + 1, column], data, task, curves[task], frame, inches)
    return figure


def _panel(axes: Axes, data: FigureData, task: str, curves: list[MetricCurve]) -> None:
    axes.set_axis_on()
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    for index, curve in enumerate(curves):
        moved = dodge([math.log(bpp) for bpp in curve.x], index, len(curves), 0.15)
        x, style = [math.exp(place) for place in moved], data.styles[curve.restorer]
        fill = _fill(curves, curve.codec)
        draw_points(axes, style, x, curve.values, curve.intervals, fill=fill)
    every = [bpp for curve in curves for bpp in curve.x]
    log_axis(axes, min(every), max(every))
    axes.set_xlabel("bits per pixel, fewer is better")
    axes.set_ylabel(axis_label(task_class(task), data.metric(task)))
    axes.set_title(", ".join(filter(None, [task, data.manifest.models.get(task)])), loc="left")


def _fill(curves: list[MetricCurve], codec: str) -> str:
    order = list(dict.fromkeys(curve.codec for curve in curves))
    return _FILLS[order.index(codec) % len(_FILLS)]


def _table(
    axes: Axes,
    data: FigureData,
    task: str,
    curves: list[MetricCurve],
    frame: pd.DataFrame,
    width: float,
) -> None:
    """Legend and BD numbers in one: a line a curve, in ``width`` inches and the margin left."""
    metric = data.metric(task)
    axes.set_xlim(0, width)
    axes.set_ylim(-len(curves) - 0.5, 0.5)
    unit = metric_unit(task_class(task), metric, "points")
    head = ("BD-rate (%)", f"BD-{metric}{f' ({unit})' if unit else ''}")
    _texts(axes, 0, (f"against {BASELINE}:", *head))
    several = len({curve.codec for curve in curves}) > 1
    for line, (codec, name, *_) in enumerate(curves, start=1):
        look = {**data.styles[name].drawn(), "fillstyle": _fill(curves, codec)}
        axes.plot([-0.46, -0.33, -0.2], [-line] * 3, markevery=[1], clip_on=False, **look)
        row = frame[
            (frame.task == task) & (frame.codec == codec)
            & (frame.restorer == name) & (frame["metric"] == metric)
        ]  # fmt: skip
        label = legend_label(f"{name}, {codec}" if several else name, 15)
        _texts(axes, -line, (label, *(_number(row, key) for key in ("bd_rate", "bd_metric"))))


def _texts(axes: Axes, y: float, texts: tuple[str, ...]) -> None:
    for x, text in zip((-0.12, 0.82, 1.95), texts, strict=True):
        axes.text(x, y, text, va="center", fontsize=SMALLEST)


def _number(frame: pd.DataFrame, column: str) -> str:
    """The number with its interval; an en dash where there is none."""
    if frame.empty:
        return ""
    row = frame.iloc[0]
    text = printed(row[column], 1, "+")
    if math.isnan(row[f"{column}_low"]):
        return text
    low, high = (printed(row[f"{column}_{end}"], 1) for end in ("low", "high"))
    return f"{text} [{low}, {high}]"
