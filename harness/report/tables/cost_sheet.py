"""Table III of the paper as a sheet, from what was counted and timed here."""

from __future__ import annotations

from harness.errors import UserError
from harness.report.tables.cost import REFERENCE, CostRow, CostTable, PublishedCost, read_published
from harness.report.tables.paper_layouts import HEADINGS
from harness.report.tables.published import missing
from harness.report.tables.sheet import Sheet, SheetLine
from harness.report.tables.table import Row as Numbers

FLOPS, PARAMETERS, TIME = "FLOPs (G)", "#Params (M)", "Running Time (ms)"
_COLUMNS = (FLOPS, PARAMETERS, TIME)
_HOW = (
    "FLOPs: multiply-accumulates, transposed convolutions counted by their output, as Table III "
    "does; `harness cost` has the count by their input beside it."
)
_UNTIMED = "–: not timed; --time runs the networks."
_COMPARED = (
    "paper: as published, time on a Tesla P100. measured: here, on networks written from the "
    "papers; a difference in time is one of hardware, too."
)


def cost_sheet(table: CostTable, published: bool = False) -> Sheet:
    """Table III's rows and columns, one decimal each as there.

    Args:
        table: of networks of the published size, for images of the published side.
        published: put the paper's figures beside the counted ones.

    Raises:
        UserError: the published figures are not at hand.
    """
    theirs = read_published() if published else {}
    if published and not theirs:
        raise UserError(missing(REFERENCE))
    timed = any(row.milliseconds is not None for row in table.rows)
    # That note explains columns that the layout has not.
    notes = [note for note in table.notes if not note.startswith("by output:")]
    return Sheet(
        "Table III",
        (
            f"Cost of restoring one 3×{table.side}×{table.side} image, networks of published size.",
            f"Hardware: {table.hardware}" if timed else "Counted only.",
        ),
        ("Method",),
        (("", _COLUMNS),),
        {},
        tuple(_line(row, theirs.get(row.restorer)) for row in table.rows),
        (_HOW, *([] if timed else [_UNTIMED]), *notes),
        comparison=_COMPARED if published else "",
        across="metric",
    )


def _line(row: CostRow, theirs: PublishedCost | None) -> SheetLine:
    values = {FLOPS: row.macs_by_output / 1e9, PARAMETERS: row.parameters / 1e6}
    if row.milliseconds is not None:
        values[TIME] = row.milliseconds
    published = (
        {FLOPS: theirs.gmacs, PARAMETERS: theirs.params_m, TIME: theirs.ms} if theirs else {}
    )
    numbers = Numbers(("cost", "", "–"), values, 1, ())
    label = HEADINGS.get(row.restorer, row.restorer)
    return SheetLine((label,), numbers, published, {"table": "III", "restorer": row.restorer})
