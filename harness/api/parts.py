"""The run directories behind a run, with the cells of its study."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
from harness.study.study import Study


@dataclass(frozen=True)
class Part:
    """One run directory of a run.

    Attributes:
        directory: the records.
        keys: the cells of the study (`Cell.key`); None: all that the directory holds.
    """

    directory: RunDirectory
    keys: frozenset[str] | None = None

    @property
    def cells(self) -> list[CellEntry]:
        """The manifest's entries of the cells."""
        held = self.directory.manifest().cells
        return [cell for cell in held if self.keys is None or cell.key in self.keys]

    def __str__(self) -> str:
        manifest, cells = self.directory.manifest(), self.cells
        data = manifest.data_set
        qfs = sorted({(cell.codec, cell.qf) for cell in cells if cell.qf is not None})
        usual = Study.model_fields["codec"].default
        conditions = [str(qf) if codec in usual else f"{codec} {qf}" for codec, qf in qfs]
        return (
            f"{self.directory.path}: {', '.join(dict.fromkeys(c.task for c in cells))} on "
            f"{data.name} ({data.images} images), QF {', '.join(conditions) or '–'}; "
            f"{', '.join(dict.fromkeys(cell.restorer for cell in cells))}"
        )
