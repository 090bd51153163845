"""What came of a study, for programs and notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.arguments import to_names, to_path, whole
from harness.api.parts import Part
from harness.errors import HarnessError, UserError
from harness.study.overrides import NO_OVERRIDES, Overrides

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.figures import Figures, Panels
    from harness.api.shown import ShownFrame

DRAWS = 1000
"""Of the bootstrap behind intervals; `harness.analysis.resampling` needs numpy."""


@dataclass(frozen=True, repr=False)
class Run:
    """A study's numbers. Everything is computed from the records on disk when it is asked for.

    Made by `harness.evaluate`, or by `harness.open` from a run directory.

    Attributes:
        parts: the run directories: one, or several where ``auto`` took several data sets.
        computed: records computed by the call that made it.
        notices: what was to be said before the numbers.
        failed: image id to the sentence saying why it is in no number, over all parts.
        own: what was given as objects, not by name, as it was then; panels run it again.
    """

    parts: tuple[Part, ...]
    computed: int = 0
    notices: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default=NO_OVERRIDES, compare=False)

    def __repr__(self) -> str:
        """What was measured, and where the records are."""
        try:
            return f"<Run {'; '.join(map(str, self.parts))}>"
        except HarnessError:  # the directory is gone
            return f"<Run {', '.join(map(str, self.paths))}, which cannot be read>"

    @property
    def path(self) -> Path:
        """The run directory.

        Raises:
            UserError: there are several.
        """
        return self.single("path").directory.path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The run directories."""
        return tuple(part.directory.path for part in self.parts)

    def table(self, detail: bool = False, draws: int = DRAWS) -> ShownFrame:
        """The table as people read it: rows task, metric, QF; columns restorers.

        Values are in percent (dB for PSNR, 0..1 for SSIM) at full precision. In a notebook, and
        printed, it looks as ``harness table`` prints it.

        Args:
            detail: every metric, per class too.
            draws: of the bootstrap behind intervals and marks; 0 for neither.
        """
        from harness.api.frames import table_frame

        return table_frame([self._built(part, detail, draws) for part in self.parts])

    def text(self, detail: bool = False, draws: int = DRAWS) -> str:
        """The table as ``harness table`` prints it; arguments as `table`'s."""
        from harness.report.tables.text import render_text

        built = [self._built(part, detail, draws) for part in self.parts]
        return "\n".join(render_text(table, colour=False) for table in built)

    def frame(self, detail: bool = False, draws: int = DRAWS) -> pd.DataFrame:
        """The long form, one row a number with its interval: ``harness table --format csv``.

        Columns and units: `harness.report.tables.frames.long_form`; arguments as `table`'s.
        """
        import pandas as pd

        from harness.report.tables.frames import long_form

        draws = whole(draws, "draws", 0)
        found = [long_form(part.directory, part.keys, detail, draws) for part in self.parts]
        return found[0] if len(found) == 1 else pd.concat(found, ignore_index=True)

    def records(
        self, task: str, restorer: str, qf: int | None = None, codec: str = ""
    ) -> pd.DataFrame:
        """The records of a cell, one row an image, sorted by image id.

        Args:
            task: of the cell.
            restorer: of the cell.
            qf: of the cell; None where the study has one, or for ``original``.
            codec: of the cell; needed where the study has several.

        Returns:
            Index: image. Columns: ``error`` of failed images, size, ``bytes``, ``bpp``, fidelity
            (``psnr`` in dB...), ``seconds_restore`` and other times, and ``outcome``, what the
            task keeps of an image.

        Raises:
            UserError: there is no such cell, or more than one.
        """
        from harness.api.image_records import records_frame

        found = [
            (part, cell)
            for part in self.parts
            for cell in part.cells
            if cell.task == task and cell.restorer == restorer
        ]
        fitting = [
            (part, cell)
            for part, cell in found
            if cell.qf is None or (qf in (None, cell.qf) and (not codec or codec == cell.codec))
        ]
        if len(fitting) != 1:
            held = found or [(part, cell) for part in self.parts for cell in part.cells]
            raise UserError(
                f"{'No' if not fitting else 'More than one'} cell is of {task}, {restorer}, "
                f"QF {qf}{f', codec {codec}' * bool(codec)}. There are: "
                f"{', '.join(cell.key for _, cell in held)}."
            )
        part, cell = fitting[0]
        return records_frame(part.directory, cell)

    def compare(
        self,
        a: str | Run,
        b: str | Run,
        *,
        tasks: Sequence[str] = (),
        metrics: Sequence[str] = (),
        detail: bool = False,
        common_images: bool = False,
        draws: int = DRAWS,
        top: int = 10,
    ) -> ShownFrame:
        """``b - a`` by task, metric and QF, paired image by image, as ``harness compare``.

        Args:
            a: a restorer of this run, or a whole run.
            b: likewise.
            tasks: to keep to; all by default.
            metrics: to compare; those that tables show by default.
            detail: every metric, per class too.
            common_images: allow other image lists, and use the images both have.
            draws: of the bootstrap; 0 for values alone.
            top: how many of the images that moved most are shown below.

        Returns:
            A row a comparison: both values, difference, its interval, p, p after Holm's
            correction, images better, the same and worse.

        Raises:
            UserError: there is no such restorer, or the two cannot be compared.
        """
        from harness.api.comparisons import compared, comparison_frame

        tasks, draws, top = to_names(tasks), whole(draws, "draws", 0), whole(top, "top", 0)
        options = {"metrics": to_names(metrics), "detail": detail, "common_images": common_images}
        return comparison_frame(compared(self, a, b, tasks=tasks, draws=draws, **options), top)

    def moved(self, a: str | Run, b: str | Run, top: int = 10) -> pd.DataFrame:
        """The images that moved most from ``a`` to ``b``, by their own headline metric.

        Args:
            a: see `compare`.
            b: see `compare`.
            top: how many of each task.

        Returns:
            A row an image: task, metric, image, codec and QF where it changed most, both values
            and the change.

        Raises:
            UserError: see `compare`.
        """
        from harness.api.comparisons import compared, moved_frame

        return moved_frame(compared(self, a, b), whole(top, "top", 0))

    def summary(self, draws: int = DRAWS) -> ShownFrame:
        """One number a restorer over all QFs: mPC, rPC and the share of the loss it recovers.

        See `harness.analysis.summaries`.
        """
        from harness.api.comparisons import summaries_frame

        return summaries_frame(self.parts, whole(draws, "draws", 0))

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
        from harness.api.figures import figures_of_parts

        where = None if folder is None else to_path(folder, "folder")
        draws = whole(draws, "draws", 0)
        return figures_of_parts(self.parts, only, where, to_names(formats), width, qf, draws)

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
        from harness.api.figures import make_run_panels
        from harness.panels.select import PanelRequest

        if between is not None and (isinstance(between, str) or len(between) != 2):
            raise UserError(f"Bad value for between: {between!r} is not two restorers.")
        qf, top = None if qf is None else whole(qf, "qf", 1), whole(top, "top", 1)
        shown = (to_names(restorers), between, tuple(map(str, images)), top, worst)
        conditions = (to_names(tasks), qf, codec, *shown)
        where = None if folder is None else to_path(folder, "folder")
        return make_run_panels(
            self.single("panels"), PanelRequest(*conditions), where, self.overrides
        )

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
        from harness.api.figures import page_of_part

        part = self.single("report")
        where = part.directory.path / "report.html" if path is None else to_path(path, "path")
        numbers = (whole(draws, "draws", 0), whole(panels, "panels", 0))
        page_of_part(part, where, title, *numbers, self.overrides)
        return where

    def _built(self, part: Part, detail: bool, draws: int) -> Any:
        from harness.report.tables.build import build_table

        return build_table(part.directory, part.keys, detail, whole(draws, "draws", 0))

    def single(self, what: str) -> Part:
        """The only part.

        Args:
            what: is wanted of it, for the message.

        Raises:
            UserError: there are several.
        """
        if len(self.parts) > 1:
            listed = ", ".join(map(str, self.paths))
            raise UserError(
                f"This run has several directories, {listed}, so no one {what}: "
                "open one of them with harness.open."
            )
        return self.parts[0]
