"""The harness as a library: a study in, its numbers out."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from harness.api.arguments import check_fields, to_path, whole
from harness.api.parts import Part
from harness.api.process_state import preserve_process_state
from harness.api.restorers import ReadyRestorer
from harness.api.run import Run
from harness.assets.programs import trusting
from harness.engine import MAX_EQUAL_FAILURES
from harness.errors import UserError, no_exit
from harness.records.run_directory import RunDirectory
from harness.study.overrides import Overrides
from harness.study.study import Study, read_study

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Unpack

    from harness.api.restorers import OwnRestorer

    RestorerLike = str | Callable[..., Any] | nn.Module | OwnRestorer
    """A name, a function, a module, `harness.restorer(...)`, or a `harness.plugins.Restorer`."""


class Fields(TypedDict, total=False):
    """The fields of a `Study` as keywords; a field's default where it is not given."""

    name: str
    task: str | Sequence[str]
    dataset: Any
    images: str | os.PathLike[str]
    masks: str | os.PathLike[str]
    classes: str | os.PathLike[str]
    split: str | os.PathLike[str]
    model: Any
    codec: str | Sequence[str]
    qf: int | Sequence[int]
    restorers: RestorerLike | Sequence[RestorerLike] | Any
    nearest_qf: bool
    tile: int | None
    luma: bool
    limit: int | None
    seed: int


_KEYWORDS = (
    *("output", "device", "shard", "workers", "gate", "fail_fast", "retry_failed"),
    *("max_equal_failures", "max_failures", "progress", "trust_code"),
)


def evaluate(
    study: Study | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    shard: str | None = None,
    workers: int | None = None,
    gate: bool = True,
    fail_fast: bool = False,
    retry_failed: bool = False,
    max_equal_failures: int = MAX_EQUAL_FAILURES,
    max_failures: int | str | None = None,
    progress: bool | None = None,
    trust_code: bool = False,
    **fields: Unpack[Fields],
) -> Run:
    """Measure a study, or what is missing of it, as ``harness run`` does.

        run = harness.evaluate(task="detection", qf=10, restorers=["jpeg", "arcnn"], limit=16)
        run.table()

    Nothing goes to standard output, and nothing is downloaded. It may be called from any thread,
    from a running event loop (which waits), and again and again; two calls at the same moment
    take turns. The models run in this very process, whose objects they may be: what hangs or
    crashes here is not ended and gone on without, as ``harness run`` does it.

    Args:
        study: a `Study`, a mapping of its fields, or the path of a YAML file.
        output: run directory; ``results/runs/<study>`` in the current folder by default. Where
            ``auto`` means several data sets, each gets a folder in it.
        device: where restorers and vision models run: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or
            ``auto``, an accelerator where there is one. A module is moved there, a function runs
            where it runs. Numbers of one table come from one class of device.
        shard: ``i/n``: every n-th image alone, into a folder of its own in ``output``; see
            `harness.merge`.
        workers: images at a time, one thread each; the cores by default, up to 8. It changes no
            number.
        gate: stop where a vision model misses its published score on the uncompressed images.
        fail_fast: raise at the first image that fails, instead of recording it.
        retry_failed: compute images again that failed before.
        max_equal_failures: so many images in a row that fail alike stop a cell; what it lacks is
            left for the next call, and a notice says so. 0: never.
        max_failures: raise when more images than that failed, by number or as a share such as
            ``"5%"``; what is computed is kept.
        progress: tell on standard error what goes on: a bar on a terminal, a line every 15 seconds
            elsewhere. None: in an interactive session (a notebook, a prompt), not in a script.
        trust_code: run TorchScript files, which are programs and may do anything to your files.
        **fields: fields of the study, laid over ``study``: ``task``, ``qf``, ``dataset``,
            ``restorers``, ``limit``... What stands in ``restorers`` is a name, a function of an
            RGB image, a `torch.nn.Module`, a `harness.restorer`, or a `harness.plugins.Restorer`;
            ``dataset`` a `harness.plugins.DataSet`, ``model`` a `harness.plugins.VisionModel`.

    Returns:
        The numbers. Images that failed are in none of them: see `Run.failed`; a warning says so.

    Raises:
        UserError: the study cannot be: an unknown name, a bad value, missing weights.
        HarnessError: something failed, such as the sanity check or the disk.
    """
    from harness.api.objects import (
        check_models,
        forget_cells,
        split_objects,
        unrepeatable_cells,
    )
    from harness.engine.progress import ConsoleProgress, error_console
    from harness.study.device import choose_device
    from harness.study.planned_runs import make_plans
    from harness.study.shard import Shard

    check_fields(fields, Fields.__annotations__, _KEYWORDS)
    file, values = _file_and_values(study, dict(fields))
    plain, overrides = split_objects(values)
    merged = read_study(file, plain)
    check_models(merged, overrides)
    where = None if output is None else to_path(output, "output")
    workers = None if workers is None else whole(workers, "workers", 1)
    most = whole(max_equal_failures, "max_equal_failures", 0)
    _warn_of_unknown_code(overrides)
    interactive = hasattr(sys, "ps1") or "ipykernel" in sys.modules
    shown = interactive if progress is None else progress
    with preserve_process_state(), _logging(shown), trusting(trust_code), no_exit():
        plans = make_plans(
            study=merged,
            output=where,
            gate=gate,
            overrides=overrides,
            shard=None if shard is None else Shard.parse(str(shard)),
            device=choose_device(device),
        )
        parts: list[Part] = []
        notices: list[str] = []
        failed: dict[str, str] = {}
        computed = images = 0
        for plan, plan_notices, path in plans:
            from harness.engine.local import run

            if shown:
                sys.stderr.writelines(f"{notice}\n" for notice in plan_notices)
            directory = RunDirectory(path.absolute())
            unrepeatable = unrepeatable_cells(directory)
            console = ConsoleProgress(error_console()) if shown else None
            outcome = run(
                plan=plan,
                directory=directory,
                progress=console,
                fail_fast=fail_fast,
                retry_failed=retry_failed,
                workers=workers,
                gate=gate,
                max_equal_failures=most,
                max_failures=None if max_failures is None else str(max_failures),
            )
            if shown:
                sys.stderr.writelines(f"{sentence}\n" for sentence in outcome.stopped)
            forget_cells(directory, unrepeatable)
            keys = frozenset({cell.key for cell in plan.cells} | set(plan.skipped))
            parts.append(Part(directory, keys))
            notices += [*plan_notices, *outcome.notices, *outcome.stopped]
            failed |= outcome.failed
            computed += outcome.computed
            images += len(plan.images_here)
    if failed:
        warnings.warn(
            f"{len(failed)} of {images} images failed and are in no number of their cells; "
            f"Run.failed says why. The first: {next(iter(failed.values()))}",
            stacklevel=2,
        )
    return Run(
        parts=tuple(parts),
        computed=computed,
        notices=tuple(dict.fromkeys(notices)),
        failed=failed,
        overrides=overrides,
        trust_code=trust_code,
    )


def open(path: str | os.PathLike[str], *, trust_code: bool = False) -> Run:
    """The numbers of a run directory that is there already; nothing is run.

    Args:
        path: a run directory, or the folder of several whose tasks differ, as ``auto`` makes it.
        trust_code: let panels run the TorchScript files and the Python configs that it names.

    Raises:
        UserError: it is none.
    """
    directory = RunDirectory(to_path(path, "path").absolute())
    inner = sorted(directory.path.glob("*/manifest.json"))
    if directory.manifest_path.exists() or not inner:
        directory.manifest()
        return Run((Part(directory),), trust_code=trust_code)
    parts = [Part(RunDirectory(manifest.parent)) for manifest in inner]
    tasks = [task for part in parts for task in {cell.task for cell in part.cells}]
    if len(tasks) > len(set(tasks)):
        directory.manifest()  # raises: it is none, and names those in it
    return Run(tuple(parts), trust_code=trust_code)


def _file_and_values(study: Any, fields: dict[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """The YAML file of a study, if it is one, and the values that are given here.

    Raises:
        UserError: it is neither a study, nor a mapping, nor a path.
    """
    if study is None:
        return None, fields
    if isinstance(study, Study):
        return None, {**study.model_dump(), **fields}
    if isinstance(study, Mapping):
        return None, {str(key): value for key, value in study.items()} | fields
    if isinstance(study, str | os.PathLike):
        return Path(study).expanduser(), fields
    raise UserError(
        f"A study is a Study, a mapping or the path of a YAML file, not {type(study).__name__}."
    )


def _warn_of_unknown_code(overrides: Overrides) -> None:
    restorers = overrides.restorers.items()
    names = [name for name, r in restorers if isinstance(r, ReadyRestorer) and not r.reusable]
    if names:
        warnings.warn(
            f"{', '.join(names)}: nothing tells whether the code is that of an earlier run, so "
            "every image is computed again. harness.restorer(..., version='1') promises that it "
            "is, until the version changes.",
            stacklevel=3,
        )


@contextlib.contextmanager
def _logging(shown: bool) -> Iterator[None]:
    """Show what the packages say of long work, such as data that are rendered first."""
    if not shown:
        yield
        return
    handler = logging.StreamHandler()
    loggers = [logging.getLogger(name) for name in ("harness", "restorers", "tasks")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.removeHandler(handler)
            log.setLevel(level)
