"""What came of a study, for programs and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.arguments import whole
from harness.api.comparisons import ComparedRun
from harness.api.figures import PicturedRun
from harness.api.parts import DRAWS

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.frames import ShownFrame
    from harness.report.tables.model import Table


class Run(ComparedRun, PicturedRun):
    """A study's numbers. Everything is computed from the records on disk when it is asked for.

    Made by `harness.evaluate`, or by `harness.open` from a run directory.

    Attributes:
        parts: the run directories: one, or several where ``auto`` took several data sets.
        computed: records computed by the call that made it.
        notices: what was to be said before the numbers.
        failed: image id to the sentence saying why it is in no number, over all parts.
        overrides: what was given as objects, not by name, as it was then; panels run it again.
        trust_code: panels may run TorchScript files again.
    """

    def table(self, detail: bool = False, draws: int = DRAWS) -> ShownFrame:
        """The table as people read it: rows task, metric, QF; columns restorers.

        Values are in percent (dB for PSNR, 0..1 for SSIM) at full precision. In a notebook, and
        printed, it looks as ``harness table`` prints it.

        Args:
            detail: every metric, per class too.
            draws: of the bootstrap behind intervals and marks; 0 for neither.
        """
        from harness.api.frames import table_frame

        return table_frame(self._tables(detail, draws))

    def text(self, detail: bool = False, draws: int = DRAWS) -> str:
        """The table as ``harness table`` prints it; arguments as `table`'s."""
        from harness.report.tables.text import render_text

        tables = self._tables(detail, draws)
        return "\n".join(render_text(table, colour=False) for table in tables)

    def frame(self, detail: bool = False, draws: int = DRAWS) -> pd.DataFrame:
        """The long form, one row a number with its interval: ``harness table --format csv``.

        Columns and units: `harness.report.tables.frames.long_form`; arguments as `table`'s.
        """
        import pandas as pd

        from harness.report.tables.frames import long_form

        draws = whole(draws, "draws", 0)
        frames = [long_form(part.directory, part.keys, detail, draws) for part in self.parts]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

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
        from harness.api.frames import records_frame

        return records_frame(self.parts, task, restorer, qf, codec)

    def _tables(self, detail: bool, draws: int) -> list[Table]:
        from harness.report.tables.build import build_table

        draws = whole(draws, "draws", 0)
        return [build_table(part.directory, part.keys, detail, draws) for part in self.parts]
