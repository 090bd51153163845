"""Panels, legends and points with intervals: what all figures are put together from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.analysis.inference import NO_INTERVAL, Interval
from harness.report.figures.style import BLACK, WIDTHS, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D


def canvas(width: float, height: float, note: str) -> Canvas:
    """An empty figure, sizes in inches, with a line above everything: the data set, its images."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(width, height), layout="constrained")
    figure.suptitle(note, x=0.01, ha="left", color="#404040")
    return figure


def panel_grid(
    width: float, count: int, row: float, rest: float, note: str
) -> tuple[Canvas, list[Axes]]:
    """A figure of ``count`` panels, two in a row where there is the width for it.

    Inches: ``width`` in all, ``row`` the height of a row of panels, ``rest`` that of what is above
    and below them.
    """
    columns = panels_per_row(width, count)
    rows = -(-count // columns)
    figure = canvas(width, row * rows + rest, note)
    panels: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flatten())
    for spare in panels[count:]:
        spare.set_axis_off()
    for axes in panels[:count]:
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    return figure, panels[:count]


def panels_per_row(width: float, count: int) -> int:
    """How many panels stand in a row of a figure of this width, inches."""
    return min(2, count) if width > WIDTHS["single"] + 1 else 1


def legend_below(
    figure: Canvas,
    names: Iterable[str],
    styles: Mapping[str, Style],
    first: Iterable[Line2D] = (),
    joined: bool = True,
) -> None:
    """One legend for all panels, in as many columns as its longest label allows.

    It names restorers, after what is ``first``, with their lines if their points are joined.
    """
    handles = [*first, *(handle(legend_label(name), styles[name], joined) for name in names)]
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    columns = max(1, int((figure.get_figwidth() - 0.1) / (0.5 + 0.068 * longest)))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(columns, len(handles)),
        columnspacing=1.2,
    )  # fmt: skip


def handle(label: str, style: Style, joined: bool = True, marker: bool = True) -> Line2D:
    """A restorer's line in a legend, with or without its line and its marker."""
    from matplotlib.lines import Line2D

    look = style.drawn() if joined else {**style.drawn(), "linestyle": "None"}
    return Line2D([], [], label=label, **(look if marker else {**look, "marker": "None"}))


def legend_label(name: str, limit: int = 26) -> str:
    """A restorer's name in a legend; the end of a long one (a path) tells more than its start."""
    return name if len(name) <= limit else "…" + name[-(limit - 1) :]


def dodge(places: Sequence[float], index: int, count: int, share: float = 0.3) -> list[float]:
    """Rising places moved sideways, so that ``count`` series over them do not hide each other.

    All series together take ``share`` of the smallest gap between places.
    """
    gaps = [after - before for before, after in itertools.pairwise(places)]
    step = share * min(gaps, default=1.0) / max(count, 1)
    return [place + (index - (count - 1) / 2) * step for place in places]


def draw_reference(axes: Axes, style: Style, value: float, ends: Interval = NO_INTERVAL) -> None:
    """A level across the panel with a band for its interval."""
    axes.axhline(value, color=style.colour, linestyle=style.line, zorder=1)
    if not math.isnan(ends.low):
        axes.axhspan(*ends, color=style.colour, alpha=0.15, linewidth=0, zorder=0)


def draw_points(
    axes: Axes,
    style: Style,
    x: Sequence[float],
    values: Sequence[float],
    intervals: Sequence[Interval],
    joined: bool = True,
    fill: str = "full",
) -> None:
    """Points with bars for their intervals (NaN for none), which need not hold the point.

    They may be joined by a line; ``fill`` is one of matplotlib's fill styles of markers.
    """
    axes.vlines(
        x,
        [ends.low for ends in intervals],
        [ends.high for ends in intervals],
        color=style.colour, linewidth=0.8, alpha=0.75, zorder=2,
    )  # fmt: skip
    look = style.drawn() if joined else {**style.drawn(), "linestyle": "None"}
    front = 4 if style.colour == BLACK else 3
    # Lines join points that are moved sideways, so they are thin: the heights count.
    axes.plot(x, values, **look, linewidth=0.7, fillstyle=fill, zorder=front)


def log_axis(axes: Axes, low: float, high: float) -> None:
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
