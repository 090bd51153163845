"""The run directories behind a run, with the cells of its study."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError, UserError
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
from harness.study.overrides import NO_OVERRIDES, Overrides
from harness.study.study import Study

DRAWS = 1000
"""Of the bootstrap behind intervals; `harness.analysis.resampling` needs numpy."""


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
        cells = self.directory.manifest().cells
        return [cell for cell in cells if self.keys is None or cell.key in self.keys]

    def __str__(self) -> str:
        cells, data_set = self.cells, self.directory.manifest().data_set
        usual = Study.model_fields["codec"].default
        qfs = sorted({(cell.codec, cell.qf) for cell in cells if cell.qf is not None})
        conditions = [str(qf) if codec in usual else f"{codec} {qf}" for codec, qf in qfs]
        return (
            f"{self.directory.path}: {', '.join(dict.fromkeys(cell.task for cell in cells))} on "
            f"{data_set.name} ({data_set.images} images), QF {', '.join(conditions) or '–'}; "
            f"{', '.join(dict.fromkeys(cell.restorer for cell in cells))}"
        )


@dataclass(frozen=True, repr=False)
class RunParts:
    """What a `harness.api.run.Run` is made of; its attributes are described there."""

    parts: tuple[Part, ...]
    computed: int = 0
    notices: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default=NO_OVERRIDES, compare=False)
    trust_code: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        """What was measured, and where the records are."""
        try:
            return f"<Run {'; '.join(map(str, self.parts))}>"
        except HarnessError:  # the directory is gone
            return f"<Run {', '.join(map(str, self.paths))}, which cannot be read>"

    @property
    def path(self) -> Path:
        """The run directory.

        Raises:
            UserError: there are several.
        """
        return self.single("path").directory.path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The run directories."""
        return tuple(part.directory.path for part in self.parts)

    def single(self, what: str) -> Part:
        """The only part; ``what`` is wanted of it, for the message.

        Raises:
            UserError: there are several.
        """
        if len(self.parts) > 1:
            listed = ", ".join(map(str, self.paths))
            raise UserError(
                f"This run has several directories, {listed}, so no one {what}: "
                "open one of them with harness.open."
            )
        return self.parts[0]
