"""The manifest of a run: held against the study at hand, then grown by it."""

from __future__ import annotations

import datetime

from harness._version import __version__
from harness.errors import UserError
from harness.plugins import Expected
from harness.records.environment import environment
from harness.records.run_directory import RunDirectory
from harness.records.same_study import check_unused, grown_study, study_differences
from harness.records.schema import (
    CellEntry,
    DataSetEntry,
    ExpectedScore,
    Identity,
    Manifest,
    RestorerEntry,
)
from harness.records.study_names import paths_folder
from harness.study.grid import image_list_hash
from harness.study.plan import Plan


def check_same_study(plan: Plan, directory: RunDirectory) -> None:
    """Refuse a directory whose records are not of this study.

    Raises:
        UserError: it holds another study, or is no run directory and not empty.
    """
    if not directory.manifest_path.exists():
        check_unused(directory)
        return
    held = directory.manifest()
    if held.identity.device != plan.device.kind:
        raise UserError(
            f"{directory.path} was computed on {held.identity.device}, and this run would go on on "
            f"{plan.device.kind}: numbers of one table come from one class of device. Go on with "
            f"--device {held.identity.device}, or choose another --output."
        )
    differing = study_differences(held, plan.identity, plan.models)
    if differing:
        raise UserError(
            f"{directory.path} holds another study: {'; '.join(differing)}. "
            "Choose another --output (more tasks, codecs, QFs or restorers may be added to a "
            "study; data set, images and model may not change)."
        )


def write_manifest(plan: Plan, directory: RunDirectory, gate: bool) -> None:
    """Add a study to the manifest, and keep what its metrics need besides the records.

    Args:
        plan: the study.
        directory: that `check_same_study` did not refuse.
        gate: whether the sanity check stops the study; if not, its tables are marked.
    """
    held = directory.manifest() if directory.manifest_path.exists() else Manifest()
    now = environment(plan.device)
    cells = _merged_cells(held, plan)
    fresh = {cell.key for cell in plan.cells}
    skipped = {k: why for k, why in {**held.skipped, **plan.skipped}.items() if k not in fresh}
    gates = held.gates | {task: _gate(score, gate) for task, score in plan.gates.items()}
    codecs = {**held.identity.codecs, **plan.identity["codecs"]}
    shard = "" if plan.shard is None else str(plan.shard)
    same = (held.cells, held.skipped, held.gates, held.shard) == (cells, skipped, gates, shard)
    known = same and codecs == held.identity.codecs and now in held.environments
    truth = held.truth | _write_truths(plan, directory, missing_only=known)
    if known and truth == held.truth:
        directory.touch()
        return
    stamp = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    environments = held.environments if now in held.environments else (*held.environments, now)
    study = plan.study.model_dump(mode="json")
    directory.write_manifest(
        Manifest(
            harness=__version__,
            created=held.created or stamp,
            updated=stamp,
            study=grown_study(held.study, study),
            folder=paths_folder(study, directory.path) or held.folder,
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
            truth=truth,
            shard=shard,
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


def _write_truths(plan: Plan, directory: RunDirectory, missing_only: bool) -> dict[str, str]:
    """Keep what each task's metric needs besides the records; the sha256 of what was written."""
    written = {}
    for name, part in plan.tasks.items():
        if missing_only and directory.truth_path(name).is_file():
            continue
        truth = part.task.ground_truth(plan.data_set, [image.id for image in plan.images])
        if truth is not None:
            written[name] = directory.write_truth(name, truth)
    return written
