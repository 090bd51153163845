"""A run's study planned again with only what its pictures need, and what of it cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.assets.programs import UntrustedError, code_trusted
from harness.errors import UserError
from harness.panels.select import UNDONE
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.study_names import located_study
from harness.study.device import CPU, Device, choose_device
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
    device: Device | None = None,
) -> Plan:
    """The run's study again, with only what is needed of it.

    Args:
        directory: the run.
        tasks: the tasks needed.
        condition: codec and QF.
        restorers: names in the run; the uncompressed image and `UNDONE` come with them.
        moved: fields of the study that say where things are now, such as ``dataset``.
        overrides: objects that stand for names of the study.
        device: where the models run; None: see `harness.panels.make.PanelOptions`.

    Raises:
        UserError: something the run was made with is not here any more, or is a program.
    """
    assert condition is not None
    manifest = directory.manifest()
    study = read_study(None, {**located_study(manifest, directory.path), **moved})
    codec, qf = condition
    tasks, models = _with_models(study, tasks)
    if not overrides.called and "model" not in moved:
        _check_configs(models, directory)
    update = {"task": tasks, "model": models, "codec": (codec,), "qf": (qf,)}
    needed = study.model_copy(update=update)
    try:
        reference = original_restorer().name
        wanted = [name for name in restorers if name not in (reference, UNDONE)]
        given = overrides.restorers
        specs = [_spec(needed, name, directory, given) for name in wanted]
        specs = [reference, UNDONE, *specs]
        needed = needed.model_copy(update={"restorers": tuple(specs)})
        device = device or _device_of_kind(manifest.identity.device)
        plan = make_plan(needed, False, overrides, device)
        if "model" not in moved:
            _check_models(plan, manifest.models)
    except UserError as error:
        hint = "If data or models have moved, say where to: --dataset, --images, --masks, --model."
        data_set = study.dataset
        named = data_set in registry.datasets() or os.sep in data_set or _exists(data_set)
        if overrides.data_set is None and not named:
            hint += f" If {data_set} was a Python object, {_FROM_PYTHON}"
        raise UserError(
            f"The pictures of {directory.path} cannot be made again here: {error} {hint}"
        ) from error
    return plan


def _device_of_kind(kind: str) -> Device:
    try:
        return choose_device(kind)
    except UserError:  # the pictures say what differs from the run
        return CPU


_FROM_PYTHON = "hand it to harness.evaluate as before, and call run.panels() on what it returns."


def _check_configs(models: Sequence[str], directory: RunDirectory) -> None:
    """Refuse configs that are Python code where a run directory, not the user, names them.

    Raises:
        UntrustedError: nobody said that it may run.
    """
    code = [spec for spec in models if spec.partition(":")[0].endswith(".py")]
    if code and not code_trusted():
        raise UntrustedError(
            f"{directory.path} names the vision model {code[0]}, a config that is Python code. If "
            "you trust it: --trust-code, or name it yourself with --model."
        )


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - a name that no path can have is no file


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
        try:
            if name in select_restorers(study.model_copy(update={"restorers": (spec,)})).restorers:
                return spec
        except UntrustedError:
            raise
        except UserError:  # the weights of another one may be missing
            continue
    raise UserError(
        f"the restorer {name} can no longer be loaded from what {directory.path} says of it "
        f"({', '.join(study.restorers)}): put its weights back, or leave it out with --restorers."
    )


def describe_left_out(unresolvable: Mapping[str, str], where: str) -> str:
    """What is said where panels are made without restorers; ``where``: in which panels."""
    listed = [f"{name} ({what})" for name, what in unresolvable.items()]
    return f"Left out of {where}: {', '.join(listed)}. {_how_to_show(len(unresolvable) > 1)}"


def describe_refused(name: str, what: str) -> str:
    """What is said where one is asked for; arguments as `unresolvable_restorers` gives them."""
    return f"{name} was {what}, so it cannot be shown. {_how_to_show(False)}"


def _how_to_show(several: bool) -> str:
    them = "them" if several else "it"
    return (
        f"No run directory holds objects: to see {them}, hand {them} to harness.evaluate as "
        "before, and call run.panels() on what it returns."
    )
