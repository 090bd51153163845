"""Table III's layout: restorers down; parameters, multiply-accumulates, time and memory across."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.metrics import printed
from harness.report.tables.render import render_lines

REFERENCE = Path(__file__).parents[3] / "results" / "reference" / "table_iii.csv"
"""The published figures; a checkout has them, a wheel has not."""

REFERENCE_SIDE = 512
"""Side of the images that the published figures are of, pixels."""

REFERENCE_SIZE = "published"
"""The size of the networks they are of."""

CSV_HEAD = ("restorer", "params_m", "gmacs", "ms", "peak_mb")

_HEAD = ("restorer", "size", "params (M)", "MACs (G)", "ms", "peak (MB)")
_REFERENCE_HEAD = ("by output (G)", "III: params (M)", "III: FLOPs (G)", "III: ms")


@dataclass(frozen=True)
class CostRow:
    """What one restorer costs.

    Attributes:
        restorer: its name.
        size: of its network, the name of a preset.
        parameters: that a restoration depends on.
        macs: multiply-accumulates of one restoration.
        macs_by_output: the same, transposed convolutions counted by their output.
        milliseconds: of one restoration, median; None: not measured.
        peak_bytes: of memory during it, above what was resident before; None: not measured.
    """

    restorer: str
    size: str
    parameters: int
    macs: int
    macs_by_output: int
    milliseconds: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True)
class PublishedCost:
    """A line of the paper's Table III: parameters (M), multiply-accumulates (G), time (ms)."""

    params_m: float
    gmacs: float
    ms: float


@dataclass(frozen=True)
class CostTable:
    """A table of costs, ready to be printed.

    Attributes:
        side: of the image, pixels.
        hardware: what the times were measured on.
        rows: the lines.
        published: Table III by restorer; empty where it is not comparable or not at hand.
        notes: what a reader must know: how it was counted and timed, what was not and why.
    """

    side: int
    hardware: str
    rows: tuple[CostRow, ...]
    published: dict[str, PublishedCost]
    notes: tuple[str, ...]


def read_published(path: Path = REFERENCE) -> dict[str, PublishedCost]:
    """The published figures by restorer; none where the file is not at hand."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            line["restorer"].lower(): PublishedCost(
                float(line["params_m"]), float(line["gflops"]), float(line["runtime_ms"])
            )
            for line in csv.DictReader(file)
        }


def render_cost(table: CostTable, format: str) -> str:
    """The table as ``text``, ``md`` or ``csv`` (`CSV_HEAD`, what is not measured left empty)."""
    if format == "csv":
        return _csv(table.rows)
    heading = f"Cost of restoring one 3×{table.side}×{table.side} image"
    body = render_lines(_lines(table), format)
    line_end = "  \n" if format == "md" else "\n"
    above = line_end.join([heading, f"Hardware: {table.hardware}"])
    return f"{above}\n\n{body}\n{line_end.join(table.notes)}\n"


def _csv(rows: tuple[CostRow, ...]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for row in rows:
        ms = "" if row.milliseconds is None else f"{row.milliseconds:.2f}"
        peak = "" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:.1f}"
        counts = f"{row.parameters / 1e6:.6f}", f"{row.macs / 1e9:.6f}"
        writer.writerow([row.restorer, *counts, ms, peak])
    return buffer.getvalue()


def _lines(table: CostTable) -> list[tuple[str, ...]]:
    head: tuple[str, ...] = (*_HEAD, *_REFERENCE_HEAD) if table.published else _HEAD
    lines = [head]
    for row in table.rows:
        peak = None if row.peak_bytes is None else row.peak_bytes / 1e6
        line: tuple[str, ...] = (
            row.restorer,
            row.size,
            printed(row.parameters / 1e6, 2),
            printed(row.macs / 1e9, 1),
            printed(row.milliseconds, 1),
            printed(peak, 0),
        )
        if table.published:
            theirs = table.published.get(row.restorer)
            figures = (theirs.params_m, theirs.gmacs, theirs.ms) if theirs else (None,) * 3
            line += (printed(row.macs_by_output / 1e9, 1), *(printed(f, 1) for f in figures))
        lines.append(line)
    return lines
