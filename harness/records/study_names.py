"""What the paths and names of a run's study stand for here: files elsewhere, Python objects.

A run directory says in its manifest what folder its relative paths are meant from, so that its
pictures can be made again, and its gaps filled, wherever the command is given and wherever the two
are moved to together.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from harness.plugins import Json, registry
from harness.records.schema import Manifest
from harness.study.overrides import GIVEN

_FILES = ("dataset", "images", "masks", "classes", "split")
_LISTS = ("model", "restorers")


def paths_folder(study: Json, directory: Path) -> str:
    """The working directory as seen from a run directory; empty where the study needs none.

    Args:
        study: fields of a `harness.study.study.Study`.
        directory: the run directory.
    """
    here = Path.cwd()
    if any(_at(here, piece) for piece in _pieces(study)):
        return os.path.relpath(here, directory.resolve())
    return ""


def located_study(manifest: Manifest, directory: Path) -> Json:
    """The study of a run with its relative paths as they are from the working directory.

    They are looked for in the folder that the manifest names, in the working directory, and in the
    folders above the run directory, which older manifests leave it at; what is in none of these is
    as it was.

    Args:
        manifest: of the run.
        directory: the run directory.
    """
    run = directory.resolve()
    folders = [Path.cwd(), *run.parents]
    if manifest.folder:
        folders.insert(0, (run / manifest.folder).resolve())
    study: Json = dict(manifest.study)
    for name in _FILES:
        if isinstance(study.get(name), str):
            study[name] = _located(study[name], folders)
    for name in _LISTS:
        study[name] = [_located(value, folders) for value in study.get(name, ())]
    return study


def unresolvable_restorers(manifest: Manifest, overrides: Collection[str]) -> dict[str, str]:
    """The restorers that can be made neither from the run directory nor from the caller's objects.

    Returns:
        What each was by name, in table order.
    """
    known = registry.restorers()
    specs = set(manifest.study.get("restorers", ()))
    given = {c.restorer for c in manifest.cells if GIVEN in c.inputs.get("restorer", {})}
    descriptions = {}
    for name in manifest.restorers:
        # An object of a plugin's class has the fingerprint of a plugin.
        unknown = name in specs and name.partition(":")[0] not in known
        if name in given and name not in overrides:
            descriptions[name] = "a Python object"
        elif unknown and name not in overrides and not _at(Path.cwd(), name):
            descriptions[name] = "a Python object, or a plugin that is not installed here"
    return descriptions


def restorer_spec(name: str, study: Json) -> str | None:
    """What a study calls a restorer of its tables: its name, or its weights' path; None: neither.

    Args:
        name: in tables, where a file is its stem.
        study: of `located_study`.
    """
    for spec in study.get("restorers", ()):
        head, colon, variant = spec.partition(":")
        if name in (spec, Path(spec).stem) or (colon and name == f"{head}:{Path(variant).stem}"):
            return str(spec)
    return name if name.partition(":")[0] in registry.restorers() else None


def _located(value: str, folders: Sequence[Path]) -> str:
    """A value of a study, each path in it found in the first of the folders that has it."""
    if not _is_path(value):
        return value
    pieces = []
    for piece in value.split(":"):
        folder = next((folder for folder in folders if _at(folder, piece)), Path.cwd())
        pieces.append(piece if folder == Path.cwd() else str(folder / piece))
    return ":".join(pieces)


def _pieces(study: Json) -> Iterator[str]:
    """Whatever may be a path in a study."""
    values = [study.get(name) for name in _FILES]
    values += [value for name in _LISTS for value in study.get(name, ())]
    for value in values:
        if isinstance(value, str) and _is_path(value):
            yield from value.split(":")


def _is_path(value: str) -> bool:
    """Whether a value may be a path, or has one behind a colon; names come before files."""
    named = (registry.datasets(), registry.restorers(), *map(registry.models, registry.tasks()))
    head, colon, _ = value.partition(":")
    return bool(colon) or all(head not in names for names in named)


def _at(folder: Path, piece: str) -> bool:
    """Whether a relative path is there."""
    try:
        return bool(piece) and not Path(piece).is_absolute() and (folder / piece).exists()
    except (OSError, ValueError):  # too long, or a name that no file can have
        return False
