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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from harness.errors import HarnessError, UserError

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

    def load(self) -> Any:
        """Import the target."""
        module, _, attribute = self.target.partition(":")
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found


class Registry:
    """A lazy, read-only map from names to things of one kind.

    Args:
        kind: what the things are, in the singular, for messages (``restorer``).
        entries: the declared names. The same name may appear twice only with the same target
            (one distribution seen twice on the path); otherwise asking for it is an error.
    """

    def __init__(self, kind: str, entries: Iterable[Entry]) -> None:
        self.kind = kind
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

    def get(self, name: str) -> Any:
        """The thing itself (a class or a function), imported now.

        Raises:
            UserError: unknown or duplicate name, or the plugin cannot be imported.
        """
        entry = self.entry(name)
        try:
            return entry.load()
        except HarnessError:
            raise
        except Exception as error:  # a plugin may fail in any way; name it instead of crashing
            raise UserError(
                f"The {self.kind} '{name}' ({entry.target} from {entry.origin}) cannot be loaded: "
                f"{type(error).__name__}: {error}. Fix or uninstall that package."
            ) from error

    def _unknown(self, name: str) -> str:
        names = list(self)
        near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        shown = ", ".join(names[:_SHOWN]) + (f", … ({len(names)})" if len(names) > _SHOWN else "")
        return f"Unknown {self.kind} '{name}'.{hint} Available: {shown or 'none'}."


def _declared(group: str, kind: str) -> Registry:
    return _declared_on(tuple(sys.path), group, kind)


@lru_cache(maxsize=4)
def _all_points(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """By group. Looked up once a path: reading every distribution's entry points takes long."""
    points = entry_points()
    groups = [group for group in points.groups if group.startswith("harness.")]
    return {group: tuple(points.select(group=group)) for group in groups}


@lru_cache(maxsize=64)
def _declared_on(path: tuple[str, ...], group: str, kind: str) -> Registry:
    found = []
    for point in _all_points(path).get(group, ()):
        dist = point.dist
        origin = f"{dist.name} {dist.version}" if dist is not None else "an unknown distribution"
        found.append(Entry(point.name, point.value, origin))
    return Registry(kind, found)


def restorers() -> Registry:
    """All restorers (`harness.plugins.restorer.Restorer` classes)."""
    return _declared("harness.restorers", "restorer")


def codecs() -> Registry:
    """All codecs (`harness.plugins.codec.Codec` classes)."""
    return _declared("harness.codecs", "codec")


def tasks() -> Registry:
    """All tasks (`harness.plugins.Task` classes)."""
    return _declared("harness.tasks", "task")


def datasets() -> Registry:
    """All named data sets (`harness.plugins.DataSet` classes)."""
    return _declared("harness.datasets", "data set")


def auto() -> Registry:
    """What the data set ``auto`` is: ``choose(tasks)`` gives a data set a task, and why."""
    return _declared("harness.auto", "choice of data sets")


def formats() -> Registry:
    """Data-set formats opened by path (`DataSet` classes with ``accepts(path, options)``)."""
    return _declared("harness.formats", "data set format")


def models(task: str) -> Registry:
    """The vision models of one task (`harness.plugins.VisionModel` classes)."""
    return _declared(f"harness.models.{task}", f"{task} model")


def model_formats() -> Registry:
    """Vision models opened by path: classes with ``accepts(path)`` and ``open(path)``."""
    return _declared("harness.model_formats", "kind of vision model")


def trainers() -> Registry:
    """All trainers: ``train(recipe, directory, report) -> path of the card``."""
    return _declared("harness.trainers", "trainer")


def checkpoints() -> Registry:
    """Kinds of weights files that run as restorers by path.

    Classes with ``accepts(path)`` and ``open(path, nearest_qf=..., tile=...)``, see
    `restorers.formats`; they are tried in the order of their names.
    """
    return _declared("harness.checkpoints", "kind of weights file")
