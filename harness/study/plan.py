"""From a study's names to the things themselves: everything checked before an image is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.errors import UserError
from harness.plugins import (
    Codec,
    DataSet,
    Expected,
    ImageRef,
    Json,
    Restorer,
    Task,
    VisionModel,
    registry,
)
from harness.study.device import CPU, CPU_KIND, Device
from harness.study.grid import TaskPlan, build_cells, image_list_hash, skipped_cells
from harness.study.overrides import NO_OVERRIDES, Overrides
from harness.study.plugin_checks import (
    check_codec,
    check_model,
    check_task,
    checked_images,
)
from harness.study.resolve import model_task, resolve_data_set, resolve_models, split_auto
from harness.study.selection import original_restorer, select_restorers
from harness.study.shard import Shard
from harness.study.study import Cell, Condition, Study


@dataclass(frozen=True)
class Plan:
    """A study resolved: what the engine works through.

    Attributes:
        study: the study, with ``all`` and ``auto`` resolved to names.
        data_set: the images and what is known about them.
        images: those to measure, in order.
        codecs: by name.
        restorers: by name, in table order.
        tasks: by task name.
        cells: every cell of the grid that can be measured.
        skipped: the keys of the cells that cannot, with the reason.
        notices: sentences the user should read before the numbers.
        gates: by task, the expected score on the uncompressed images.
        shard: the part of the images that is computed here; None: all.
        device: where restorers and vision models run.
    """

    study: Study
    data_set: DataSet
    images: tuple[ImageRef, ...]
    codecs: dict[str, Codec]
    restorers: dict[str, Restorer]
    tasks: dict[str, TaskPlan]
    cells: tuple[Cell, ...]
    skipped: dict[str, str]
    notices: tuple[str, ...]
    gates: dict[str, Expected] = field(default_factory=dict)
    shard: Shard | None = None
    device: Device = CPU

    @cached_property
    def images_here(self) -> tuple[ImageRef, ...]:
        """The images to compute: those of the shard. Everything else is the whole study's."""
        return self.images if self.shard is None else self.shard.select(self.images)

    @property
    def identity(self) -> Json:
        """What a run directory holds: cells that differ in any of this never share one."""
        identity = {
            "dataset": self.data_set.name,
            "data": self.data_set.fingerprint(),
            "images": image_list_hash(self.images),
            "codecs": {name: codec.fingerprint() for name, codec in self.codecs.items()},
            "limit": self.study.limit,
            "seed": self.study.seed,
        }
        # Runs of before there were devices, all on the CPU, say nothing of it.
        return identity if self.device.kind == CPU_KIND else identity | {"device": self.device.kind}

    @cached_property
    def keys(self) -> Mapping[Condition, tuple[str, ...]]:
        """The keys of the cells by codec and QF."""
        keys: dict[Condition, list[str]] = {}
        for cell in self.cells:
            keys.setdefault(cell.condition, []).append(cell.key)
        return {condition: tuple(of) for condition, of in keys.items()}

    @property
    def models(self) -> dict[str, str]:
        """The vision model of each task."""
        return {name: plan.model_name for name, plan in self.tasks.items()}


def make_plan(
    study: Study,
    gate: bool = True,
    overrides: Overrides = NO_OVERRIDES,
    device: Device = CPU,
) -> Plan:
    """Resolve and check every name of ``study``; load and check weights.

    Args:
        study: what is to be measured, on one data set.
        gate: where somebody says what a vision model scores on the uncompressed images, measure
            it, whether the study names the uncompressed images or not.
        overrides: objects that stand for names of the study.
        device: where restorers and vision models run, as far as they can.

    Raises:
        UserError: an unknown name, weights missing for a QF, a data set without ground truth
            for a task, a model that does not fit, luma for a task that needs colour.
    """
    parts = split_auto(study)
    if len(parts) > 1:
        names = ", ".join(part.dataset for part, _ in parts)
        raise UserError(f"The data set auto means several for these tasks, {names}: name one.")
    study, chosen = parts[0]
    task_types = {name: registry.tasks().get(name) for name in study.task}
    _check_luma(study, task_types)
    selection = select_restorers(study, overrides.restorers, device)
    codecs = {name: registry.codecs().get(name)() for name in study.codec}
    for name, codec in codecs.items():
        check_codec(name, codec)
    if study.luma:
        codecs = {name: codec.as_grey() for name, codec in codecs.items()}
    data_set, notices = overrides.found() or resolve_data_set(study)
    notices = [*chosen, *notices]
    notices += [f"Left out: {reason}" for reason in selection.left_out]
    task_types = _with_truth(task_types, data_set, notices)
    models = _models(study, task_types, data_set, overrides)
    tasks = {
        name: TaskPlan(task_type(), models.get(name)) for name, task_type in task_types.items()
    }
    unmoved = list(selection.unmoved)
    for name, part in tasks.items():
        check_task(name, part.task)
        if part.model is not None:
            check_model(model_task(name, part.task), part.model)
            if part.model.place(device.name) != device.name:
                unmoved.append(part.model.name)
            part.task.fit(part.model, data_set)
            part.model.prepare()
    notices += device.notices(unmoved)
    images, limit = _images(study, data_set, notices)
    specs = tuple(selection.specs[name] for name in selection.restorers)
    update = {"restorers": specs, "limit": limit, "task": tuple(tasks)}
    resolved = study.model_copy(update=update)
    expected = {name: _expected(part, data_set) for name, part in tasks.items()}
    gates = {name: found for name, found in expected.items() if found is not None}
    restorers = _with_reference(selection.restorers, bool(gates) and gate)
    unfit = skipped_cells(selection, restorers, codecs, study)
    gated = gates if gate else {}
    grid = build_cells(
        study=resolved,
        data_set=data_set,
        images=images,
        codecs=codecs,
        restorers=restorers,
        tasks=tasks,
        skipped=unfit,
        gated=gated,
        device=device,
    )
    cells = [cell for cell in grid if (cell.restorer, cell.condition) not in unfit]
    skipped = {
        cell.key: unfit[cell.restorer, cell.condition]
        for cell in grid
        if (cell.restorer, cell.condition) in unfit
    }
    notices += [f"Left empty: {reason}" for reason in dict.fromkeys(skipped.values())]
    if not cells:
        raise UserError(
            f"Nothing to measure: {', '.join(study.task)} compares with the original, "
            "so name a restorer besides it."
        )
    return Plan(
        study=resolved,
        data_set=data_set,
        images=images,
        codecs=codecs,
        restorers=restorers,
        tasks=tasks,
        cells=tuple(cells),
        skipped=skipped,
        notices=tuple(notices),
        gates=gates,
        device=device,
    )


def _models(
    study: Study,
    task_types: Mapping[str, type[Task]],
    data_set: DataSet,
    overrides: Overrides,
) -> dict[str, VisionModel]:
    """The vision model of each task that needs one: the caller's own, else as the study says."""
    groups = {name: model_task(name, part) for name, part in task_types.items() if part.needs_model}
    mine = {
        name: overrides.models[group] for name, group in groups.items() if group in overrides.models
    }
    rest = {name: part for name, part in task_types.items() if name not in mine}
    return {**resolve_models(study, rest, data_set), **mine}


def _images(
    study: Study, data_set: DataSet, notices: list[str]
) -> tuple[tuple[ImageRef, ...], int | None]:
    """The images to measure and the limit, None where it leaves none out."""
    every = checked_images(data_set)
    images, limit = every[: study.limit], study.limit
    if limit is not None and limit >= len(every):
        notices.append(f"{data_set.name} has only {len(every)} images: --limit changes nothing.")
        limit = None  # the whole data set, so the same study as without the flag
    return images, limit


def _with_truth(
    task_types: Mapping[str, type[Task]], data_set: DataSet, notices: list[str]
) -> dict[str, type[Task]]:
    """The tasks, those that a data set without annotations cannot serve replaced by agreement.

    Raises:
        UserError: a data set with annotations has none for a task.
    """
    found = {}
    for name, task_type in task_types.items():
        if not task_type.needs_model or task_type.against_model or name in data_set.tasks:
            found[name] = task_type
        elif data_set.fallback and task_type.agreement:
            found[task_type.agreement] = registry.tasks().get(task_type.agreement)
            notices.append(
                f"{data_set.name} has no ground truth for {name}: the truth is the vision model's "
                "own prediction on the uncompressed images (agreement)."
                + (f" {data_set.unread}" if data_set.unread else "")
            )
        else:
            instead = f" --task {task_type.agreement} needs none." if task_type.agreement else ""
            raise UserError(
                f"The data set {data_set.name} has no ground truth for {name}; "
                f"it has it for: {', '.join(data_set.tasks) or 'nothing'}.{instead}"
            )
    return found


def _expected(part: TaskPlan, data_set: DataSet) -> Expected | None:
    if part.model is None or part.task.against_model:
        return None
    return part.model.expected(data_set, part.task.metric)


def _with_reference(restorers: dict[str, Restorer], wanted: bool) -> dict[str, Restorer]:
    """The restorers, with the uncompressed image among them if it is ``wanted``."""
    if not wanted or any(restorer.reference for restorer in restorers.values()):
        return restorers
    reference = original_restorer()
    return {reference.name: reference, **restorers}


def _check_luma(study: Study, task_types: Mapping[str, type[Task]]) -> None:
    seeing = [name for name, task_type in task_types.items() if task_type.needs_model]
    if study.luma and seeing:
        raise UserError(
            f"--luma compresses and scores luma alone, and {' and '.join(seeing)} needs colour: "
            "use it with --task fidelity."
        )
