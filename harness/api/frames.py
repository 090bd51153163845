"""The harness's tables as pandas frames that show themselves as the harness prints them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from harness.api.parts import Part
from harness.errors import UserError
from harness.report.tables.html import render_html
from harness.report.tables.model import Row, Table
from harness.report.tables.text import render_text

LEVELS = ("task", "metric", "QF")


class ShownFrame(pd.DataFrame):
    """A frame of full-precision values that shows itself as a text or a piece of HTML.

    What is made of it (a slice, a sum, a copy) is a plain frame, and one that was changed shows
    itself as pandas does.
    """

    if TYPE_CHECKING:
        _text: str
        _html: str
        _original: pd.DataFrame | None
    else:  # pandas would take an attribute for a column
        _text = _html = ""
        _original = None

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        """The text."""
        return self._text if self._unchanged() else super().__repr__()

    def _repr_html_(self) -> str:
        return self._html if self._unchanged() else str(self.to_html(notebook=True))

    def _unchanged(self) -> bool:
        return self._original is not None and self.equals(self._original)


def show_frame(frame: pd.DataFrame, text: str, html: str | None = None) -> ShownFrame:
    """A frame that shows itself as ``text``, and in a notebook as ``html``, if given."""
    shown = ShownFrame(frame)
    text = text.rstrip("\n")
    html = f"<pre>{escape(text)}</pre>" if html is None else html
    for name, value in (("_text", text), ("_html", html), ("_original", frame.copy())):
        object.__setattr__(shown, name, value)
    return shown


def table_frame(tables: Sequence[Table]) -> ShownFrame:
    """One frame of the tables of a run's directories, which have no task in common.

    Returns:
        Values as printed, at full precision, by (task, metric, QF) and restorer. It shows itself as
        ``harness table`` does: best bold, second underlined, intervals, marks and notes.
    """
    restorers = list(dict.fromkeys(name for table in tables for name in table.restorers))
    rows = [row for table in tables for row in table.rows]
    levels = zip(*map(_labels, rows), strict=True) if rows else [()] * len(LEVELS)
    index = pd.MultiIndex.from_arrays([list(level) for level in levels], names=LEVELS)
    values = [[row.values.get(name, float("nan")) for name in restorers] for row in rows]
    text = "\n".join(render_text(table, colour=False) for table in tables)
    html = "".join(render_html(table) for table in tables)
    return show_frame(pd.DataFrame(values, index, restorers, dtype="float64"), text, html)


def _labels(row: Row) -> tuple[str, str, str | int]:
    """The row's place in the index: a QF is a number where it stands alone."""
    task, metric, qf = row.labels
    return task, metric, int(qf) if qf.isdecimal() else qf


def records_frame(
    parts: Sequence[Part], task: str, restorer: str, qf: int | None, codec: str
) -> pd.DataFrame:
    """The records of a cell; see `harness.api.run.Run.records`."""
    every = [(part, cell) for part in parts for cell in part.cells]
    named = [(part, c) for part, c in every if (c.task, c.restorer) == (task, restorer)]
    fitting = [
        (part, cell)
        for part, cell in named
        if cell.qf is None or (qf in (None, cell.qf) and (not codec or codec == cell.codec))
    ]
    if len(fitting) != 1:
        raise UserError(
            f"{'More than one' if fitting else 'No'} cell is of {task}, {restorer}, "
            f"QF {qf}{f', codec {codec}' if codec else ''}. There are: "
            f"{', '.join(cell.key for _, cell in named or every)}."
        )
    part, cell = fitting[0]
    records = part.directory.records(cell)
    rows = []
    for image in sorted(records):
        record = records[image]
        times = {f"seconds_{stage}": seconds for stage, seconds in record.seconds.items()}
        nested = ("image", "fidelity", "seconds")
        flat = {name: value for name, value in record.to_json().items() if name not in nested}
        rows.append(flat | dict(record.fidelity) | times)
    frame = pd.DataFrame(rows, index=pd.Index(sorted(records), name="image"))
    return frame[sorted(frame.columns, key=lambda name: name == "outcome")]
