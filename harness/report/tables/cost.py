"""What restorers cost: the table of ``harness cost``, and the paper's Table III."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.metrics import printed
from harness.errors import UserError
from harness.report.tables.model import Row, Table, text_table
from harness.report.tables.paper_layouts import FOLDER, HEADINGS, figures_missing
from harness.report.tables.text import render_tables

REFERENCE = FOLDER / "table_iii.csv"
"""The published figures."""

REFERENCE_SIDE = 512
"""Side of the images that the published figures are of, pixels."""

REFERENCE_SIZE = "published"
"""The size of the networks they are of."""

CSV_HEAD = ("restorer", "params_m", "gmacs", "ms", "peak_mb")

FLOPS, PARAMETERS, TIME = "FLOPs (G)", "#Params (M)", "Running Time (ms)"
"""The columns of Table III."""

_HEAD = ("restorer", "size", "params (M)", "MACs (G)", "ms", "peak (MB)")
_REFERENCE_HEAD = ("by output (G)", "III: params (M)", "III: FLOPs (G)", "III: ms")
_HOW = (
    "FLOPs: multiply-accumulates, transposed convolutions counted by their output, as Table III "
    "does; `harness cost` has the count by their input beside it."
)
_UNTIMED = "–: not timed; --time runs the networks."
_COMPARED = (
    "paper: as published, time on a Tesla P100. measured: here, on networks written from the "
    "papers; a difference in time is one of hardware, too."
)


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
    title = (
        f"Cost of restoring one 3×{table.side}×{table.side} image",
        f"Hardware: {table.hardware}",
    )
    return render_tables([text_table(title, _lines(table), notes=table.notes)], format)


def table_iii(table: CostTable, published: bool = False) -> Table:
    """Table III's rows and columns, one decimal each as there.

    Args:
        table: of networks of the published size, for images of the published side.
        published: put the paper's figures beside the counted ones.

    Raises:
        UserError: the published figures are not at hand.
    """
    paper = read_published() if published else {}
    if published and not paper:
        raise UserError(figures_missing(REFERENCE))
    timed = any(row.milliseconds is not None for row in table.rows)
    # That note explains columns that the layout has not.
    notes = [note for note in table.notes if not note.startswith("by output:")]
    return Table(
        name="Table III",
        title=(
            f"Cost of restoring one 3×{table.side}×{table.side} image, networks of published size.",
            f"Hardware: {table.hardware}" if timed else "Counted only.",
        ),
        head=("Method",),
        groups=(("", (FLOPS, PARAMETERS, TIME)),),
        rows=tuple(_row(row, paper.get(row.restorer)) for row in table.rows),
        notes=(_HOW, *([] if timed else [_UNTIMED]), *notes),
        comparison=_COMPARED if published else "",
        across="metric",
        narrow=True,
    )


def _row(row: CostRow, paper: PublishedCost | None) -> Row:
    values = {FLOPS: row.macs_by_output / 1e9, PARAMETERS: row.parameters / 1e6}
    if row.milliseconds is not None:
        values[TIME] = row.milliseconds
    return Row(
        labels=(HEADINGS.get(row.restorer, row.restorer),),
        values=values,
        published={FLOPS: paper.gmacs, PARAMETERS: paper.params_m, TIME: paper.ms} if paper else {},
        facts={"table": "III", "restorer": row.restorer},
    )


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
