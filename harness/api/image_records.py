"""The records of a cell as a frame, one row an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.records.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd


def records_frame(directory: RunDirectory, cell: dict[str, Any]) -> pd.DataFrame:
    """The records of a cell, sorted by image id; see `harness.api.run.Run.records`."""
    import pandas as pd

    records = directory.records(cell["key"], cell["fingerprint"])
    rows = [_flat(records[image]) for image in sorted(records)]
    frame = pd.DataFrame(rows, index=pd.Index(sorted(records), name="image"))
    return frame[sorted(frame.columns, key=lambda name: name == "outcome")]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record in columns: fidelity by metric, times by stage; the outcome stays whole."""
    flat = {k: v for k, v in record.items() if k not in ("image", "fidelity", "seconds")}
    flat |= record.get("fidelity", {})
    return flat | {f"seconds_{stage}": s for stage, s in record.get("seconds", {}).items()}
