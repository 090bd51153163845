"""Figures, panels and the page of a run for a notebook, and as files."""

from __future__ import annotations

import base64
import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.arguments import to_names, to_path, whole
from harness.api.parts import DRAWS, RunParts
from harness.api.process_state import preserve_process_state
from harness.assets.programs import trusting
from harness.errors import UserError
from harness.report.panel_index import Panel, PanelKey

if TYPE_CHECKING:
    from harness.report.figures import Absent, Figure


class Figures(tuple["Figure", ...]):
    """Figures in order; a notebook shows them with their captions.

    Attributes:
        absent: those the run cannot give, with the reason.
    """

    absent: tuple[Absent, ...] = ()

    def __repr__(self) -> str:
        """Their names, and why others are not there."""
        lines = [f"{figure.name}: {figure.title}" for figure in self]
        lines += [f"no {absent.name}: {absent.reason}" for absent in self.absent]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from harness.report.figures import to_svg

        shown = [
            f"<figure>{to_svg(figure)}<figcaption>{escape(figure.caption)}</figcaption></figure>"
            for figure in self
        ]
        absent = [f"No figure {absent.name}: {absent.reason}." for absent in self.absent]
        return "".join([*shown, *(f"<p>{escape(sentence)}</p>" for sentence in absent)])


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


class PicturedRun(RunParts):
    """The pictures of a run."""

    def figures(
        self,
        *only: str,
        folder: str | os.PathLike[str] | None = None,
        formats: Sequence[str] = ("pdf", "png"),
        width: str = "double",
        qf: int | None = None,
        draws: int = DRAWS,
    ) -> Figures:
        """The figures of the run, which a notebook shows: ``harness figures``.

        Args:
            only: their names (`harness.report.figures.KINDS`); all that the run gives by default.
            folder: where files of them go, captions beside them; None: nowhere. A folder each in
                it where the run has several directories.
            formats: of the files: pdf, svg, png.
            width: single (3.5 in) or double (7.16 in) column.
            qf: of the figures that show one; the lowest by default.
            draws: of the bootstrap; 0 for no intervals.

        Raises:
            UserError: there is no such figure, format or width, or the folder cannot be written.
        """
        from harness.report.figures import KINDS, FigureData, collect
        from harness.report.figures.base import parse_formats, parse_width, write_figures

        where = None if folder is None else to_path(folder, "folder")
        draws = whole(draws, "draws", 0)
        names, inches = parse_formats(",".join(to_names(formats))), parse_width(width)
        every: list[Figure] = []
        lacking: list[Absent] = []
        for part in self.parts:
            figures, absent = collect(
                FigureData(part.directory, part.keys, draws, qf=qf), only or KINDS
            )
            if where is not None:
                inside = where / part.directory.path.name if len(self.parts) > 1 else where
                write_figures(figures, inside, names, inches)
            every += figures
            lacking += absent
        shown = Figures(every)
        shown.absent = tuple(lacking)
        return shown

    def panels(
        self,
        *images: str,
        tasks: Sequence[str] = (),
        qf: int | None = None,
        codec: str | None = None,
        restorers: Sequence[str] = (),
        between: tuple[str, str] | None = None,
        top: int = 4,
        worst: bool = False,
        folder: str | os.PathLike[str] | None = None,
    ) -> Panels:
        """Images as each restorer leaves them, which a notebook shows: ``harness panels``.

        Only these images are restored and predicted again. Functions, modules, data sets and
        models that `harness.evaluate` was given are used as they were then. A run directory holds
        none of them: in a run of `harness.open` such restorers are left out, which a warning says,
        except where their pictures are there already.

        Args:
            images: ids; by default those that change most between two restorers.
            tasks: to show; all by default.
            qf: to show; the lowest by default.
            codec: to show; the run's first by default.
            restorers: to show; all by default.
            between: the two restorers whose difference counts; jpeg and the best by default.
            top: images a task.
            worst: only images that the second restorer hurts.
            folder: where they go; ``panels`` in the run directory by default.

        Raises:
            UserError: the run has several directories, or no such image, QF or restorer, or was
                opened and needs an object that is nowhere on disk.
            HarnessError: no panel could be made.
        """
        from harness.panels.make import PanelOptions, make_panels
        from harness.panels.select import PanelRequest

        if between is not None and (isinstance(between, str) or len(between) != 2):
            raise UserError(f"Bad value for between: {between!r} is not two restorers.")
        part = self.single("panels")
        request = PanelRequest(
            tasks=to_names(tasks),
            qf=None if qf is None else whole(qf, "qf", 1),
            codec=codec,
            restorers=to_names(restorers),
            between=between,
            images=tuple(map(str, images)),
            top=whole(top, "top", 1),
            worst=worst,
            keys=part.keys,
        )
        where = part.directory.path / "panels" if folder is None else to_path(folder, "folder")
        options = PanelOptions(where, overrides=self.overrides)
        with _warning() as say, trusting(self.trust_code):
            panels = Panels(make_panels(part.directory, request, options, say))
        panels.folder = where
        return panels

    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        title: str = "",
        draws: int = DRAWS,
        panels: int = 8,
    ) -> Path:
        """Write the run directory as one HTML page that needs no network: ``harness report``.

        It is of all that the directory holds.

        Args:
            path: of the page; ``report.html`` in the run directory by default.
            title: of the page.
            draws: of the bootstrap; 0 for no intervals and tests.
            panels: images to show before and after, made first (see `panels`); 0 for none. A
                warning says where they cannot be made.

        Returns:
            The page's path.

        Raises:
            UserError: the run has several directories, or ``path`` cannot be written.
        """
        from harness.panels.make import panels_for_page
        from harness.report.page.render import PageOptions, write_report

        part = self.single("report")
        where = part.directory.path / "report.html" if path is None else to_path(path, "path")
        draws, count = whole(draws, "draws", 0), whole(panels, "panels", 0)
        first: list[PanelKey] = []
        note = ""
        if count:
            with _warning() as say, trusting(self.trust_code):
                first, note = panels_for_page(part.directory, count, say, overrides=self.overrides)
                if note:
                    say(note)
        options = PageOptions(title=title, draws=draws, panels=count, first=first, note=note)
        write_report(part.directory, where, options)
        return where


@contextlib.contextmanager
def _warning() -> Iterator[Callable[[str], None]]:
    """The caller's process as it was, and what is said as warnings, at the caller's line."""
    sentences: list[str] = []
    try:
        with preserve_process_state():
            yield sentences.append
    finally:
        for sentence in dict.fromkeys(sentences):
            warnings.warn(sentence, stacklevel=4)
