"""Panels, legends and points with intervals: what all figures are put together from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.inference import NO_INTERVAL, Interval
from harness.report.figures.style import BLACK, WIDTHS, Style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


def canvas(width: float, height: float, note: str) -> Canvas:
    """An empty figure.

    Args:
        width: inches.
        height: inches.
        note: the line above everything: the data set, the number of images.
    """
    from matplotlib.figure import Figure as Canvas

    found = Canvas(figsize=(width, height), layout="constrained")
    found.suptitle(note, x=0.01, ha="left", color="#404040")
    return found


def add_panels(figure: Canvas, count: int) -> list[Any]:
    """``count`` axes, two in a row where there is the width for it."""
    columns = panels_per_row(figure.get_figwidth(), count)
    axes = figure.subplots(-(-count // columns), columns, squeeze=False).flatten()
    for spare in axes[count:]:
        spare.set_axis_off()
    for one in axes[:count]:
        one.grid(axis="y")
        one.set_axisbelow(True)
    return list(axes[:count])


def panels_per_row(width: float, count: int) -> int:
    """How many panels stand in a row of a figure of this width, inches."""
    return min(2, count) if width > WIDTHS["single"] + 1 else 1


def legend_below(figure: Canvas, handles: Sequence[Any], title: str = "") -> None:
    """One legend for all panels, in as many columns as its longest label allows."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    columns = max(1, int((figure.get_figwidth() - 0.1) / (0.5 + 0.068 * longest)))
    figure.legend(
        handles=list(handles), loc="outside lower center", ncols=min(columns, len(handles)),
        title=title or None, columnspacing=1.2,
    )  # fmt: skip


def dodged(panels: Sequence[float], index: int, count: int, share: float = 0.3) -> list[float]:
    """``add_panels`` moved sideways, so that ``count`` series over them do not hide each other.

    Args:
        panels: x of the points, rising.
        index: of the series, from 0.
        count: of series.
        share: of the smallest gap between places that all series together take.
    """
    gaps = [after - before for before, after in itertools.pairwise(panels)]
    step = share * min(gaps, default=1.0) / max(count, 1)
    return [panel + (index - (count - 1) / 2) * step for panel in panels]


def draw_reference(axes: Any, style: Style, value: float, ends: Interval = NO_INTERVAL) -> None:
    """A level across the panel with a band for its interval."""
    axes.axhline(value, color=style.colour, linestyle=style.line, zorder=1)
    if ends.low == ends.low:
        axes.axhspan(*ends, color=style.colour, alpha=0.15, linewidth=0, zorder=0)


def draw_points(
    axes: Any,
    style: Style,
    x: list[float],
    values: list[float],
    intervals: list[Interval],
    joined: bool = True,
    fill: str = "full",
) -> None:
    """Points with bars for their intervals, which need not hold the point.

    Args:
        axes: to draw on.
        style: of the restorer.
        x: of the points.
        values: at each.
        intervals: at each; NaN for none.
        joined: by a line.
        fill: of the markers, one of matplotlib's fill styles.
    """
    axes.vlines(
        x,
        [ends.low for ends in intervals],
        [ends.high for ends in intervals],
        color=style.colour, linewidth=0.8, alpha=0.75, zorder=2,
    )  # fmt: skip
    look = style.drawn() if joined else {**style.drawn(), "linestyle": "None"}
    # Lines join points that are moved sideways, so they are thin: the heights count.
    axes.plot(
        x, values, **look, linewidth=0.7, fillstyle=fill, zorder=4 if style.colour == BLACK else 3
    )


def log_axis(axes: Any, low: float, high: float) -> None:
    """A logarithmic x axis around ``low`` to ``high`` with round numbers on it."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    room = max(0.07 * math.log(high / low), 0.05)
    axes.set_xlim(low * math.exp(-room), high * math.exp(room))
    # Less than a decade has too few round numbers, more than one has too many.
    subs = (1, 2, 5) if high > 5 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def handle(name: str, style: Style, **look: Any) -> Any:
    """A restorer's line in a legend; ``look`` overrides its style."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=name, **{**style.drawn(), **look})
