"""A figure, ready to be drawn, and the files and strings it is drawn into."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.records.atomic import write_atomic
from harness.report.figures.style import WIDTHS, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FORMATS = ("pdf", "svg", "png")

CAPTIONS = "captions.md"

ELSEWHERE = Path("results") / "figures"
"""Where the figures of a run go whose directory cannot be written to, a folder a run."""

# Without dates, so that the same run gives the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {},
}  # fmt: skip

_NOT_IN_A_PAGE = (
    (r"<metadata>.*?</metadata>", ""),
    (r"<style[^>]*>.*?</style>", ""),  # its `*` would restyle the whole page
    # Ids of groups repeat from figure to figure; only those of <defs> are referred to.
    (r'<g id="[^"]*"', "<g"),
    # Said once for all, with what stands in for it where it is not installed.
    (r" ?font-family: [^;\"]*;?", ""),
    # What says nothing: comments, turns by no angle, indentation.
    (r"<!--.*?-->", ""),
    (r' transform="rotate\(-?0 [^)]*\)"', ""),
    (r"\n\s*", "\n"),
)


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
    """The file of a figure, ``width`` inches wide; the same figure gives the same bytes."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with settings():
        # Ids in an SVG are hashes with this salt; without it they are random.
        mpl.rcParams["svg.hashsalt"] = figure.name
        figure.draw(width).savefig(buffer, format=format, metadata=_METADATA[format])
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
    for pattern, replacement in _NOT_IN_A_PAGE:
        body = re.sub(pattern, replacement, body, flags=re.S)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{escape(figure.title)}" viewBox="{size.group(1)}" '
        f'style="width:100%;max-width:{points:g}pt;height:auto;'
        "font-family:'DejaVu Sans',Verdana,sans-serif;"
        'stroke-linejoin:round;stroke-linecap:butt">'
    )
    return head + body.strip()


def parse_formats(text: str) -> list[str]:
    """The formats of ``pdf,png``.

    Raises:
        UserError: there is no such format.
    """
    formats = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in formats:
        if name not in FORMATS:
            raise UserError(f"Unknown format '{name}'. Available: {', '.join(FORMATS)}.")
    if not formats:
        raise UserError(f"--format names no format. Available: {', '.join(FORMATS)}.")
    return list(dict.fromkeys(formats))


def parse_width(name: str) -> float:
    """The width of ``single`` or ``double``, inches.

    Raises:
        UserError: there is no such width.
    """
    if name not in WIDTHS:
        raise UserError(f"Unknown width '{name}'. Available: {', '.join(WIDTHS)}.")
    return WIDTHS[name]


def folder_for(directory: Path) -> Path:
    """Where the figures of a directory go: into it, or elsewhere where that cannot be done."""
    inside = directory / "figures"
    if writable(inside if inside.exists() else directory):
        return inside
    return ELSEWHERE / directory.resolve().name


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def write_figures(
    figures: Sequence[Figure], folder: Path, formats: Sequence[str], width: float
) -> list[Path]:
    """Write figures and their captions; captions of others that lie there are kept.

    Returns:
        The files.

    Raises:
        UserError: the folder cannot be written to.
        HarnessError: the disk is full.
    """
    written = []
    for figure in figures:
        for format in formats:
            path = folder / f"{figure.name}.{format}"
            write_atomic(path, to_bytes(figure, format, width))
            written.append(path)
    captions = folder / CAPTIONS
    write_atomic(captions, _captions(captions, figures).encode())
    return [*written, captions]


def _captions(path: Path, figures: Sequence[Figure]) -> str:
    """The captions, a heading each, by name: those of ``figures`` and of what else lies there."""
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    parts = re.split(r"^## (.+)\n\n", old, flags=re.M)[1:]
    captions = {
        name: text.strip()
        for name, text in zip(parts[::2], parts[1::2], strict=True)
        if any((path.parent / f"{name}.{format}").is_file() for format in FORMATS)
    }
    captions |= {figure.name: f"**{figure.title}.** {figure.caption}" for figure in figures}
    return "\n".join(f"## {name}\n\n{captions[name]}\n" for name in sorted(captions))
