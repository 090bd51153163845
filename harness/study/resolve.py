"""A study's data set and vision models looked up; `harness.study.selection` has its restorers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from harness.plugins import DataSet, Task, VisionModel, registry
from harness.study.plugin_checks import check_data_set
from harness.study.study import Study

AUTO = "auto"


def split_auto(study: Study) -> tuple[tuple[Study, list[str]], ...]:
    """The study, or one a data set where ``auto`` takes another for each task.

    Returns:
        Studies that name their data set, with what the user should be told about the choice.

    Raises:
        UserError: two packages say what ``auto`` is, or an unknown task.
    """
    if study.dataset != AUTO:
        return ((study, []),)
    for name in study.task:
        registry.tasks().entry(name)
    chosen, notices = registry.auto().get("choose")(study.task)
    groups: dict[str, list[str]] = {}
    for task in study.task:
        groups.setdefault(chosen[task], []).append(task)
    parts = []
    for name, tasks in groups.items():
        kinds = {task.removesuffix("-agreement") for task in tasks}
        others = {task.removesuffix("-agreement") for task in study.task} - kinds
        models = tuple(spec for spec in study.model if not _is_only_for(spec, others))
        update = {"dataset": name, "task": tuple(tasks), "model": models}
        parts.append((study.model_copy(update=update), list(notices[name])))
    return tuple(parts)


def _is_only_for(spec: str, tasks: set[str]) -> bool:
    """Whether a vision model is one of these tasks and of no other."""
    serves = served_by(spec)
    if not serves and (model := _model_file(spec)) is not None:
        serves = {model.task}
    return bool(serves) and serves <= tasks


def served_by(spec: str) -> set[str]:
    """The tasks that have a registered vision model of this name; none for a file."""
    name = spec.partition(":")[0]
    return {task for task in registry.tasks() if name in registry.models(task)}


def resolve_data_set(study: Study) -> tuple[DataSet, list[str]]:
    """The data set of a name or a path, and what the user should be told about it.

    Raises:
        UserError: there is neither a data set nor a readable file or folder of that name, or it
            is not on this machine, or takes no such option.
    """
    known = registry.datasets()
    if study.dataset in known:
        _refuse_options(study, study.dataset, ())
        data_set = known.get(study.dataset)()
    else:
        path = _path(study.dataset)
        if path is None:
            try:
                known.entry(study.dataset)
            except UserError as error:
                raise UserError(f"{error} Nor is there a file or folder of that name.") from None
            raise AssertionError("unreachable: the name is in no registry and is no path")
        data_set = _opened(study, path)
    check_data_set(study.dataset, data_set)
    data_set.available(study.limit)
    return data_set, data_set.notice.splitlines()


def _opened(study: Study, path: Path) -> DataSet:
    formats = registry.formats()
    openers = {}
    for name in formats:
        with contextlib.suppress(UserError):  # a plugin that cannot be loaded; `doctor` names it
            openers[name] = formats.get(name)
    for name in sorted(openers, key=lambda name: openers[name].fallback):
        opener = openers[name]
        if opener.accepts(path, study.options):
            _refuse_options(study, f"a data set of the format {name}", opener.options)
            return opener.open(path, **study.options)
    raise UserError(
        f"{path} is in no known data set format ({', '.join(formats)}). Give a folder of images, "
        "annotations as COCO JSON, a folder in VOC's layout, or a data set's name."
    )


def _refuse_options(study: Study, what: str, taken: tuple[str, ...]) -> None:
    for option in study.options:
        if option not in taken:
            listed = ", ".join(f"--{name}" for name in taken) or "none"
            raise UserError(f"--{option}: {what} does not take it. Options it takes: {listed}.")


def resolve_models(
    study: Study, task_types: Mapping[str, type[Task]], data_set: DataSet
) -> dict[str, VisionModel]:
    """The vision model of each task that needs one: the user's, else the data set's own.

    Raises:
        UserError: an unknown model, none or two for a task, a file that is none.
    """
    needing = {
        name: model_task(name, task) for name, task in task_types.items() if task.needs_model
    }
    chosen: dict[str, VisionModel] = {}
    for spec in study.model:
        if not needing:
            raise UserError(f"--model {spec}: the task {study.task[0]} runs no vision model.")
        for group, model in _models(spec, set(needing.values())).items():
            if group in chosen:
                raise UserError(
                    f"Two {group} models given: {chosen[group].name} and {spec}. Name one."
                )
            chosen[group] = model
    for group in dict.fromkeys(needing.values()):
        if group not in chosen:
            name = data_set.default_models.get(group)
            if name is None:
                raise UserError(
                    f"The data set {data_set.name} has no {group} model of its own; name one "
                    f"with --model: {', '.join(registry.models(group))}."
                )
            chosen[group] = registry.models(group).get(name).make()
    return {name: chosen[group] for name, group in needing.items()}


def model_task(name: str, task_type: Task | type[Task]) -> str:
    """The task whose vision models a task runs: its own, unless it says otherwise."""
    return task_type.vision or name


def _models(spec: str, groups: set[str]) -> dict[str, VisionModel]:
    """The model of a ``--model``, by the tasks it serves.

    Raises:
        UserError: there is none, or it is one of a task that the study does not have.
    """
    name, colon, variant = spec.partition(":")
    fitting = [group for group in sorted(groups) if name in registry.models(group)]
    if fitting:
        if colon and not variant:
            raise UserError(f"'{spec}' names nothing behind the colon. Name it, or leave it out.")
        kept = os.path.expanduser(variant) if colon else None  # noqa: PTH111 - no home, no error
        return {group: registry.models(group).get(name).make(kept) for group in fitting}
    model = _model_file(spec)
    if model is not None:
        if model.task not in groups:
            raise UserError(
                f"--model {spec}: a {model.task} model, and the study has no such task."
            )
        return {model.task: model}
    for task in registry.tasks():
        if name in registry.models(task):
            raise UserError(f"--model {spec}: a {task} model, and the study has no such task.")
    try:
        registry.models(sorted(groups)[0]).entry(name)
    except UserError as error:
        raise UserError(f"{error} Nor is there a file of that name.") from None
    raise AssertionError("unreachable: no group has the name")


def _model_file(spec: str) -> VisionModel | None:
    """The model of ``PATH`` or ``PATH:VARIANT``; None where it is no path and no format's name.

    Raises:
        UserError: there is such a file, and it is no vision model.
    """
    name, _, variant = spec.partition(":")
    whole = _path(spec)
    path, rest = (whole, None) if whole is not None else (_path(name), variant or None)
    kinds = registry.model_formats()
    for kind in kinds:
        opener = kinds.get(kind)
        # A format may know names of its own, such as the configs that a library carries.
        if opener.accepts(path if path is not None else Path(name)):
            return opener.open(path if path is not None else Path(name), rest)
    if path is None:
        return None
    raise UserError(
        f"{path} is no vision model of a known kind ({', '.join(kinds) or 'none is installed'}). "
        "A TorchScript or ONNX file is described by a small card: see docs/guides/model_cards.md."
    )


def _path(text: str) -> Path | None:
    """The file or folder of that name, if there is one."""
    path = Path(text)
    with contextlib.suppress(RuntimeError):  # there is no such home
        path = path.expanduser()
    # Path.exists raises on a name that is too long.
    return path if os.path.exists(path) else None  # noqa: PTH110
