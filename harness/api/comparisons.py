"""Comparisons and summaries of runs, as frames that show themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.results import Comparison, largest_changes
from harness.errors import UserError
from harness.records.schema import Manifest

if TYPE_CHECKING:
    import pandas as pd

    from harness.api.parts import Part
    from harness.api.run import Run
    from harness.api.shown import ShownFrame


@dataclass(frozen=True)
class _Kept(Operand):
    """A side that has no cells but those of a study."""

    keys: frozenset[str] | None = None

    @cached_property
    def manifest(self) -> Manifest:
        """The run's manifest without the other cells."""
        found = self.directory.manifest()
        cells = tuple(c for c in found.cells if self.keys is None or c.key in self.keys)
        return found.model_copy(update={"cells": cells})


def compared(run: Run, a: str | Run, b: str | Run, **options: Any) -> list[Comparison]:
    """Two restorers of a run, two runs, or a restorer and a run, compared.

    Returns:
        One comparison; one a run directory that has both, where a run has several.

    Raises:
        UserError: there is no such restorer, both are the same, or they cannot be compared.
    """
    for what in (a, b):
        if not isinstance(what, str) and not hasattr(what, "single"):
            raise UserError(f"{what!r} is no restorer's name and no run, so cannot be compared.")
    if a == b:
        raise UserError(f"{a} does not differ from itself. Name two.")
    parts = run.parts if isinstance(a, str) or isinstance(b, str) else run.parts[:1]
    pairs = [(_side(a, part), _side(b, part)) for part in parts]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not both:
        held = list(dict.fromkeys(cell.restorer for part in parts for cell in part.cells))
        missing = next((n for n in (a, b) if isinstance(n, str) and n not in held), None)
        what = f"no restorer '{missing}'" if missing else f"no data set with both {a} and {b}"
        raise UserError(f"The run has {what}. Its restorers are: {', '.join(held)}.")
    return [compare(one, other, **options) for one, other in both]


def _side(what: str | Run, part: Part) -> Operand | None:
    """A restorer in one of the run's directories, None where it is not there; or a whole run."""
    if not isinstance(what, str):
        other = what.single("comparison")
        return _Kept(other.directory, None, keys=other.keys)
    there = any(cell.restorer == what for cell in part.cells)
    return _Kept(part.directory, what, keys=part.keys) if there else None


def comparison_frame(comparisons: Sequence[Comparison], top: int) -> ShownFrame:
    """Rows as ``harness compare --format csv``, shown as ``harness compare`` prints them."""
    import pandas as pd

    from harness.api.shown import shown
    from harness.report.tables.comparison import render_comparison
    from harness.report.tables.comparison_data import comparison_frame as frame

    text = "\n".join(render_comparison(c, largest_changes(c, top), "text") for c in comparisons)
    frames = [frame(comparison) for comparison in comparisons]
    return shown(pd.concat(frames, ignore_index=True), text)


def moved_frame(comparisons: Sequence[Comparison], top: int) -> pd.DataFrame:
    """The images that moved most, a row each, the largest change of a task first."""
    import pandas as pd

    columns = ["task", "metric", "image", "codec", "qf", "a", "b", "change"]
    rows = [change.as_json() for c in comparisons for change in largest_changes(c, top)]
    return pd.DataFrame(rows, columns=columns).astype({"qf": "Int64"})


def summaries_frame(parts: Sequence[Part], draws: int) -> ShownFrame:
    """mPC, rPC and the share recovered, of every restorer (see `harness.analysis.summaries`)."""
    import pandas as pd

    from harness.analysis.summaries import summaries, summary_frame
    from harness.api.shown import shown
    from harness.report.tables.summary import render_summary

    runs = [(part.directory, part.keys, draws) for part in parts]
    text = "\n".join(render_summary(summaries(*run), "text") for run in runs)
    return shown(pd.concat([summary_frame(*run) for run in runs], ignore_index=True), text)
