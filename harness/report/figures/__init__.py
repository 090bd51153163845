"""Figures of a run: each is made from records alone, drawn into a file or into an HTML page.

| name | what it shows |
|---|---|
| gain | the difference from jpeg against the quality factor |
| quality | a task's metric against the quality factor |
| rate | the same against bits per pixel, with BD-rate and BD-metric |
| cost | gain over jpeg against the seconds of restoring an image |
| classes | gain over jpeg of each class |
| recovered | the share of what compression took that is given back |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module

from harness.analysis.resampling import DRAWS
from harness.errors import UserError
from harness.records.run_directory import RunDirectory
from harness.report.figures.base import FORMATS, Absent, Figure, to_bytes, to_svg
from harness.report.figures.data import FigureData
from harness.report.figures.style import WIDTHS, Style, assign_styles

_MODULES = {
    "gain": "gain",
    "quality": "accuracy_vs_quality",
    "rate": "rate_distortion",
    "cost": "accuracy_vs_cost",
    "classes": "per_class",
    "recovered": "recovered",
}
KINDS = tuple(_MODULES)
"""The figures there are; each has a module with ``make(data)``."""


def collect(data: FigureData, only: Iterable[str] = KINDS) -> tuple[list[Figure], list[Absent]]:
    """The figures a run gives, and those it cannot give.

    Raises:
        UserError: there is no figure of one of the names, or the run has not the QF asked for.
    """
    names = list(only)
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise UserError(f"Unknown figure '{unknown[0]}'. Available: {', '.join(KINDS)}.")
    qfs = sorted({qf for panel in data.panels for qf in data.qfs(panel)})
    if data.qf is not None and data.qf not in qfs:
        raise UserError(
            f"There is no QF {data.qf} in {data.directory.path}. "
            f"Available: {', '.join(map(str, qfs)) or 'none'}."
        )
    made: list[Figure | Absent] = []
    for name in names:
        made += import_module(f"{__name__}.{_MODULES[name]}").make(data)
    figures = [figure for figure in made if isinstance(figure, Figure)]
    return figures, [figure for figure in made if isinstance(figure, Absent)]


def build_figures(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Figure]:
    """Every figure a run directory gives; arguments as `FigureData`'s."""
    return collect(FigureData(directory, keys, draws, seed))[0]


__all__ = [
    "FORMATS", "KINDS", "WIDTHS", "Absent", "Figure", "FigureData", "Style",
    "assign_styles", "build_figures", "collect", "to_bytes", "to_svg",
]  # fmt: skip
