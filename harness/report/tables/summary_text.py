"""What ``harness table --summary`` prints: mPC, rPC and shares recovered, and what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis.summaries import Summary, recovered_lines, summary_lines, summary_notes
from harness.report.tables.render import render_lines

_MEANINGS = (
    "mPC: mean of the metric over the QFs; rPC: mPC / original; recovered: "
    "(restored - jpeg) / (original - jpeg), over the QFs that of the means",
)

_INTERVALS = "[ ]: 95 % interval (bootstrap over images)"


def render_summary(found: Sequence[Summary], format: str) -> str:
    """All of it, for ``harness table --summary``.

    Args:
        found: from `harness.analysis.summaries.summaries`.
        format: ``text`` or ``md``.
    """
    end = "  \n" if format == "md" else "\n"
    parts = [render_lines(summary_lines(found), format)]
    shares = recovered_lines(found)
    if shares:
        parts += [f"Recovered at each QF (%)\n\n{render_lines(shares, format)}"]
    drawn = any(not math.isnan(one.interval.low) for one in found)
    meanings = (*_MEANINGS, *[_INTERVALS] * drawn)
    parts.append("".join(f"{line}{end}" for line in meanings))
    notes = summary_notes(found)
    if notes:
        parts.append("".join(f"{line}{end}" for line in notes))
    return "\n".join(parts)
