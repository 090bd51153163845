"""The share of what compression took that a restorer gives back, at each quality factor."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from harness.analysis.significance import BASELINE
from harness.analysis.summaries import RECOVERED, Summary, summaries
from harness.report.figures.axes import (
    dodge,
    draw_points,
    draw_reference,
    handle,
    legend_below,
    panel_grid,
)  # fmt: skip
from harness.report.figures.base import Absent, Figure
from harness.report.figures.data import FigureData, PanelKey, join
from harness.report.figures.style import REFERENCE, assign_styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "recovered"

_NEAR = 40.0
"""Percent; where nothing comes as near as that to all, 100 is off the panel."""

_FAR = 300.0
"""Percent; an interval may leave the panel, a value that is nearer than this may not."""


def recovered_shares(data: FigureData) -> dict[PanelKey, list[Summary]]:
    """The shares recovered of the headline metrics, by panel."""
    shares: dict[PanelKey, list[Summary]] = {}
    for summary in summaries(data.directory, data.keys, data.draws, data.seed):
        recovered = summary.kind == RECOVERED and summary.qf is not None
        if recovered and summary.metric == data.metric(summary.task):
            shares.setdefault((summary.task, summary.codec), []).append(summary)
    return shares


def make(data: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    if not data.panels:
        return [Absent(NAME, "it has no numbers")]
    every = recovered_shares(data)
    shares = {
        panel: of_panel
        for panel, of_panel in every.items()
        if not all(math.isnan(share.value) for share in of_panel)
    }
    if not shares:
        reasons = (share.reason for of_panel in every.values() for share in of_panel)
        none = f"the run has no restorer besides {BASELINE} and {REFERENCE}"
        return [Absent(NAME, next(reasons, none))]
    lacking: dict[str, dict[str, None]] = {}
    for share in (share for of_panel in shares.values() for share in of_panel):
        if math.isnan(share.value):
            lacking.setdefault(f"{share.task}, {share.reason}", {})[share.restorer] = None
    missing = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in lacking.items())
    caption = join(
        f"Share of the loss that is recovered, (restored - {BASELINE}) / ({REFERENCE} - "
        f"{BASELINE}) of the metric, on the images all have: 100 % is the uncompressed images, "
        f"0 % is {BASELINE}, below 0 the restorer does harm. Where nothing comes near "
        "100 %, the panel ends below it.",
        data.describe(shares),
        "Points are moved sideways a little: compare their heights at one QF, not the lines.",
        data.describe_intervals("the shares", shares),
        f"No share of {missing}." if missing else "",
    )
    return [Figure(NAME, "Share of the loss recovered", caption, partial(_draw, data, shares))]


def _draw(data: FigureData, shares: dict[PanelKey, list[Summary]], width: float) -> Canvas:
    figure, every_axes = panel_grid(width, len(shares), 2.5, 0.5, data.note)
    references = assign_styles([BASELINE, REFERENCE])
    names: dict[str, None] = {}
    levels = {BASELINE: 0}
    for axes, (panel, of_panel) in zip(every_axes, shares.items(), strict=True):
        restorers = list(dict.fromkeys(share.restorer for share in of_panel))
        low, high = _limits(of_panel)
        if high > 100:
            levels[REFERENCE] = 100
        for name, level in ((BASELINE, 0), (REFERENCE, 100)):
            draw_reference(axes, references[name], level)
        for index, name in enumerate(restorers):
            names[name] = None
            points = [s for s in of_panel if s.restorer == name and not math.isnan(s.value)]
            x = dodge([float(point.qf or 0) for point in points], index, len(restorers))
            values, ends = [point.value for point in points], [point.interval for point in points]
            draw_points(axes, data.styles[name], x, values, ends)
        axes.set_ylim(low, high)
        axes.set_xticks(data.qfs(panel))
        axes.set_xlabel(f"quality factor of {panel[1]} (QF)")
        axes.set_ylabel(f"{data.metric(panel[0])} recovered (%)\nhigher is better")
        axes.set_title(data.title(panel), loc="left")
    lines = [handle(f"{n} ({level} %)", references[n], marker=False) for n, level in levels.items()]
    legend_below(figure, names, data.styles, lines)
    return figure


def _limits(shares: list[Summary]) -> tuple[float, float]:
    """All values are inside, and their intervals as far as that leaves the values readable."""
    values = [share.value for share in shares if not math.isnan(share.value)]
    ends = [end for share in shares for end in share.interval if not math.isnan(end)]
    low = min([0.0, *values, *(max(end, -_FAR) for end in ends)])
    high = max([0.0, *values, *(min(end, _FAR) for end in ends)])
    if high > _NEAR:
        high = max(high, 100.0)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)
