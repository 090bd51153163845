"""Run directories of one study put together from Python."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.api.arguments import to_path
from harness.api.parts import Part
from harness.api.run import Run
from harness.errors import HarnessError, UserError

if TYPE_CHECKING:
    Path = str | os.PathLike[str]


def merge(runs: Iterable[Path], output: Path) -> Run:
    """Put the shards of a study together, as ``harness merge`` does: each record once.

        run = harness.merge(Path("runs/study").glob("shard-*"), "runs/study")

    Args:
        runs: run directories of one study: of ``harness run --shard i/n``, or of
            ``harness.evaluate(..., shard="i/n")``.
        output: the run directory for all of them; what it holds stays.

    Returns:
        Its numbers.

    Raises:
        UserError: they are not of one study, or disagree about an image.
        HarnessError: a record is damaged, or some are missing: they are named, and those that there
            are stay in ``output``.
    """
    from harness.records.merge import merge as merge_directories
    from harness.records.run_directory import RunDirectory

    if isinstance(runs, str | os.PathLike):
        raise UserError(f"Bad value for runs: {runs!r} is one path; give several in a list.")
    directories = [RunDirectory(to_path(path, "runs").absolute()) for path in runs]
    if not directories:
        raise UserError("Bad value for runs: there are none to merge.")
    directory = RunDirectory(to_path(output, "output").absolute())
    merged = merge_directories(directories, directory)
    if merged.missing:
        raise HarnessError(merged.incompleteness(directory.path))
    return Run((Part(directory),))
