"""Walk the images of a plan on this machine."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import closing
from dataclasses import dataclass

from harness._version import __version__
from harness.analysis.sanity_check import check
from harness.engine import MAX_EQUAL_FAILURES
from harness.engine.failures import EqualFailures
from harness.engine.progress import Progress, Silent
from harness.engine.workers import Job, default_workers, process_images
from harness.errors import HarnessError, ImageError, UserError
from harness.plugins import Expected, Json
from harness.records.environment import environment
from harness.records.run_directory import RunDirectory
from harness.records.schema import (
    CellEntry,
    DataSetEntry,
    ExpectedScore,
    Identity,
    Manifest,
    RestorerEntry,
)
from harness.study.grid import image_list_hash
from harness.study.plan import Plan
from harness.study.study import Cell


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        total: records of the plan's cells.
        computed: records added by this run.
        failed: image id to the sentence of its first failure, over all cells of the plan.
        stopped: a sentence for each cell that was given up.
    """

    total: int
    computed: int
    failed: dict[str, str]
    stopped: tuple[str, ...] = ()


def run(
    plan: Plan,
    directory: RunDirectory,
    progress: Progress | None = None,
    fail_fast: bool = False,
    retry_failed: bool = False,
    workers: int | None = None,
    gate: bool = True,
    max_equal_failures: int = MAX_EQUAL_FAILURES,
) -> Outcome:
    """Compute the records that are missing; nothing when the study is complete.

    Args:
        plan: what to compute.
        directory: where the records go.
        progress: told of every record.
        fail_fast: stop at the first failed image instead of recording it.
        retry_failed: compute failed images again.
        workers: images at a time, one thread each; the number of cores by default. It changes no
            number.
        gate: stop when a vision model does not score on the uncompressed images what its card
            says, see `harness.analysis.sanity_check`. Checked before anything else is computed;
            never on a subset.
        max_equal_failures: so many images in a row that fail alike stop a cell: what it lacks is
            left for the next run. 0: never.

    Raises:
        UserError: the directory holds another study or is being written to.
        ImageError: an image failed and ``fail_fast`` is set.
        HarnessError: the disk is full, or the sanity check, which what it needs may be too damaged
            for; everything recorded stays.
    """
    progress = progress or Silent()
    _check_same_study(plan, directory)  # before the lock leaves a file in a stranger's directory
    with directory.locked():
        _check_same_study(plan, directory)  # another run may have begun here in between
        _write_manifest(plan, directory, gate)
        if retry_failed:
            for cell in plan.cells:
                directory.drop_failed(cell)
        done = {cell: directory.resume(cell) for cell in plan.cells}
        failed = {
            image: record.error
            for records in done.values()
            for image, record in records.items()
            if record.error is not None
        }
        total = len(plan.cells) * len(plan.images)
        held = sum(len(records) for records in done.values())
        progress.start(total, held)
        failures = EqualFailures(max_equal_failures)
        images = {image.id: image for image in plan.images}
        computed: Counter[Cell] = Counter()
        try:
            for phase in _phases(plan, gate):
                missing = _missing(plan, phase, done)
                records = process_images(
                    plan, missing, workers or default_workers(), failures.stopped
                )
                with closing(records):  # its threads are done before the lock goes
                    for cell, record in records:
                        if cell in failures.stopped:  # it was under way then
                            continue
                        if record.error is not None:
                            if fail_fast:
                                raise ImageError(f"{record.error} (stopped by --fail-fast)")
                            failed.setdefault(record.image, record.error)
                        directory.append(cell, record)
                        computed[cell] += 1
                        failures.count(cell, record, images[record.image])
                        progress.advance()
                if plan.gates and gate:
                    _sanity_check(plan, directory, failures)
        finally:
            progress.stop()
        directory.compact()
    left = {cell: len(images) - len(done[cell]) - computed[cell] for cell in failures.stopped}
    stopped = tuple(failures.sentence(cell, left[cell]) for cell in failures.stopped if left[cell])
    return Outcome(total, computed.total(), failed, stopped)


def _sanity_check(plan: Plan, directory: RunDirectory, failures: EqualFailures) -> None:
    """Hold the vision models against their cards; one that fails all the time has not passed.

    Raises:
        HarnessError: see `harness.analysis.sanity_check.check`.
    """
    check(directory, plan.tasks)
    for cell, sentence in failures.stopped.items():
        if cell.qf is None and cell.task in plan.gates and plan.study.limit is None:
            raise HarnessError(
                f"The sanity check stopped the study: {failures.most} uncompressed images in a row "
                f"failed alike ({sentence}). --no-sanity-check goes on and marks the table."
            )


def _phases(plan: Plan, gate: bool) -> list[list[Cell]]:
    """The cells in the order of computing: those that the sanity check needs come first."""
    whole = plan.study.limit is None
    first = [c for c in plan.cells if c.qf is None and c.task in plan.gates and gate and whole]
    rest = [cell for cell in plan.cells if cell not in first]
    return [phase for phase in (first, rest) if phase]


def _missing(plan: Plan, cells: list[Cell], done: Mapping[Cell, Container[str]]) -> list[Job]:
    wanted = [
        (image, [cell for cell in cells if image.id not in done[cell]]) for image in plan.images
    ]
    return [(image, missing) for image, missing in wanted if missing]


def _check_same_study(plan: Plan, directory: RunDirectory) -> None:
    if not directory.manifest_path.exists():
        if directory.path.is_file():
            raise UserError(f"{directory.path} is a file; --output takes a directory.")
        if directory.path.is_dir() and (others := directory.foreign()):
            raise UserError(
                f"{directory.path} is not empty and holds no study "
                f"(it has {others[0]}). Choose another --output."
            )
        return
    held = directory.manifest()
    differing = [
        f"{key} {_short(held_value)} instead of {_short(plan.identity[key])}"
        for key, held_value in held.identity.model_dump(exclude={"codecs"}).items()
        if key in plan.identity and held_value != plan.identity[key]
    ]
    differing += [
        f"codec {_short(held_codec)} instead of {_short(plan.codecs[name].fingerprint())}"
        for name, held_codec in held.identity.codecs.items()
        if name in plan.codecs and held_codec != plan.codecs[name].fingerprint()
    ]
    differing += [
        f"{task} model {held.models[task]} instead of {model}"
        for task, model in plan.models.items()
        if held.models.get(task, model) != model
    ]
    if differing:
        raise UserError(
            f"{directory.path} holds another study: {'; '.join(differing)}. "
            "Choose another --output (more tasks, codecs, QFs or restorers may be added to a "
            "study; data set, images and model may not change)."
        )


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_short(v)}" for k, v in value.items()) + "}"
    text = str(value)
    return text[:12] + "…" if len(text) > 40 else text


def _grown(held: Json, study: Json) -> Json:
    """The study with what the directory holds of earlier ones: more tasks, QFs, restorers..."""
    held = {**held, "codec": [held["codec"]]} if isinstance(held.get("codec"), str) else held
    lists = {
        key: list(dict.fromkeys([*held.get(key, []), *study[key]]))
        for key in ("task", "model", "codec", "qf", "restorers")
    }
    return {**study, **lists, "qf": sorted(lists["qf"])}


def _write_manifest(plan: Plan, directory: RunDirectory, gate: bool) -> None:
    held = directory.manifest() if directory.manifest_path.exists() else Manifest()
    now = environment()
    cells = _merged_cells(held, plan)
    fresh = {cell.key for cell in plan.cells}
    skipped = {k: why for k, why in {**held.skipped, **plan.skipped}.items() if k not in fresh}
    gates = held.gates | {task: _gate(score, gate) for task, score in plan.gates.items()}
    codecs = {**held.identity.codecs, **plan.identity["codecs"]}
    same = (held.cells, held.skipped, held.gates) == (cells, skipped, gates)
    known = same and codecs == held.identity.codecs and now in held.environments
    _write_truths(plan, directory, missing_only=known)
    if known:
        directory.touch()
        return
    stamp = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    environments = held.environments if now in held.environments else (*held.environments, now)
    directory.write_manifest(
        Manifest(
            harness=__version__,
            created=held.created or stamp,
            updated=stamp,
            study=_grown(held.study, plan.study.model_dump(mode="json")),
            identity=Identity.model_validate({**plan.identity, "codecs": codecs}),
            models={**held.models, **plan.models},
            data_set=DataSetEntry(
                name=plan.data_set.name,
                images=len(plan.images),
                total=len(plan.data_set.images()),
                image_list_sha256=image_list_hash(plan.images),
                ids=tuple(image.id for image in plan.images),
            ),
            restorers={
                **held.restorers,
                **{
                    name: RestorerEntry(
                        multi_model=restorer.multi_model,
                        year=restorer.year,
                        reference=restorer.reference,
                    )
                    for name, restorer in plan.restorers.items()
                },
            },
            gates=gates,
            environments=environments,
            cells=cells,
            skipped=skipped,
        )
    )


def _merged_cells(held: Manifest, plan: Plan) -> tuple[CellEntry, ...]:
    """The cells of earlier studies, those that are planned again in their new form."""
    cells = {cell.key: cell for cell in held.cells}
    # As they will be read back: JSON knows no tuples.
    cells |= {cell.key: CellEntry.from_cell(cell) for cell in plan.cells}
    return tuple(cells.values())


def _gate(score: Expected, gate: bool) -> ExpectedScore:
    return ExpectedScore(
        metric=score.metric,
        value=score.value,
        tolerance=score.tolerance,
        source=score.source,
        ignored=not gate,
    )


def _write_truths(plan: Plan, directory: RunDirectory, missing_only: bool) -> None:
    """Keep what each task's metric needs besides the records."""
    for name, part in plan.tasks.items():
        if missing_only and directory.truth_path(name).is_file():
            continue
        truth = part.task.ground_truth(plan.data_set, [image.id for image in plan.images])
        if truth is not None:
            directory.write_truth(name, truth)
