"""From what a page says to one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness._version import __version__
from harness.analysis.resampling import DRAWS
from harness.records.atomic import write_atomic
from harness.records.run_directory import RunDirectory
from harness.report.page import panels as page_panels
from harness.report.page import provenance
from harness.report.page.forest import forest
from harness.report.page.page import Page, describe_page
from harness.report.panel_index import PanelKey, read_index
from harness.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

LIMIT = 10_000_000
"""Bytes that a page stays under."""

IMAGES_LIMIT = 4_000_000
"""Bytes of the table of images; a larger one is left out."""

_RESERVE = 50_000

PANELS = 8
"""Shown where nobody says otherwise."""


@dataclass(frozen=True)
class PageOptions:
    """What a page is to show besides the numbers.

    Attributes:
        title: of the page; made from the study where it is empty.
        draws: of the bootstrap; 0 for no intervals and no tests.
        seed: of the draws.
        panels: the most panels to show, of those in the run directory.
        first: keys of panels that come before all others.
        note: a sentence why there are no panels, or not the ones asked for.
    """

    title: str = ""
    draws: int = DRAWS
    seed: int = 0
    panels: int = PANELS
    first: Collection[PanelKey] = ()
    note: str = ""


class DrawnFigure(NamedTuple):
    """A figure in the page; the SVG for a page's and a phone's width, as ``data:`` addresses."""

    title: str
    caption: str
    wide: str
    narrow: str


def write_report(directory: RunDirectory, path: Path, options: PageOptions | None = None) -> int:
    """Write the page of a run directory; see `build_page`.

    Returns:
        Its size in bytes.

    Raises:
        UserError: it is no run directory, or ``path`` cannot be written to.
        HarnessError: the disk is full, or a panel cannot be read.
    """
    data = build_page(directory, options)
    write_atomic(path, data)
    return len(data)


def build_page(directory: RunDirectory, options: PageOptions | None = None) -> bytes:
    """The page of a run directory: HTML in UTF-8, the same bytes for the same run and version.

    Raises:
        UserError: it is no run directory.
        HarnessError: a panel cannot be read.
    """
    options = options or PageOptions()
    page = describe_page(directory, options.title, options.draws, options.seed)
    figures, lacking = draw_figures(directory, options.draws, options.seed)
    images = _json(page.images)
    images = images if len(images) <= IMAGES_LIMIT else ""
    render = partial(_render, page, images, figures=figures, lacking=lacking)
    room = LIMIT - _RESERVE - len(render(panels=(), pictures={}, note="").encode())
    folder = directory.path / "panels"
    index = read_index(folder) if options.panels else ()
    fingerprints = {cell.fingerprint for cell in page.cells}
    chosen, outdated = page_panels.choose_panels(index, fingerprints, options.first, options.panels)
    panels, pictures, cut = page_panels.embed_panels(folder, chosen, room)
    note = " ".join(filter(None, [options.note, outdated, cut]))
    return render(panels=panels, pictures=pictures, note=note).encode()


def draw_figures(
    directory: RunDirectory, draws: int, seed: int
) -> tuple[tuple[DrawnFigure, ...], tuple[str, ...]]:
    """The figures a run gives, and a sentence for each that it cannot give.

    As images, not as elements: a style in an image is its own, so the page's policy can forbid
    styles of any other origin than its own.
    """
    from harness.report.figures import WIDTHS, FigureData, collect, to_svg

    figures, absent = collect(FigureData(directory, None, draws, seed))
    drawn = []
    for figure in figures:
        wide, narrow = (to_svg(figure, WIDTHS[name]).encode() for name in ("double", "single"))
        pictures = (page_panels.data_uri("image/svg+xml", svg) for svg in (wide, narrow))
        drawn.append(DrawnFigure(figure.title, figure.caption, *pictures))
    return tuple(drawn), tuple(f"No figure {one.name}: {one.reason}." for one in absent)


def _render(page: Page, images: str, **parts: object) -> str:
    from markupsafe import Markup

    style, script = _source("page.css"), _source("page.js")
    text: str = (
        _environment()
        .get_template("template.html.j2")
        .render(
            page=page,
            images=Markup(images),
            **parts,
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            software=__version__,
            contents=_contents(page),
            qfs=list(dict.fromkeys(qf for task in page.tasks for qf in task.values.qfs)),
            plots={task.task: forest(task.differences) for task in page.tasks if task.differences},
            bare=[asset.name for asset in page.assets if not asset.cards and not asset.note],
            origin=provenance,
            of=page_panels,
        )
    )
    return text


def _contents(page: Page) -> list[tuple[str, str]]:
    """Id and heading of each section the template writes."""
    classes = any(task.classes for task in page.tasks)
    return [
        ("short", "In short"),
        ("tables", "Tables"),
        *([("overall", "Over all QFs")] if page.overall else []),
        ("figures", "Figures"),
        ("panels", "Pictures"),
        *([("classes", "By class")] if classes else []),
        ("images", "By image"),
        ("origin", "Where the numbers come from"),
    ]


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("harness.report.page", "."),
        autoescape=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> str:
    return (files("harness.report.page") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: object) -> str:
    """JSON that can stand in a ``<script>``: nothing in it ends the element or opens a comment."""
    text = json.dumps(printable_json(value), separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def printable_json(value: object) -> object:
    """The same for every string in a JSON-serialisable value, keys too."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): printable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable_json(item) for item in value]
    return value
