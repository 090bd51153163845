"""Figures and panels of a run for a notebook, and as files."""

from __future__ import annotations

import base64
import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.process_state import preserve_process_state
from harness.report.figures import KINDS, Absent, Figure, collect, to_svg
from harness.report.figures.data import FigureData
from harness.report.panel_index import Panel, PanelKey

if TYPE_CHECKING:
    from harness.api.parts import Part
    from harness.panels.select import PanelRequest
    from harness.study.overrides import Overrides


class Figures(tuple[Figure, ...]):
    """Figures in order; a notebook shows them with their captions.

    Attributes:
        absent: those the run cannot give, with the reason.
    """

    absent: tuple[Absent, ...] = ()

    def __repr__(self) -> str:
        """Their names, and why others are not there."""
        lines = [f"{figure.name}: {figure.title}" for figure in self]
        lines += [f"no {one.name}: {one.reason}" for one in self.absent]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = [
            f"<figure>{to_svg(figure)}<figcaption>{escape(figure.caption)}</figcaption></figure>"
            for figure in self
        ]
        return "".join([*shown, *(f"<p>{escape(str(one))}</p>" for one in self._absences())])

    def _absences(self) -> list[str]:
        return [f"No figure {one.name}: {one.reason}." for one in self.absent]


def figures_of_parts(
    parts: Sequence[Part],
    only: Sequence[str],
    folder: Path | None,
    formats: Sequence[str],
    width: str,
    qf: int | None,
    draws: int,
) -> Figures:
    """The figures of every run directory; arguments as `harness.api.run.Run.figures`'s.

    Raises:
        UserError: see there.
    """
    from harness.report.figures.base import parse_formats, parse_width, write_figures

    wanted, inches = parse_formats(",".join(formats)), parse_width(width)
    every: list[Figure] = []
    lacking: list[Absent] = []
    for part in parts:
        material = FigureData(part.directory, part.keys, draws, qf=qf)
        found, absent = collect(material, only or KINDS)
        if folder is not None:
            inside = folder / part.directory.path.name if len(parts) > 1 else folder
            write_figures(found, inside, wanted, inches)
        every += found
        lacking += absent
    figures = Figures(every)
    figures.absent = tuple(lacking)
    return figures


class Panels(tuple[Panel, ...]):
    """Panels in order; a notebook shows them with the reason why each was chosen.

    Attributes:
        folder: their paths are relative to it.
    """

    folder: Path = Path()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The composed pictures."""
        return tuple(self.folder / panel.file for panel in self)

    def __repr__(self) -> str:
        """Their files, and why these images."""
        return "\n".join(
            f"{path}\n    {panel.task}: {panel.reason}"
            for path, panel in zip(self.paths, self, strict=True)
        )

    def _repr_html_(self) -> str:
        return "".join(
            f'<figure><img style="max-width: 100%" alt="{escape(panel.image)}" '
            f'src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'
            f"<figcaption>{escape(f'{panel.task}: {panel.reason}')}</figcaption></figure>"
            for path, panel in zip(self.paths, self, strict=True)
        )


def make_run_panels(
    part: Part, request: PanelRequest, folder: Path | None, overrides: Overrides
) -> Panels:
    """Make panels; see `harness.panels.make.make_panels`.

    Args:
        part: of the run.
        request: what to show.
        folder: where they go; None: into the run directory.
        overrides: objects that the run was made with.

    Raises:
        UserError: an object is asked for that is not there any more, and see there.
        HarnessError: see there.
    """
    from harness.panels.make import PanelOptions, make_panels

    where = folder or part.directory.path / "panels"
    wanted = replace(request, keys=part.keys)
    with _warning() as say:
        found = make_panels(part.directory, wanted, PanelOptions(where, overrides=overrides), say)
    panels = Panels(found)
    panels.folder = where
    return panels


def page_of_part(
    part: Part, path: Path, title: str, draws: int, count: int, overrides: Overrides
) -> None:
    """Write the page of a run directory, its panels before it.

    Args:
        part: of the run.
        path: of the page.
        title: of the page.
        draws: of the bootstrap.
        count: of panels; 0 for none.
        overrides: objects that the run was made with.

    Raises:
        UserError: ``path`` cannot be written.
    """
    from harness.panels.make import panels_for_page
    from harness.report.page.render import PageOptions, write_report

    first: list[PanelKey] = []
    note = ""
    if count:
        with _warning() as say:
            first, note = panels_for_page(part.directory, count, say, overrides=overrides)
            if note:
                say(note)
    write_report(
        part.directory,
        path,
        PageOptions(title=title, draws=draws, panels=count, first=first, note=note),
    )


@contextlib.contextmanager
def _warning() -> Iterator[Callable[[str], None]]:
    """The caller's process as it was, and what is said as warnings, at the caller's line."""
    said: list[str] = []
    try:
        with preserve_process_state():
            yield said.append
    finally:
        for sentence in dict.fromkeys(said):
            warnings.warn(sentence, stacklevel=5)
