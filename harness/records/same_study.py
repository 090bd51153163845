"""Whether a study may be added to a run directory, and the study that the two are then."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import UserError
from harness.plugins.types import Json
from harness.records.run_directory import RunDirectory
from harness.records.schema import Manifest


def check_unused(directory: RunDirectory) -> None:
    """Refuse a path without a manifest at which something else lies.

    Raises:
        UserError: it is a file, or a folder that is no run directory and not empty.
    """
    if directory.path.is_file():
        raise UserError(f"{directory.path} is a file; --output takes a directory.")
    if directory.path.is_dir() and (others := directory.foreign()):
        raise UserError(
            f"{directory.path} is not empty and holds no study "
            f"(it has {others[0]}). Choose another --output."
        )


def study_differences(held: Manifest, identity: Json, models: Mapping[str, str]) -> list[str]:
    """What keeps a study out of a run directory: phrases such as ``seed 0 instead of 1``.

    Args:
        held: the manifest of the run directory.
        identity: fields of a `harness.records.schema.Identity`.
        models: the vision model of each task.
    """
    differing = [
        f"{key} {_short(value)} instead of {_short(identity[key])}"
        for key, value in held.identity.model_dump(exclude={"codecs"}).items()
        if key in identity and value != identity[key]
    ]
    differing += [
        f"codec {_short(codec)} instead of {_short(identity['codecs'][name])}"
        for name, codec in held.identity.codecs.items()
        if name in identity["codecs"] and codec != identity["codecs"][name]
    ]
    differing += [
        f"{task} model {held.models[task]} instead of {model}"
        for task, model in models.items()
        if held.models.get(task, model) != model
    ]
    return differing


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_short(v)}" for k, v in value.items()) + "}"
    text = str(value)
    return text[:12] + "…" if len(text) > 40 else text


def grown_study(held: Json, study: Json) -> Json:
    """The study with what the directory holds of earlier ones: more tasks, QFs, restorers..."""
    held = {**held, "codec": [held["codec"]]} if isinstance(held.get("codec"), str) else held
    lists = {
        key: list(dict.fromkeys([*held.get(key, []), *study.get(key, [])]))
        for key in ("task", "model", "codec", "qf", "restorers")
    }
    return {**study, **lists, "qf": sorted(lists["qf"])}
