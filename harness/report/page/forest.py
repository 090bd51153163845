"""Differences from ``jpeg`` with their intervals, as the geometry of a forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from harness.report.page.grid import GridLine, PageTable

WIDTH, ROW, TOP, BOTTOM, LEFT, RIGHT = 250, 20, 8, 26, 66, 10
"""Of one plot, in its own units (pixels at its natural size)."""

_TICKS = (1.0, 2.0, 5.0, 10.0)


class Mark(NamedTuple):
    """One restorer's difference.

    Attributes:
        restorer: its name, shortened where it is too long for the plot.
        y: of its line.
        x, low, high: of the difference and its interval's ends.
        kind: ``better``, ``worse`` (both significant) or ``same``.
    """

    restorer: str
    y: float
    x: float
    low: float
    high: float
    kind: str


class Plot(NamedTuple):
    """One line of a table of differences.

    Attributes:
        title: the metric and QF.
        words: the same figures in words.
        height: in its own units.
        zero: x of no difference.
        ticks: x and text.
        marks: the restorers.
    """

    title: str
    words: str
    height: float
    zero: float
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]


def forest(grid: PageTable) -> tuple[Plot, ...]:
    """A plot a line of differences with intervals; those of one metric share their scale."""
    spans: dict[str, list[float]] = {}
    for line in grid.lines:
        for number in line.numbers.values():
            if number.ends is not None and number.value is not None:
                spans.setdefault(line.metric, [0.0]).extend([number.value, *number.ends])
    lines = [line for line in grid.lines if line.metric in spans]
    return tuple(_plot(line, grid.restorers, spans[line.metric]) for line in lines)


def _plot(line: GridLine, restorers: Sequence[str], span: Sequence[float]) -> Plot:
    low, high = min(span), max(span)
    scale = (WIDTH - LEFT - RIGHT) / ((high - low) or 1.0)

    def position(value: float) -> float:
        return round(LEFT + (value - low) * scale, 1)

    marks: list[Mark] = []
    descriptions = []
    for name in restorers:
        number = line.numbers.get(name)
        if number is None or number.ends is None or number.value is None:
            continue
        y = TOP + ROW * (len(marks) + 0.5)
        kind = ("better" if number.value > 0 else "worse") if number.significant else "same"
        x, left, right = (position(v) for v in (number.value, *number.ends))
        marks.append(Mark(restorer=_short(name), y=y, x=x, low=left, high=right, kind=kind))
        descriptions.append(f"{name} {number.text} ({number.below})")
    metric, qf = line.metric, line.qf
    return Plot(
        title=f"{metric} at QF {qf}",
        words=f"Difference of {metric} from jpeg at QF {qf}: {', '.join(descriptions)}",
        height=TOP + ROW * len(marks) + BOTTOM,
        zero=position(0.0),
        ticks=tuple((position(value), text) for value, text in _ticks(low, high)),
        marks=tuple(marks),
    )


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Two to six round numbers within the range, zero among them."""
    wide = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(wide / 4))
    step = next((power * t for t in _TICKS if wide / (power * t) <= 4), power * 10)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(k * step, f"{k * step:+.{digits}f}" if k else "0") for k in range(first, last + 1)]


def _short(name: str, limit: int = 9) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
