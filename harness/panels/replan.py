"""A run's study planned again, with only what its pictures need."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.panels.select import UNDONE
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.study.overrides import NO_OVERRIDES, NONE, Overrides
from harness.study.plan import Plan, make_plan
from harness.study.resolve import model_task, served_by
from harness.study.selection import original_restorer, select_restorers
from harness.study.study import Condition, Study, read_study


def replan(
    directory: RunDirectory,
    tasks: Sequence[str],
    condition: Condition,
    restorers: Iterable[str],
    moved: Mapping[str, Any],
    overrides: Overrides = NO_OVERRIDES,
) -> Plan:
    """The run's study again, with only what is needed of it.

    Args:
        directory: the run.
        tasks: the tasks needed.
        condition: codec and QF.
        restorers: names in the run; the uncompressed image and `UNDONE` come with them.
        moved: fields of the study that say where things are now, such as ``dataset``.
        overrides: objects that stand for names of the study.

    Raises:
        UserError: something the run was made with is not here any more.
    """
    assert condition is not None
    manifest = directory.manifest()
    study = read_study(None, {**manifest.study, **moved})
    codec, qf = condition
    tasks, models = _with_models(study, tasks)
    update = {"task": tasks, "model": models, "codec": (codec,), "qf": (qf,)}
    needed = study.model_copy(update=update)
    try:
        reference = original_restorer().name
        wanted = [name for name in restorers if name not in (reference, UNDONE)]
        found = [_spec(needed, name, directory, overrides.restorers) for name in wanted]
        specs = (reference, UNDONE, *found)
        plan = make_plan(needed.model_copy(update={"restorers": specs}), False, overrides)
        if "model" not in moved:
            _check_models(plan, manifest.models)
    except UserError as error:
        hint = "If data or models have moved, say where to: --dataset, --images, --masks, --model."
        if overrides.data_set is None and _may_be_an_object(study.dataset):
            hint += f" If {study.dataset} was a Python object, {_FROM_PYTHON}"
        raise UserError(
            f"The pictures of {directory.path} cannot be made again here: {error} {hint}"
        ) from error
    return plan


_FROM_PYTHON = "hand it to harness.evaluate as before, and call run.panels() on what it returns."


def _may_be_an_object(data_set: str) -> bool:
    known = data_set in registry.datasets()
    return not known and os.sep not in data_set and not os.path.exists(data_set)  # noqa: PTH110


def _check_models(plan: Plan, recorded: Mapping[str, str]) -> None:
    """See that nobody is shown what another vision model finds.

    Raises:
        UserError: the study's vision model of a task is not the one it was measured with.
    """
    for task, part in plan.tasks.items():
        name = recorded.get(task, part.model_name)
        if name != part.model_name:
            raise UserError(
                f"{task} was measured with the vision model {name}, and what the run says of it "
                f"gives {part.model_name}: if {name} was a Python object, {_FROM_PYTHON}"
            )


def _with_models(study: Study, tasks: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tasks to plan for and their vision models, of those the study names.

    What task a model is of is known of registered ones alone: with a file among them, all tasks
    of the study are planned for.
    """
    known = registry.tasks()
    groups = {model_task(name, known.get(name)) for name in tasks}
    models = []
    for spec in study.model:
        serves = served_by(spec)
        if not serves and set(tasks) != set(study.task):
            return study.task, study.model
        if not serves or serves & groups:
            models.append(spec)
    return tuple(tasks), tuple(models)


def _spec(
    study: Study, name: str, directory: RunDirectory, overrides: Mapping[str, Any] = NONE
) -> str:
    """What the study calls a restorer of the run: its name, or the file that it was read from.

    Raises:
        UserError: the study does not say.
    """
    if name in study.restorers or name in overrides:
        return name
    for spec in study.restorers:
        with contextlib.suppress(UserError):  # the weights of another one may be missing
            if name in select_restorers(study.model_copy(update={"restorers": (spec,)})).restorers:
                return spec
    raise UserError(
        f"the restorer {name} can no longer be loaded from what {directory.path} says of it "
        f"({', '.join(study.restorers)}): put its weights back, or leave it out with --restorers."
    )
