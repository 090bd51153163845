"""The values of a study as a program gives them: objects taken out, the rest made plain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from harness.api.adopted import adopt_data_set, adopt_model
from harness.api.restorers import as_restorer
from harness.errors import UserError
from harness.plugins import DataSet, Restorer, VisionModel, registry
from harness.study.overrides import Overrides
from harness.study.resolve import model_task
from harness.study.study import Study

_DATA_SET = ("name", "tasks", "classes", "images", "fingerprint", "default_models", "notice")
_MODEL = ("name", "task", "classes", "predict", "fingerprint", "prepare")


def split_objects(values: dict[str, Any]) -> tuple[dict[str, Any], Overrides]:
    """Split a study's values into what a `Study` holds and the objects its names stand for.

    Args:
        values: by field; restorers, data set and vision models may be objects.

    Returns:
        The values with a name in place of every object, and the objects.

    Raises:
        UserError: an object is none of its kind, or its name is taken.
    """
    values = dict(values)
    restorers: dict[str, Restorer] = {}
    models: dict[str, VisionModel] = {}
    data_set: DataSet | None = None
    if values.get("restorers") is not None:
        values["restorers"], restorers = _restorers(_items(values["restorers"]))
    if _is_object(values.get("dataset")):
        given_set = values["dataset"]
        values["dataset"] = _name(given_set, "data set", _DATA_SET, data_set_names())
        data_set = adopt_data_set(given_set)
    if values.get("model") is not None:
        given = _items(values["model"])
        values["model"] = [model for model in given if not _is_object(model)]
        for model in (one for one in given if _is_object(one)):
            task = getattr(model, "task", "")
            _name(model, "vision model", _MODEL, list(registry.models(task)))
            if task in models:
                raise UserError(f"Two {task} models given: {models[task].name} and {model.name}.")
            models[task] = adopt_model(model)
        values = values if values["model"] else {k: v for k, v in values.items() if k != "model"}
    return {key: _plain(value) for key, value in values.items()}, Overrides(
        restorers, data_set, models
    )


def check_models(study: Study, overrides: Overrides) -> None:
    """See that every vision model that came as an object is used.

    Raises:
        UserError: the study has no task of its kind.
    """
    tasks = registry.tasks()
    groups = {model_task(name, tasks.get(name)) for name in study.task}
    for task, model in overrides.models.items():
        if task not in groups:
            raise UserError(
                f"The study has no task of the vision model {model.name}, which is one of {task}."
            )


def data_set_names() -> list[str]:
    """The registered data sets, and ``auto``."""
    return ["auto", *registry.datasets()]


def _restorers(given: list[Any]) -> tuple[list[Any], dict[str, Restorer]]:
    names: list[Any] = []
    overrides: dict[str, Restorer] = {}
    taken: dict[int, str] = {}  # the same object twice is one, as a name twice is
    for item in given:
        if isinstance(item, str | os.PathLike):
            names.append(os.fspath(item))
        elif id(item) not in taken:
            restorer = as_restorer(item)
            if restorer.name in overrides:
                raise UserError(
                    f"Two restorers are called {restorer.name}: give one another name with "
                    "harness.restorer(..., name='another')."
                )
            overrides[restorer.name] = restorer
            taken[id(item)] = restorer.name
            names.append(restorer.name)
    return names, overrides


def _name(what: Any, kind: str, parts: tuple[str, ...], registered: list[str]) -> str:
    """The name of an object.

    Raises:
        UserError: it lacks something, or is called as a registered one.
    """
    missing = [part for part in parts if not hasattr(what, part)]
    if missing:
        raise UserError(
            f"{type(what).__name__} is no {kind}: it has no {', '.join(missing)}. See "
            "docs/guides/plugins.md, or give a name or a path."
        )
    if what.name in registered:
        raise UserError(
            f"There is a {kind} {what.name} already: name it, or give yours another name."
        )
    return str(what.name)


def _items(value: Any) -> list[Any]:
    """What a list or a generator holds; anything else is one item, modules of modules too."""
    return list(value) if isinstance(value, list | tuple | set | Iterator) else [value]


def _is_object(value: Any) -> bool:
    return value is not None and not isinstance(
        value, str | os.PathLike | list | tuple | dict | int | float
    )


def _plain(value: Any) -> Any:
    """A value as YAML would have it: paths as text, ranges and arrays as lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | range):
        # An empty list is a mistake to be named; "not given" is None.
        return [_plain(item) for item in value] or ""
    return value
