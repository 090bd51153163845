"""What ``harness compare`` was given: a restorer, a run directory, or a restorer of one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.errors import UserError
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest

FORMS = "a restorer of the run (--run), a run directory, or DIR:RESTORER"


@dataclass(frozen=True)
class Operand:
    """One of the two things compared.

    Attributes:
        directory: the run directory.
        restorer: the restorer meant; None: all of the run.
        note: how the name was understood, where it could be two things; empty otherwise.
    """

    directory: RunDirectory
    restorer: str | None
    note: str = ""

    @cached_property
    def manifest(self) -> Manifest:
        """The run's manifest, read once."""
        return self.directory.manifest()

    @property
    def restorers(self) -> tuple[str, ...]:
        """The restorers meant, in the manifest's order."""
        return (self.restorer,) if self.restorer is not None else measured(self.manifest)

    def cells(self, restorer: str, task: str | None = None) -> list[CellEntry]:
        """The cells of a restorer; of one task, if named."""
        return [
            cell
            for cell in self.manifest.cells
            if cell.restorer == restorer and task in (None, cell.task)
        ]

    def __str__(self) -> str:
        path = str(self.directory.path)
        return path if self.restorer is None else f"{self.restorer} of {path}"


def measured(manifest: Manifest) -> tuple[str, ...]:
    """The restorers that a run has cells of."""
    return tuple(dict.fromkeys(cell.restorer for cell in manifest.cells))


def parse_operands(a: str, b: str, run: RunDirectory | None) -> tuple[Operand, Operand]:
    """Both operands, understood.

    A restorer of the run goes before a folder of the same name: ``./jpeg`` is the folder. In
    DIR:RESTORER the first colon behind which the run has such a restorer parts the two, so that
    ``results/embedded:fbcnn:known_qf`` is ``fbcnn:known_qf`` of ``results/embedded``.

    Args:
        a: as the user wrote it.
        b: the same.
        run: whose restorers are meant by bare names, or None where there is no run.

    Raises:
        UserError: one is none of these, or both are the same.
    """
    left, right = _operand(a, run), _operand(b, run)
    if left.directory.path.resolve() == right.directory.path.resolve():
        if left.restorer == right.restorer:
            kind = "run directories" if left.restorer is None else "restorers"
            raise UserError(f"{a} does not differ from itself. Name two {kind}.")
        if None in (left.restorer, right.restorer):
            raise UserError(
                f"{a} and {b} are one run. Name two restorers of it, or two run directories."
            )
    return left, right


def _operand(text: str, run: RunDirectory | None) -> Operand:
    if not text.strip():
        raise UserError(f"An empty name is nothing to compare. Give {FORMS}.")
    known = measured(run.manifest()) if run is not None else ()
    if run is not None and text in known:
        note = ""
        if _is_run(text):
            note = f"{text} is taken as the restorer of {run.path}; ./{text} is the run directory"
        return Operand(run, text, note)
    if _is_run(text):
        return Operand(RunDirectory(Path(text)), None)
    folder, restorer = _parted(text)
    if folder:
        return Operand(RunDirectory(Path(folder)), restorer)
    if os.path.exists(text):  # noqa: PTH110 - Path.exists raises on a name that is too long
        RunDirectory(Path(text)).manifest()  # says why it is no run directory
    if run is None:
        raise UserError(
            f"There is no run under results/runs to have a restorer '{text}', and no run "
            f"directory of that name. Give {FORMS}."
        )
    raise UserError(
        f"{run.path} has no restorer '{text}'. It has: {', '.join(known)}. A side is {FORMS}."
    )


def _parted(text: str) -> tuple[str, str]:
    """DIR and RESTORER; two empty strings where no part before a colon is a run directory.

    Raises:
        UserError: there is a run directory, but it has no such restorer.
    """
    splits = [(text[:at], text[at + 1 :]) for at, letter in enumerate(text) if letter == ":"]
    runs = [(folder, restorer) for folder, restorer in splits if _is_run(folder)]
    known = {folder: measured(RunDirectory(Path(folder)).manifest()) for folder, _ in runs}
    for folder, restorer in runs:
        if restorer in known[folder]:
            return folder, restorer
    if runs:
        folder, restorer = runs[0]
        names = ", ".join(known[folder])
        raise UserError(f"{folder} has no restorer '{restorer}'. It has: {names}.")
    return "", ""


def _is_run(text: str) -> bool:
    return os.path.isfile(os.path.join(text, "manifest.json"))  # noqa: PTH113, PTH118 - as above
