"""Whether plugins are what they say: looked at once, before the first image.

What is wrong is one sentence that names the plugin, the field and what it must be. What `restore`
and `predict` return is looked at image by image, by `harness.engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TypeVar

from harness.errors import PART_FAILURES, HarnessError, UserError
from harness.plugins import Codec, DataSet, ImageRef, Restorer, Task, VisionModel

T = TypeVar("T")

_LONGEST = 80
"""Characters of a wrong value that are shown."""


def check_restorer(spec: str, restorer: Restorer) -> None:
    """See that a restorer is one, and says what it must.

    Args:
        spec: what the study calls it.
        restorer: ready or not.

    Raises:
        UserError: what is wrong.
    """
    who = _described("restorer", spec, restorer, Restorer)
    _check_name(who, restorer.name)
    year: object = restorer.year
    whole = isinstance(year, Integral) and not isinstance(year, bool)
    _check(whole, who, "year", year, "a whole number")
    kinds = {"multi_model": restorer.multi_model} if restorer.multi_model is not None else {}
    kinds |= {"reference": restorer.reference, "needs_jpeg": restorer.needs_jpeg}
    for field, value in kinds.items():
        or_none = ", or None of what is no network" if field == "multi_model" else ""
        _check(isinstance(value, bool), who, field, value, f"True or False{or_none}")


def check_codec(name: str, codec: Codec) -> None:
    """See that a codec is one, and says what it must.

    Raises:
        UserError: what is wrong.
    """
    who = _described("codec", name, codec, Codec)
    _check_name(who, codec.name)
    _check(isinstance(codec.jpeg, bool), who, "jpeg", codec.jpeg, "True or False")
    _check(isinstance(codec.quality, str), who, "quality", codec.quality, "a string")


def check_data_set(spec: str, data_set: DataSet) -> None:
    """See that a data set is one, and says what it must; its images are not asked for.

    Raises:
        UserError: what is wrong.
    """
    who = _described("data set", spec, data_set, DataSet)
    _check_name(who, data_set.name)
    _check_strings(who, "tasks", data_set.tasks)
    _check_strings(who, "classes", data_set.classes)
    _check(isinstance(data_set.notice, str), who, "notice", data_set.notice, "a string")
    models: object = data_set.default_models
    right = isinstance(models, Mapping) and _are_strings([*models, *models.values()])
    _check(right, who, "default_models", models, "a dictionary of strings")


def checked_images(data_set: DataSet) -> tuple[ImageRef, ...]:
    """All images of a data set.

    Raises:
        UserError: they are no `ImageRef`s, or two have one id.
    """
    who = _described("data set", data_set.name, data_set, DataSet)
    images: Sequence[object] = _asked(who, "images()", data_set.images)
    _check(isinstance(images, Sequence), who, "images()", images, "a sequence of ImageRef")
    known: dict[str, ImageRef] = {}
    for image in images:
        if not isinstance(image, ImageRef):
            raise UserError(f"{who}: images() gives {_short(image)}; it must give ImageRefs.")
        right = isinstance(image.id, str) and image.id and isinstance(image.path, Path)
        if not right:
            raise UserError(
                f"{who}: images() gives {_short(image)}; an id is a string that is not empty, and "
                "a path a pathlib.Path."
            )
        if image.id in known:
            raise UserError(
                f"{who}: images() gives two images of the id '{image.id}', {known[image.id].path} "
                f"and {image.path}; ids must differ."
            )
        known[image.id] = image
    return tuple(known.values())


def check_model(task: str, model: VisionModel) -> None:
    """See that a vision model is one, and says what it must.

    Args:
        task: whose models it is declared among, or was given for.
        model: ready or not.

    Raises:
        UserError: what is wrong.
    """
    who = _described("vision model", "", model, VisionModel)
    _check_name(who, model.name)
    _check(model.task == task, who, "task", model.task, f"'{task}', whose model it is to be")
    _check_strings(who, "classes", model.classes)


def check_task(name: str, task: Task) -> None:
    """See that a task is one, and says what it must.

    Raises:
        UserError: what is wrong.
    """
    who = _described("task", name, task, Task)
    named = {"name": task.name, "metric": task.metric, "title": task.title, "version": task.version}
    for field, value in named.items():
        right = isinstance(value, str) and bool(value)
        _check(right, who, field, value, "a string that is not empty")
    _check_strings(who, "displayed_metrics", task.displayed_metrics)
    _check_strings(who, "unranked", task.unranked)


def checked_fingerprint(
    kind: str, name: str, plugin: object, ask: Callable[[], dict[str, str]]
) -> dict[str, str]:
    """What ``ask`` gives, if it is a fingerprint.

    Args:
        kind: of the plugin, for the message.
        name: of the plugin, likewise.
        plugin: whose fingerprint it is.
        ask: gives it.

    Raises:
        UserError: it is none.
    """
    who = _described(kind, name, plugin, object)
    parts: object = _asked(who, "fingerprint()", ask)
    right = isinstance(parts, dict) and _are_strings([*parts, *parts.values()])
    _check(right, who, "fingerprint()", parts, "a dictionary from strings to strings")
    return dict(parts) if isinstance(parts, dict) else {}


def _described(kind: str, name: str, plugin: object, base: type) -> str:
    """What messages call a plugin.

    Raises:
        UserError: it is none of this kind.
    """
    made = type(plugin)
    who = f"The {kind} {name} ({made.__module__}.{made.__qualname__})".replace("  ", " ")
    if not isinstance(plugin, base):
        raise UserError(
            f"{who} is no harness.plugins.{base.__name__}: derive its class from that, and give "
            "an object of it."
        )
    return who


def _asked(who: str, what: str, ask: Callable[[], T]) -> T:
    """What a plugin says; its own mistakes are named as its own."""
    try:
        return ask()
    except HarnessError:
        raise
    except PART_FAILURES as error:  # a plugin may fail in any way
        reason = " ".join(str(error).split())
        raise UserError(
            f"{who}: its {what} failed with {type(error).__name__}: {reason}. Mend that plugin, or "
            "leave it out."
        ) from error


def _check_name(who: str, name: object) -> None:
    right = isinstance(name, str) and bool(name.strip())
    _check(right, who, "name", name, "a string that is not empty")


def _check_strings(who: str, field: str, values: object) -> None:
    right = isinstance(values, tuple | list) and _are_strings(values)
    _check(right, who, field, values, "a tuple of strings")


def _are_strings(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _check(right: bool, who: str, field: str, value: object, must_be: str) -> None:
    if not right:
        raise UserError(f"{who}: its {field} is {_short(value)}; it must be {must_be}.")


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
