"""Figures of a run: each is made from records alone, drawn into a file or into an HTML page.

| name | what it shows |
|---|---|
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
from harness.report.figures.data import FigureData
from harness.report.figures.figure import FORMATS, Absent, Figure, to_bytes, to_svg
from harness.report.figures.style import WIDTHS, Style, assign_styles

_MODULES = {
    "quality": "accuracy_vs_quality",
    "rate": "rate_distortion",
    "cost": "accuracy_vs_cost",
    "classes": "per_class",
    "recovered": "recovered",
}
KINDS = tuple(_MODULES)
"""The figures there are; each has a module with ``make(data)``."""


def collect(material: FigureData, only: Iterable[str] = KINDS) -> tuple[list[Figure], list[Absent]]:
    """The figures a run gives, and those it cannot give.

    Raises:
        UserError: there is no figure of one of the names, or the run has not the QF asked for.
    """
    wanted = list(only)
    unknown = [name for name in wanted if name not in KINDS]
    if unknown:
        raise UserError(f"Unknown figure '{unknown[0]}'. Available: {', '.join(KINDS)}.")
    held = sorted({qf for panel in material.panels for qf in material.qfs(panel)})
    if material.qf is not None and material.qf not in held:
        raise UserError(
            f"There is no QF {material.qf} in {material.directory.path}. "
            f"Available: {', '.join(map(str, held)) or 'none'}."
        )
    found: list[Figure] = []
    lacking: list[Absent] = []
    for name in wanted:
        for one in import_module(f"{__name__}.{_MODULES[name]}").make(material):
            (found if isinstance(one, Figure) else lacking).append(one)
    return found, lacking


def build_figures(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Figure]:
    """Every figure a run directory gives.

    Args:
        directory: the records.
        keys: the cells wanted; all by default.
        draws: of the bootstrap; 0 for no intervals.
        seed: of the draws.
    """
    return collect(FigureData(directory, keys, draws, seed))[0]


__all__ = [
    "FORMATS", "KINDS", "WIDTHS", "Absent", "Figure", "FigureData", "Style",
    "assign_styles", "build_figures", "collect", "to_bytes", "to_svg",
]  # fmt: skip
