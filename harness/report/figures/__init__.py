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

from harness.analysis.draws import DRAWS
from harness.errors import UserError
from harness.records.run_directory import RunDirectory
from harness.report.figures.data import Material
from harness.report.figures.figure import FORMATS, Absent, Figure, to_bytes, to_svg
from harness.report.figures.style import WIDTHS, Style, style_of

KINDS = ("quality", "rate", "cost", "classes", "recovered")
"""The figures there are; each is the module of its name, with ``make(material)``."""


def collect(material: Material, only: Iterable[str] = KINDS) -> tuple[list[Figure], list[Absent]]:
    """The figures a run gives, and those it cannot give.

    Raises:
        UserError: there is no figure of one of the names, or the run has not the QF asked for.
    """
    wanted = list(only)
    unknown = [name for name in wanted if name not in KINDS]
    if unknown:
        raise UserError(f"Unknown figure '{unknown[0]}'. Available: {', '.join(KINDS)}.")
    held = sorted({qf for place in material.places for qf in material.qfs(place)})
    if material.qf is not None and material.qf not in held:
        raise UserError(
            f"There is no QF {material.qf} in {material.directory.path}. "
            f"Available: {', '.join(map(str, held)) or 'none'}."
        )
    found: list[Figure] = []
    lacking: list[Absent] = []
    for name in wanted:
        for one in import_module(f"{__name__}.{name}").make(material):
            (found if isinstance(one, Figure) else lacking).append(one)
    return found, lacking


def figures_of(
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
    return collect(Material(directory, keys, draws, seed))[0]


__all__ = [
    "FORMATS", "KINDS", "WIDTHS", "Absent", "Figure", "Material", "Style",
    "collect", "figures_of", "style_of", "to_bytes", "to_svg",
]  # fmt: skip
