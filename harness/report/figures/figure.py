"""A figure, ready to be drawn, and the files and strings it is drawn into."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from harness.report.figures.style import WIDTHS, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FORMATS = ("pdf", "svg", "png")

_METADATA: dict[str, dict[str, Any]] = {
    # Without dates, so that the same run gives the same bytes.
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {},
}


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: of its files: lower case, words joined with hyphens.
        title: a few words.
        caption: sentences: what was measured on what, what the marks and intervals are.
        draw: given a width in inches, draws it with matplotlib.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[float], Canvas]


@dataclass(frozen=True)
class Absent:
    """A figure that a run cannot give.

    Attributes:
        name: of the figure.
        reason: why, a clause without a full stop.
    """

    name: str
    reason: str


def to_bytes(figure: Figure, format: str, width: float = WIDTHS["double"]) -> bytes:
    """The file of a figure; the same figure gives the same bytes.

    Args:
        figure: what to draw.
        format: of `FORMATS`.
        width: inches.
    """
    import matplotlib as mpl

    buffer = io.BytesIO()
    with settings():
        # Ids in an SVG are hashes with this salt; without it they are random.
        mpl.rcParams["svg.hashsalt"] = figure.name
        drawn = figure.draw(width)
        drawn.savefig(buffer, format=format, metadata=_METADATA[format])
    return buffer.getvalue()


def to_svg(figure: Figure, width: float = WIDTHS["double"]) -> str:
    """An ``<svg>`` element for an HTML page: as wide as its container, at most ``width`` inches.

    It has the figure's title as its accessible name, its ids are its own among the figures of a
    page, and its text is text.
    """
    text = to_bytes(figure, "svg", width).decode()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    size = re.search(r'viewBox="([^"]+)"', text)
    assert size is not None, "matplotlib writes a viewBox"
    points = float(size.group(1).split()[2])
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    # Its `*` would restyle the whole page.
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.S)
    # Ids of groups repeat from figure to figure; only those of <defs> are referred to.
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    # Said once for all, with what stands in for it where it is not installed.
    body = re.sub(r" ?font-family: [^;\"]*;?", "", body)
    # What says nothing: comments, turns by no angle, indentation.
    body = re.sub(r"<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", body)
    body = re.sub(r"\n\s*", "\n", body)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{escape(figure.title)}" viewBox="{size.group(1)}" '
        f'style="width:100%;max-width:{points:g}pt;height:auto;'
        "font-family:'DejaVu Sans',Verdana,sans-serif;"
        'stroke-linejoin:round;stroke-linecap:butt">'
    )
    return head + body.strip()
