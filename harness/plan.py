"""From a study's names to the things themselves: everything checked before an image is touched."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import fidelity, registry
from harness import images as images_module
from harness.errors import HarnessError, UserError
from harness.lineup import lineup_of
from harness.resolve import data_set_of, models_of
from harness.study import Cell, Study, hash_of


@dataclass(frozen=True)
class TaskPlan:
    """A task with its vision model (None for ``fidelity``)."""

    task: Any
    model: Any

    @property
    def model_name(self) -> str:
        """The vision model's name, empty without one."""
        return self.model.name if self.model is not None else ""


@dataclass(frozen=True)
class Plan:
    """A study resolved: what the engine walks.

    Attributes:
        study: the study, with ``all`` and ``auto`` resolved to names.
        data_set: a `tasks.base.DataSet`.
        images: the `ImageRef`s to walk, in order.
        codec: a `harness.codec.Codec`.
        restorers: `restorers.base.Restorer`s by name, in table order.
        tasks: by task name.
        cells: every cell of the grid that can be measured.
        absent: the keys of the cells that cannot, with the reason.
        notices: sentences the user should read before the numbers.
    """

    study: Study
    data_set: Any
    images: tuple[Any, ...]
    codec: Any
    restorers: dict[str, Any]
    tasks: dict[str, TaskPlan]
    cells: tuple[Cell, ...]
    absent: dict[str, str]
    notices: tuple[str, ...]

    @property
    def identity(self) -> dict[str, Any]:
        """What a run directory holds: cells that differ in any of this never share one."""
        return {
            "dataset": self.data_set.name,
            "data": self.data_set.fingerprint(),
            "images": image_list_hash(self.images),
            "codec": self.codec.fingerprint(),
            "limit": self.study.limit,
            "seed": self.study.seed,
        }

    @property
    def models(self) -> dict[str, str]:
        """The vision model of each task."""
        return {name: plan.model_name for name, plan in self.tasks.items()}


def image_list_hash(images: tuple[Any, ...]) -> str:
    """The sha256 over the ids, in order."""
    return hash_of([image.id for image in images])


def make_plan(study: Study) -> Plan:
    """Resolve and check every name of ``study``; load and check weights.

    Raises:
        UserError: an unknown name, weights missing for a QF, a data set without ground truth
            for a task, a model that does not fit, luma for a task that needs colour.
    """
    task_types = {name: registry.tasks().get(name) for name in study.task}
    _check_luma(study, task_types)
    lineup = lineup_of(study)
    restorers, unready = lineup.restorers, lineup.unready
    codec = registry.codecs().get(study.codec)()
    if study.luma:
        codec = codec.as_grey()
    data_set, notices = data_set_of(study)
    notices += [f"Left out: {reason}" for reason in lineup.left_out]
    for name, task_type in task_types.items():
        if task_type.needs_model and name not in data_set.tasks:
            raise UserError(
                f"The data set {data_set.name} has no ground truth for {name}; "
                f"it has it for: {', '.join(data_set.tasks) or 'nothing'}."
            )
    models = models_of(study, task_types, data_set)
    tasks = {name: TaskPlan(task_types[name](), models.get(name)) for name in study.task}
    every = tuple(data_set.images())
    images, limit = every[: study.limit], study.limit
    if limit is not None and limit >= len(every):
        notices.append(f"{data_set.name} has only {len(every)} images: --limit changes nothing.")
        limit = None  # the whole data set, so the same study as without the flag
    dataset = data_set.name if study.dataset == "auto" else study.dataset
    specs = tuple(lineup.specs[name] for name in restorers)
    resolved = study.model_copy(update={"restorers": specs, "dataset": dataset, "limit": limit})
    grid = _cells(resolved, data_set, images, codec, restorers, tasks, unready)
    cells = [cell for cell in grid if (cell.restorer, cell.qf) not in unready]
    absent = {
        cell.key: unready[cell.restorer, cell.qf]
        for cell in grid
        if (cell.restorer, cell.qf) in unready
    }
    notices += [f"Left empty: {reason}" for reason in dict.fromkeys(absent.values())]
    if not cells:
        raise UserError(
            f"Nothing to measure: {', '.join(study.task)} compares with the original, "
            "so name a restorer besides it."
        )
    return Plan(
        resolved, data_set, images, codec, restorers, tasks, tuple(cells), absent, tuple(notices)
    )


def _check_luma(study: Study, task_types: dict[str, Any]) -> None:
    seeing = [name for name, task_type in task_types.items() if task_type.needs_model]
    if study.luma and seeing:
        raise UserError(
            f"--luma compresses and scores luma alone, and {' and '.join(seeing)} needs colour: "
            "use it with --task fidelity."
        )


def _cells(
    study: Study,
    data_set: Any,
    images: tuple[Any, ...],
    codec: Any,
    restorers: dict[str, Any],
    tasks: dict[str, TaskPlan],
    unready: Container[tuple[str, int | None]],
) -> list[Cell]:
    common = {
        "data": data_set.fingerprint(),
        "images": image_list_hash(images),
        "read": images_module.VERSION,
        "codec": codec.fingerprint(),
        "fidelity": fidelity.VERSION,
        "torch": _torch_version(),
        "seed": study.seed,
    }
    if study.luma:
        common["luma"] = fidelity.LUMA_VERSION
    cells = []
    for name, plan in tasks.items():
        model = plan.model.fingerprint() if plan.model is not None else {}
        for restorer in restorers.values():
            if restorer.reference and not plan.task.scores_reference:
                continue
            for qf in (None,) if restorer.reference else study.qf:
                absent = (restorer.name, qf) in unready
                inputs = {
                    **common,
                    "task": {"name": name, "version": plan.task.version},
                    "model": model,
                    "qf": qf,
                    "restorer": {} if absent else restorer.fingerprint(qf or study.qf[0]),
                }
                cells.append(
                    Cell(
                        name, data_set.name, plan.model_name, study.codec, qf, restorer.name, inputs
                    )
                )
    return cells


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError as error:
        raise HarnessError("torch is not installed. Install the project again.") from error


def default_directory(plan: Plan) -> Path:
    """Where a run lands without ``--output``: named by the study, or by data set and subset.

    Anything else that sets the study apart (model, codec, seed, data by path) adds a short hash.
    """
    study = plan.study
    name = study.name or plan.data_set.name
    if study.limit is not None:
        name += f"-n{study.limit}"
    if study.luma:
        name += "-luma"
    usual = {task: plan.data_set.default_models.get(task, "") for task in plan.tasks}
    plain = study.dataset in registry.datasets() and usual == plan.models
    usual_codec = Study.model_fields["codec"].default
    if not plain or study.codec != usual_codec or study.seed:
        name += "-" + hash_of({**plan.identity, "models": plan.models})[:6]
    return Path("results") / "runs" / name
