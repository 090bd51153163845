"""The share of what compression took that a restorer gives back, at each quality factor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.analysis.significance import BASELINE
from harness.analysis.summaries import RECOVERED, Summary, summaries
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
from harness.report.figures.data import FigureData, PanelKey, legend_label, panel_title
from harness.report.figures.figure import Absent, Figure
from harness.report.figures.style import REFERENCE, assign_styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "recovered"

_NEAR = 40.0
"""Percent; where nothing comes as near as that to all, 100 is off the panel."""

_FAR = 300.0
"""Percent; an interval may leave the panel, a value that is nearer than this may not."""


def recovered_shares(material: FigureData) -> dict[PanelKey, list[Summary]]:
    """The shares recovered of the headline metrics, by panel."""
    found: dict[PanelKey, list[Summary]] = {}
    for one in summaries(material.directory, material.keys, material.draws, material.seed):
        if one.kind == RECOVERED and one.qf is not None:
            panel = one.task, one.codec
            if one.metric == material.metric(one.task):
                found.setdefault(panel, []).append(one)
    return found


def make(material: FigureData) -> list[Figure | Absent]:
    """The figure, or why there is none."""
    if not material.panels:
        return [Absent(NAME, "it has no numbers")]
    every = recovered_shares(material)
    shares = {
        panel: held for panel, held in every.items() if any(not math.isnan(o.value) for o in held)
    }
    if not shares:
        reasons = dict.fromkeys(one.reason for held in every.values() for one in held)
        why = next(iter(reasons), f"the run has no restorer besides {BASELINE} and {REFERENCE}")
        return [Absent(NAME, why)]
    lacking: dict[str, list[str]] = {}
    for one in (one for held in shares.values() for one in held if math.isnan(one.value)):
        names = lacking.setdefault(f"{one.task}, {one.reason}", [])
        names += [] if one.restorer in names else [one.restorer]
    told = [f"{', '.join(names)} ({reason})" for reason, names in lacking.items()]
    caption = " ".join(
        [
            f"Share of the loss that is recovered, (restored - {BASELINE}) / ({REFERENCE} - "
            f"{BASELINE}) of the metric, on the images all have: 100 % is the uncompressed images, "
            f"0 % is {BASELINE}, below 0 the restorer does harm. Where nothing comes near "
            "100 %, the panel ends below it.",
            material.what(shares),
            "Points are moved sideways a little: compare their heights at one QF, not the lines.",
            material.intervals("the shares", shares),
            *([f"No share of {'; '.join(told)}."] if told else []),
        ]
    )

    def draw(width: float) -> Canvas:
        return _draw(material, shares, width)

    return [Figure(NAME, "Share of the loss recovered", caption, draw)]


def _draw(material: FigureData, shares: dict[PanelKey, list[Summary]], width: float) -> Canvas:
    rows = -(-len(shares) // panels_per_row(width, len(shares)))
    figure = canvas(width, 2.5 * rows + 0.5, material.note)
    plain = assign_styles([BASELINE, REFERENCE])
    names: dict[str, None] = {}
    levels = {BASELINE: 0}
    for axes, (panel, held) in zip(add_panels(figure, len(shares)), shares.items(), strict=True):
        restorers = list(dict.fromkeys(one.restorer for one in held))
        low, high = _limits(held)
        if high > 100:
            levels[REFERENCE] = 100
        for name in (BASELINE, REFERENCE):
            draw_reference(axes, plain[name], 0 if name == BASELINE else 100)
        for index, name in enumerate(restorers):
            names[name] = None
            mine = [o for o in held if o.restorer == name and not math.isnan(o.value)]
            x = dodged([float(one.qf or 0) for one in mine], index, len(restorers))
            ends = [one.interval for one in mine]
            draw_points(axes, material.styles[name], x, [one.value for one in mine], ends)
        axes.set_ylim(low, high)
        axes.set_xticks(material.qfs(panel))
        axes.set_xlabel(f"quality factor of {panel[1]} (QF)")
        axes.set_ylabel(f"{material.metric(panel[0])} recovered (%)\nhigher is better")
        axes.set_title(panel_title(material, panel), loc="left")
    lines = [
        handle(f"{name} ({level} %)", plain[name], marker="None") for name, level in levels.items()
    ]
    legend_below(
        figure, [*lines, *(handle(legend_label(name), material.styles[name]) for name in names)]
    )
    return figure


def _limits(held: list[Summary]) -> tuple[float, float]:
    """All values are inside, and their intervals as far as that leaves the values readable."""
    values = [one.value for one in held if not math.isnan(one.value)]
    ends = [end for one in held for end in one.interval if not math.isnan(end)]
    low = min([0.0, *values, *(max(end, -_FAR) for end in ends)])
    high = max([0.0, *values, *(min(end, _FAR) for end in ends)])
    if high > _NEAR:
        high = max(high, 100.0)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)
