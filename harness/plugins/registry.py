"""Names to things: restorers, data sets, vision models, tasks, codecs, trainers.

Everything is declared as an entry point, ours like a third party's, so listing names imports
nothing and a plugin needs no change to this tree::

    [project.entry-points."harness.restorers"]
    mine = "my_package.restorer:Mine"
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from harness.errors import PART_FAILURES, HarnessError, UserError

if TYPE_CHECKING:
    from harness.plugins.codec import Codec
    from harness.plugins.dataset import DataSet, DataSetFormat
    from harness.plugins.restorer import Restorer, RestorerFormat
    from harness.plugins.task import Task
    from harness.plugins.vision_model import VisionModel, VisionModelFormat

T_co = TypeVar("T_co", covariant=True)

Chooser = Callable[[Sequence[str]], tuple[dict[str, str], dict[str, list[str]]]]
"""From tasks to a data set for each, and by data set to sentences saying why."""

Trainer = Callable[[Mapping[str, object], Path, Callable[[str], None]], Path]
"""``train(recipe, directory, report)``: the card's path; ``report`` takes lines of progress."""

_SHOWN = 20


@dataclass(frozen=True)
class Entry:
    """One declared name.

    Attributes:
        name: what the user types.
        target: ``module:attribute``, imported when asked for.
        origin: who declared it (distribution and version).
    """

    name: str
    target: str
    origin: str

    def load(self) -> object:
        """Import the target."""
        module, _, attribute = self.target.partition(":")
        target: object = importlib.import_module(module)
        for part in attribute.split("."):
            target = getattr(target, part)
        return target


class Registry(Generic[T_co]):
    """A lazy, read-only map from names to things of one kind, which is looked at when they load.

    Args:
        kind: what the things are, in the singular, for messages (``restorer``).
        entries: the declared names. The same name may appear twice only with the same target
            (one distribution seen twice on the path); otherwise asking for it is an error.
        base: the class of `harness.plugins` that the things derive from; None: they are functions.
    """

    def __init__(self, kind: str, entries: Iterable[Entry], base: str | None = None) -> None:
        self.kind = kind
        self._base = base
        self._entries: dict[str, list[Entry]] = {}
        for entry in entries:
            same = self._entries.setdefault(entry.name, [])
            if all(entry.target != other.target for other in same):
                same.append(entry)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def declarations(self, name: str) -> list[Entry]:
        """Every declaration of ``name``; more than one is an error when it is asked for."""
        return list(self._entries.get(name, []))

    def entry(self, name: str) -> Entry:
        """The declaration of ``name``.

        Raises:
            UserError: nobody declares the name (with the nearest one and the list), or two do.
        """
        found = self._entries.get(name)
        if found is None:
            raise UserError(self._unknown(name))
        if len(found) > 1:
            origins = " and ".join(f"{entry.target} from {entry.origin}" for entry in found)
            raise UserError(
                f"The {self.kind} '{name}' is declared twice: {origins}. "
                "Uninstall one of the two, or rename its entry point."
            )
        return found[0]

    def get(self, name: str) -> T_co:
        """The thing itself (a class or a function), imported now.

        Raises:
            UserError: unknown or duplicate name, or the plugin cannot be imported, or is of
                another kind.
        """
        entry = self.entry(name)
        who = f"The {self.kind} '{name}' ({entry.target} from {entry.origin})"
        try:
            target = entry.load()
        except HarnessError:
            raise
        except PART_FAILURES as error:  # a plugin may fail in any way; name it instead of crashing
            raise UserError(
                f"{who} cannot be loaded: "
                f"{type(error).__name__}: {error}. Fix or uninstall that package."
            ) from error
        return self._checked(target, who)

    def _checked(self, target: object, who: str) -> T_co:
        """The target, if it is of this registry's kind.

        Raises:
            UserError: it is not.
        """
        if self._base is None:
            if not callable(target):
                raise UserError(f"{who} is a {type(target).__name__}: name a function.")
        elif not isinstance(target, type):
            raise UserError(
                f"{who} is no class, but a {type(target).__name__}: name the class itself, derived "
                f"from harness.plugins.{self._base}."
            )
        elif not issubclass(
            target, getattr(importlib.import_module("harness.plugins"), self._base)
        ):
            raise UserError(f"{who} is no harness.plugins.{self._base}: derive it from that class.")
        return cast("T_co", target)

    def _unknown(self, name: str) -> str:
        names = list(self)
        near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        shown = ", ".join(names[:_SHOWN]) + (f", … ({len(names)})" if len(names) > _SHOWN else "")
        return f"Unknown {self.kind} '{name}'.{hint} Available: {shown or 'none'}."


def _declared(group: str, kind: str, base: str | None = None) -> Registry[Any]:
    return _declared_on(tuple(sys.path), group, kind, base)


@lru_cache(maxsize=4)
def _all_points(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """By group. Looked up once a path: reading every distribution's entry points takes long."""
    points = entry_points()
    groups = [group for group in points.groups if group.startswith("harness.")]
    return {group: tuple(points.select(group=group)) for group in groups}


@lru_cache(maxsize=64)
def _declared_on(path: tuple[str, ...], group: str, kind: str, base: str | None) -> Registry[Any]:
    entries = []
    for point in _all_points(path).get(group, ()):
        dist = point.dist
        origin = f"{dist.name} {dist.version}" if dist is not None else "an unknown distribution"
        entries.append(Entry(point.name, point.value, origin))
    return Registry(kind, entries, base)


def restorers() -> Registry[type[Restorer]]:
    """All restorers."""
    return _declared("harness.restorers", "restorer", "Restorer")


def codecs() -> Registry[type[Codec]]:
    """All codecs."""
    return _declared("harness.codecs", "codec", "Codec")


def tasks() -> Registry[type[Task]]:
    """All tasks."""
    return _declared("harness.tasks", "task", "Task")


def datasets() -> Registry[type[DataSet]]:
    """All named data sets."""
    return _declared("harness.datasets", "data set", "DataSet")


def auto() -> Registry[Chooser]:
    """What the data set ``auto`` is: a function ``choose``."""
    return _declared("harness.auto", "choice of data sets")


def formats() -> Registry[type[DataSetFormat]]:
    """Data sets opened by path."""
    return _declared("harness.formats", "data set format", "DataSetFormat")


def models(task: str) -> Registry[type[VisionModel]]:
    """The vision models of one task."""
    return _declared(f"harness.models.{task}", f"{task} model", "VisionModel")


def model_formats() -> Registry[type[VisionModelFormat]]:
    """Vision models opened by path."""
    return _declared("harness.model_formats", "kind of vision model", "VisionModelFormat")


def trainers() -> Registry[Trainer]:
    """All trainers."""
    return _declared("harness.trainers", "trainer")


def checkpoints() -> Registry[type[RestorerFormat]]:
    """Kinds of weights files that run as restorers by path."""
    return _declared("harness.checkpoints", "kind of weights file", "RestorerFormat")
