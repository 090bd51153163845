"""The figures of a run as pictures in its page."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.run_directory import RunDirectory
from harness.report.page.panels import data_uri


@dataclass(frozen=True)
class DrawnFigure:
    """A figure in the page.

    Attributes:
        title, caption: as the figure has them.
        wide, narrow: the SVG for a page's and for a phone's width, ``data:`` addresses.
    """

    title: str
    caption: str
    wide: str
    narrow: str


def figures_in(
    directory: RunDirectory, draws: int, seed: int
) -> tuple[tuple[DrawnFigure, ...], tuple[str, ...]]:
    """The figures a run gives, and a sentence for each that it cannot give.

    As images, not as elements: a style in an image is its own, so the page's policy can forbid
    styles of any other origin than its own.

    Args:
        directory: the records.
        draws: of the bootstrap; 0 for no intervals.
        seed: of the draws.
    """
    from harness.report.figures import WIDTHS, collect, to_svg
    from harness.report.figures.data import FigureData

    found, absent = collect(FigureData(directory, None, draws, seed))
    drawn = tuple(
        DrawnFigure(
            one.title,
            one.caption,
            data_uri("image/svg+xml", to_svg(one, WIDTHS["double"]).encode()),
            data_uri("image/svg+xml", to_svg(one, WIDTHS["single"]).encode()),
        )
        for one in found
    )
    return drawn, tuple(f"No figure {one.name}: {one.reason}." for one in absent)
