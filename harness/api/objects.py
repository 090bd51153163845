"""The values of a study as a program gives them: objects taken out, the rest made plain.

Records of code that nothing can tell from other code are of the latest run alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from harness.api.adopted import adopt_data_set, adopt_model
from harness.api.restorers import ONCE, as_restorer
from harness.errors import UserError
from harness.plugins import DataSet, Restorer, VisionModel, registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
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
        names = ["auto", *registry.datasets()]
        values["dataset"] = _name(given_set, "data set", _DATA_SET, names)
        data_set = adopt_data_set(given_set)
    if values.get("model") is not None:
        given = _items(values.pop("model"))
        named = [model for model in given if not _is_object(model)]
        if named:
            values["model"] = named
        for model in filter(_is_object, given):
            task = getattr(model, "task", "")
            _name(model, "vision model", _MODEL, list(registry.models(task)))
            if task in models:
                raise UserError(f"Two {task} models given: {models[task].name} and {model.name}.")
            models[task] = adopt_model(model)
    plain = {key: _plain(value) for key, value in values.items()}
    return plain, Overrides(restorers, data_set, models, called=True)


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


def unrepeatable_cells(directory: RunDirectory) -> list[CellEntry]:
    """The cells of a run directory, if it is one already, whose records nothing will reuse."""
    if not directory.manifest_path.exists():
        return []
    cells = directory.manifest().cells
    return [cell for cell in cells if ONCE in cell.inputs.get("restorer", {})]


def forget_cells(directory: RunDirectory, cells: list[CellEntry]) -> None:
    """Delete the files of those `unrepeatable_cells` that the run after it has taken the place of.

    They would pile up in a notebook whose cells are run again and again.
    """
    current = {cell.fingerprint for cell in directory.manifest().cells}
    for cell in cells:
        if cell.fingerprint in current:
            continue
        stem = f"{cell.key}.{cell.fingerprint[:12]}"
        kept = (directory.path / "metrics", ".json"), (directory.path / "statistics", ".npz")
        files = [folder / f"{stem}{suffix}" for folder, suffix in kept]
        directory.record_file(cell).delete()
        for path in files:
            with contextlib.suppress(OSError):  # it may never have been written
                path.unlink()


def _restorers(given: Iterable[object]) -> tuple[list[str], dict[str, Restorer]]:
    names: list[str] = []
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


def _is_object(value: object) -> bool:
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
