"""The records of a cell as a frame, one row an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.plugins.record import Record
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry

if TYPE_CHECKING:
    import pandas as pd


def records_frame(directory: RunDirectory, cell: CellEntry) -> pd.DataFrame:
    """The records of a cell, sorted by image id; see `harness.api.run.Run.records`."""
    import pandas as pd

    records = directory.records(cell)
    rows = [_flat(records[image]) for image in sorted(records)]
    frame = pd.DataFrame(rows, index=pd.Index(sorted(records), name="image"))
    return frame[sorted(frame.columns, key=lambda name: name == "outcome")]


def _flat(record: Record) -> dict[str, Any]:
    """A record in columns: fidelity by metric, times by stage; the outcome stays whole."""
    nested = ("image", "fidelity", "seconds")
    flat = {name: value for name, value in record.to_json().items() if name not in nested}
    times = {f"seconds_{stage}": seconds for stage, seconds in record.seconds.items()}
    return flat | dict(record.fidelity) | times
