"""Comparisons and summaries of runs, as frames that show themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.results import Comparison, largest_changes
from harness.api.arguments import to_names, whole
from harness.api.parts import DRAWS, Part, RunParts
from harness.errors import UserError
from harness.records.schema import Manifest

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.frames import ShownFrame

_MOVED = ("task", "metric", "image", "codec", "qf", "a", "b", "change")


@dataclass(frozen=True)
class _StudyOperand(Operand):
    """An operand that has no cells but those of a study."""

    keys: frozenset[str] | None = None

    @cached_property
    def manifest(self) -> Manifest:
        """The run's manifest without the other cells."""
        manifest = self.directory.manifest()
        cells = tuple(c for c in manifest.cells if self.keys is None or c.key in self.keys)
        return manifest.model_copy(update={"cells": cells})


class ComparedRun(RunParts):
    """The comparisons of a run."""

    def compare(
        self,
        a: str | RunParts,
        b: str | RunParts,
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
        import pandas as pd

        from harness.api.frames import show_frame
        from harness.report.tables.comparison import render_comparison
        from harness.report.tables.comparison_data import comparison_frame

        draws, top = whole(draws, "draws", 0), whole(top, "top", 0)
        comparisons = self._compared(
            a,
            b,
            tasks=to_names(tasks),
            metrics=to_names(metrics),
            detail=detail,
            common_images=common_images,
            draws=draws,
        )
        text = "\n".join(render_comparison(c, largest_changes(c, top), "text") for c in comparisons)
        return show_frame(
            pd.concat([comparison_frame(c) for c in comparisons], ignore_index=True), text
        )

    def moved(self, a: str | RunParts, b: str | RunParts, top: int = 10) -> pd.DataFrame:
        """The images that moved most from ``a`` to ``b``, by their own headline metric.

        Args:
            a: see `compare`.
            b: see `compare`.
            top: how many of each task.

        Returns:
            A row an image: task, metric, image, codec and QF where it changed most, both values
            and the change, the largest of a task first.

        Raises:
            UserError: see `compare`.
        """
        import pandas as pd

        top = whole(top, "top", 0)
        changes = [change for c in self._compared(a, b) for change in largest_changes(c, top)]
        rows = [[getattr(change, column) for column in _MOVED] for change in changes]
        return pd.DataFrame(rows, columns=_MOVED).astype({"qf": "Int64"})

    def summary(self, draws: int = DRAWS) -> ShownFrame:
        """One number a restorer over all QFs: mPC, rPC and the share of the loss it recovers.

        See `harness.analysis.summaries`.
        """
        import pandas as pd

        from harness.analysis.summaries import summaries, summary_frame
        from harness.api.frames import show_frame
        from harness.report.tables.summary import render_summary

        draws = whole(draws, "draws", 0)
        parts = [(part.directory, part.keys, draws) for part in self.parts]
        text = "\n".join(render_summary(summaries(*part), "text") for part in parts)
        frames = [summary_frame(*part) for part in parts]
        return show_frame(pd.concat(frames, ignore_index=True), text)

    def _compared(self, a: str | RunParts, b: str | RunParts, **options: Any) -> list[Comparison]:
        """Two restorers of the run, two runs, or a restorer and a run, compared.

        Returns:
            One comparison; one a run directory that has both, where the run has several.

        Raises:
            UserError: there is no such restorer, both are the same, or they cannot be compared.
        """
        for what in (a, b):
            if not isinstance(what, str | RunParts):
                raise UserError(
                    f"{what!r} is no restorer's name and no run, so cannot be compared."
                )
        if a == b:
            raise UserError(f"{a} does not differ from itself. Name two.")
        parts = self.parts if isinstance(a, str) or isinstance(b, str) else self.parts[:1]
        operands = [(_operand(a, part), _operand(b, part)) for part in parts]
        pairs = [(left, right) for left, right in operands if left and right]
        if not pairs:
            restorers = list(dict.fromkeys(cell.restorer for part in parts for cell in part.cells))
            unknown = next((n for n in (a, b) if isinstance(n, str) and n not in restorers), None)
            what = f"no restorer '{unknown}'" if unknown else f"no data set with both {a} and {b}"
            raise UserError(f"The run has {what}. Its restorers are: {', '.join(restorers)}.")
        return [compare(left, right, **options) for left, right in pairs]


def _operand(what: str | RunParts, part: Part) -> Operand | None:
    """A restorer in one of the run's directories, None where it is not there; or a whole run."""
    if not isinstance(what, str):
        other = what.single("comparison")
        return _StudyOperand(other.directory, None, keys=other.keys)
    measured = any(cell.restorer == what for cell in part.cells)
    return _StudyOperand(part.directory, what, keys=part.keys) if measured else None
