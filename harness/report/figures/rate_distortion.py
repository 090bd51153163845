"""A metric against bits per pixel, with what each restorer saves over plain compression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.bd import bd_frame
from harness.analysis.inference import Interval
from harness.analysis.metrics import printed, scaled
from harness.analysis.significance import BASELINE
from harness.report.figures.axes import canvas, dodged, draw_points, log_axis, panels_per_row
from harness.report.figures.data import (
    FigureData,
    PanelKey,
    labelled,
    legend_label,
    metric_unit,
    shown_interval,
    task_class,
)
from harness.report.figures.figure import Absent, Figure
from harness.report.figures.style import SMALLEST

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Canvas

NAME = "rate"

_FILLS = ("full", "none", "left", "top", "right", "bottom")
"""How the markers of the codecs of a run are filled, in its order."""

_LINE = 0.145
"""Inches a line of the table below a panel is high."""

Curve = tuple[str, str, list[float], list[float], list[Interval]]
"""Codec, restorer, bits per pixel, values, intervals."""


def rate_curves(material: FigureData, task: str) -> list[Curve]:
    """A curve a codec and restorer: the headline metric in its printed unit, bits rising."""
    found: list[Curve] = []
    for panel in (panel for panel in material.panels if panel[0] == task):
        kind = task_class(panel)
        metric = material.metric(task)
        for name, cells in material.grid(panel).items():
            points = sorted(
                (
                    material.size(one).bpp,
                    scaled(kind, metric, one.values[metric]),
                    shown_interval(kind, metric, one.interval(metric)),
                )
                for one in cells.values()
                if metric in one.values
            )
            held = [point for point in points if point[0] > 0]
            if held:
                bpp, values, ends = (list(column) for column in zip(*held, strict=True))
                found.append((panel[1], name, bpp, values, ends))
    return found


def make(material: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    tasks = list(dict.fromkeys(task for task, _ in material.panels))
    chosen = [t for t in tasks if any(len(curve[2]) > 1 for curve in rate_curves(material, t))]
    if not chosen:
        why = "a curve needs two sizes of file, and the run has one QF or recorded no bits"
        return [Absent(NAME, why if tasks else "it has no numbers")]
    frame = bd_frame(material.directory, material.keys, material.draws, material.seed)
    panels = [panel for panel in material.panels if panel[0] in chosen]
    metrics = list(dict.fromkeys(material.metric(panel[0]) for panel in panels))
    caption = " ".join(
        [
            f"{' and '.join(metrics)} against the mean size of the compressed images in bits per "
            "pixel (logarithmic).",
            material.what(panels),
            "A restorer does not change the file, so its points stand above or below those of "
            f"{BASELINE}.",
            "BD-rate: bits needed beyond those of the same codec's images as they are, for the "
            "same metric (negative: bits saved); BD-metric: the metric gained at the same bits "
            "(Bjøntegaard 2001, interpolated by PCHIP); a dash: the curves give no such "
            "number; no brackets: too many draws have none.",
            "Points are moved sideways a little.",
            material.intervals("the values, and in brackets of the BD numbers", panels),
            _codecs_meant(panels),
        ]
    )

    def draw(width: float) -> Canvas:
        return _draw(material, chosen, frame, width)

    return [Figure(NAME, "Accuracy against bits per pixel", caption.strip(), draw)]


def _codecs_meant(panels: Sequence[PanelKey]) -> str:
    codecs = list(dict.fromkeys(codec for _, codec in panels))
    if len(codecs) < 2:
        return ""
    return (
        "Curves are named restorer, codec, and their markers filled by the codec; "
        f"{BASELINE} is the image as its codec left it."
    )


def _draw(material: FigureData, chosen: list[str], frame: pd.DataFrame, width: float) -> Canvas:
    columns = panels_per_row(width, len(chosen))
    curves = {task: rate_curves(material, task) for task in chosen}
    longest = max(len(found) for found in curves.values())
    below = (longest + 1) * _LINE
    rows = -(-len(chosen) // columns)
    figure = canvas(width, rows * (2.5 + below) + 0.2, material.note)
    axes = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[2.5, below] * rows)
    for spare in axes.flat:
        spare.set_axis_off()
    for index, task in enumerate(chosen):
        row, column = divmod(index, columns)
        _panel(axes[2 * row, column], material, task, curves[task])
        # The panel's own width: what the labels of its y axis take is not known before drawing.
        inches = width / columns - 0.65
        _table(axes[2 * row + 1, column], material, task, curves[task], frame, inches)
    return figure


def _panel(axes: Any, material: FigureData, task: str, curves: list[Curve]) -> None:
    axes.set_axis_on()
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    for index, (codec, name, bpp, values, ends) in enumerate(curves):
        moved = dodged([math.log(one) for one in bpp], index, len(curves), 0.15)
        x = [math.exp(one) for one in moved]
        draw_points(axes, material.styles[name], x, values, ends, fill=_fill(curves, codec))
    every = [bpp for curve in curves for bpp in curve[2]]
    log_axis(axes, min(every), max(every))
    axes.set_xlabel("bits per pixel, fewer is better")
    axes.set_ylabel(labelled(task_class((task, "")), material.metric(task)))
    model = material.manifest.models.get(task)
    axes.set_title(", ".join([task, *([model] if model else [])]), loc="left")


def _fill(curves: list[Curve], codec: str) -> str:
    order = list(dict.fromkeys(curve[0] for curve in curves))
    return _FILLS[order.index(codec) % len(_FILLS)]


def _table(
    axes: Any,
    material: FigureData,
    task: str,
    curves: list[Curve],
    frame: pd.DataFrame,
    width: float,
) -> None:
    """Legend and BD numbers in one: a line a curve, in ``width`` inches and the margin left."""
    kind, metric = task_class((task, "")), material.metric(task)
    axes.set_xlim(0, width)
    axes.set_ylim(-len(curves) - 0.5, 0.5)
    unit = metric_unit(kind, metric).replace("%", "points")
    head = ("BD-rate (%)", f"BD-{metric}{f' ({unit})' if unit else ''}")
    _texts(axes, 0, (f"against {BASELINE}:", *head))
    several = len({curve[0] for curve in curves}) > 1
    for line, (codec, name, *_) in enumerate(curves, start=1):
        look = {**material.styles[name].drawn(), "fillstyle": _fill(curves, codec)}
        axes.plot([-0.46, -0.33, -0.2], [-line] * 3, markevery=[1], clip_on=False, **look)
        mine = frame[
            (frame.task == task) & (frame.codec == codec)
            & (frame.restorer == name) & (frame["metric"] == metric)
        ]  # fmt: skip
        label = legend_label(f"{name}, {codec}" if several else name, 15)
        _texts(axes, -line, (label, *(_number(mine, key) for key in ("bd_rate", "bd_metric"))))


def _texts(axes: Any, y: float, texts: tuple[str, ...]) -> None:
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
