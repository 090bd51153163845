"""From what a page says to one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness._version import __version__
from harness.analysis.resampling import DRAWS
from harness.records.atomic import write_atomic
from harness.records.run_directory import RunDirectory
from harness.report.page.data import Page, describe_page
from harness.report.page.escape import printable, printable_json
from harness.report.page.figures import figures_in
from harness.report.page.forest import forest
from harness.report.page.panels import Key, chosen_panels, panels_within
from harness.report.page.provenance import METHOD
from harness.report.panel_index import read_index

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
class Wanted:
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
    first: Collection[Key] = ()
    note: str = ""


def write_report(directory: RunDirectory, path: Path, wanted: Wanted | None = None) -> int:
    """Write the page of a run directory; see `build_page`.

    Returns:
        Its size in bytes.

    Raises:
        UserError: it is no run directory, or ``path`` cannot be written to.
        HarnessError: the disk is full, or a panel cannot be read.
    """
    data = build_page(directory, wanted)
    write_atomic(path, data)
    return len(data)


def build_page(directory: RunDirectory, wanted: Wanted | None = None) -> bytes:
    """The page of a run directory: HTML in UTF-8, the same bytes for the same run and version.

    Args:
        directory: the records, and the panels if they were made.
        wanted: what to show; `Wanted`'s defaults if None.

    Raises:
        UserError: it is no run directory.
        HarnessError: a panel cannot be read.
    """
    wanted = wanted or Wanted()
    page = describe_page(directory, wanted.title, wanted.draws, wanted.seed)
    figures, lacking = figures_in(directory, wanted.draws, wanted.seed)
    parts = {"page": page, "figures": figures, "lacking": lacking, "panels": (), "note": ""}
    images = _json(page.images)
    parts["images"] = images if len(images) <= IMAGES_LIMIT else ""
    room = LIMIT - _RESERVE - len(_render(parts).encode())
    folder = directory.path / "panels"
    index = read_index(folder) if wanted.panels else ()
    fingerprints = {cell.fingerprint for cell in page.cells}
    entries, outdated = chosen_panels(index, fingerprints, wanted.first, wanted.panels)
    parts["panels"], cut = panels_within(folder, entries, room)
    parts["note"] = " ".join(filter(None, [wanted.note, outdated, cut]))
    return _render(parts).encode()


def _render(parts: Mapping[str, Any]) -> str:
    from markupsafe import Markup

    page = parts["page"]
    style, script = _source("page.css"), _source("page.js")
    qfs = dict.fromkeys(qf for one in page.tasks for qf in one.values.qfs)
    text: str = (
        _environment()
        .get_template("template.html.j2")
        .render(
            **{**parts, "images": Markup(parts["images"])},
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            software=__version__,
            contents=_contents(page),
            qfs=list(qfs),
            plots={one.task: forest(one.differences) for one in page.tasks if one.differences},
            bare=[one.name for one in page.assets if not one.cards and not one.note],
            method=METHOD,
        )
    )
    return text


def _contents(page: Page) -> list[tuple[str, str]]:
    """Id and heading of each section the template writes."""
    classes = any(one.classes for one in page.tasks)
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
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return printable(value) if isinstance(value, str) and type(value) is not Markup else value

    return Environment(
        loader=PackageLoader("harness.report.page", "."),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> str:
    return (files("harness.report.page") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that can stand in a ``<script>``: nothing in it ends the element or opens a comment."""
    text = json.dumps(printable_json(value), separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
