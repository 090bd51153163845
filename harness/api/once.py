"""Records of code that nothing can tell from other code: of the latest run alone."""

from __future__ import annotations

import contextlib

from harness.api.restorers import ONCE
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry


def unrepeatable_cells(directory: RunDirectory) -> list[CellEntry]:
    """The cells of a run directory, if it is one already, whose records nothing will reuse."""
    if not directory.manifest_path.exists():
        return []
    cells = directory.manifest().cells
    return [cell for cell in cells if ONCE in cell.inputs.get("restorer", {})]


def forget(directory: RunDirectory, cells: list[CellEntry]) -> None:
    """Delete the files of cells that another run has taken the place of.

    They would pile up in a notebook whose cells are run again and again.

    Args:
        directory: of both runs.
        cells: what `unrepeatable_cells` found before the other run.
    """
    current = {cell.fingerprint for cell in directory.manifest().cells}
    for cell in cells:
        if cell.fingerprint in current:
            continue
        stem = f"{cell.key}.{cell.fingerprint[:12]}"
        kept = (directory.path / "metrics", ".json"), (directory.path / "statistics", ".npz")
        files = [folder / f"{stem}{suffix}" for folder, suffix in kept]
        directory.record_file(cell).delete()
        for path in files:
            with contextlib.suppress(OSError):  # it may never have been written
                path.unlink()
