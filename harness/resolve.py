"""A study's names looked up: its data set and vision models (its restorers: `harness.lineup`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import registry
from harness.errors import UserError
from harness.study import Study


def data_set_of(study: Study) -> tuple[Any, list[str]]:
    """The data set of a name or a path, and what the user should be told about the choice.

    Raises:
        UserError: there is neither a data set nor a readable folder of that name.
    """
    known = registry.datasets()
    if study.dataset in known:
        found = known.get(study.dataset)()
        return found, [found.notice] if found.notice else []
    path = Path(study.dataset)
    with contextlib.suppress(RuntimeError):  # there is no such home
        path = path.expanduser()
    if os.path.exists(path):  # noqa: PTH110 - Path.exists raises on a name that is too long
        formats = registry.formats()
        for name in formats:
            opener = formats.get(name)
            if opener.accepts(path):
                found = opener(path)
                return found, [found.notice] if found.notice else []
        raise UserError(
            f"{path} is in no known data set format ({', '.join(formats)}). "
            "Give a folder of images, or a data set's name."
        )
    try:
        known.entry(study.dataset)
    except UserError as error:
        raise UserError(f"{error} Nor is there a folder of that name.") from None
    raise AssertionError("unreachable: the name is in no registry and is no path")


def models_of(study: Study, task_types: dict[str, Any], data_set: Any) -> dict[str, Any]:
    """The vision model of each task that needs one, loaded: the user's, else the data set's own.

    Raises:
        UserError: an unknown model, none or two for a task, one for other classes, bad weights.
    """
    needing = [name for name, task in task_types.items() if task.needs_model]
    chosen: dict[str, str] = {}
    for model in study.model:
        fitting = [task for task in needing if model in registry.models(task)]
        if not fitting:
            if not needing:
                raise UserError(f"--model {model}: the task {study.task[0]} runs no vision model.")
            registry.models(needing[0]).entry(model)
        for task in fitting:
            if task in chosen:
                raise UserError(f"Two {task} models given: {chosen[task]} and {model}. Name one.")
            chosen[task] = model
    made = {}
    for task in needing:
        name = chosen.get(task) or data_set.default_models.get(task)
        if name is None:
            raise UserError(
                f"The data set {data_set.name} has no {task} model of its own; name one "
                f"with --model: {', '.join(registry.models(task))}."
            )
        made[task] = _fitting(registry.models(task).get(name)(), data_set)
    return made


def _fitting(model: Any, data_set: Any) -> Any:
    """The model, ready to predict, after checking that it speaks of the data set's classes."""
    if tuple(model.classes) != tuple(data_set.classes):
        raise UserError(
            f"The model {model.name} knows the classes {_some(model.classes)}; the data set "
            f"{data_set.name} has {_some(data_set.classes)}. Name a model trained for it."
        )
    model.prepare()
    return model


def _some(names: Sequence[str]) -> str:
    more = f", … ({len(names)})" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
