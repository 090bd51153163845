"""What ``harness show licences`` says: the terms of the code, the libraries, weights and data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import islice
from textwrap import wrap

from harness.assets.cards import read_card
from harness.assets.shipped import PROJECT
from harness.errors import UserError
from harness.plugins import DataSet, registry
from harness.plugins.registry import Registry
from harness.text import one_line
from harness.tools.describe import cards_of

WIDTH = 100
"""Characters of a line."""

UNKNOWN = "not stated in its metadata"

_LONGEST = 60
"""Characters of a licence field that is a name; longer ones hold the whole text."""


def licence_lines() -> Iterator[str]:
    """The project, the installed libraries it needs, its cards' weights and data, in that order."""
    yield f"{PROJECT}: {licence_of(distribution(PROJECT))}"
    yield ""
    yield "Libraries it needs, installed here, with what they need"
    libraries = needed(PROJECT)
    width = max((len(name) for name in libraries), default=0)
    for name, library in sorted(libraries.items()):
        licence = licence_of(library) if library is not None else "not installed"
        yield f"  {name:<{width}}  {licence}"
    for heading, licences in asset_licences().items():
        yield ""
        yield heading
        for licence, names in licences.items():
            yield from _indented(licence, 2)
            yield from _indented(", ".join(names), 4)


def _indented(text: str, spaces: int) -> list[str]:
    margin = " " * spaces
    return wrap(
        text, WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )


def needed(project: str) -> dict[str, Distribution | None]:
    """Everything that a distribution requires without an extra, and what that requires.

    Returns:
        By name; None for what is not installed. A requirement that is only for other systems and
        is not installed is left out.
    """
    found: dict[str, Distribution | None] = {}
    waiting = [(name, True) for name in _requires(distribution(project))]
    while waiting:
        name, direct = waiting.pop()
        if name in found:
            continue
        try:
            library = distribution(name)
        except PackageNotFoundError:
            if direct:
                found[name] = None
            continue
        found[name] = library
        waiting += [(other, False) for other in _requires(library)]
    return found


def _requires(library: Distribution) -> Iterator[str]:
    for requirement in library.requires or []:
        condition = requirement.partition(";")[2]
        name = re.match(r"[\w.-]+", requirement)
        if name is not None and "extra" not in condition:
            yield re.sub(r"[-_.]+", "-", name[0]).lower()


def licence_of(library: Distribution) -> str:
    """The licence by the fields that metadata have for it: expression, name, classifiers."""
    metadata = library.metadata
    for field in ("License-Expression", "License"):
        stated = one_line(metadata[field]) if field in metadata else ""
        if stated and len(stated) <= _LONGEST and stated != "UNKNOWN":
            return stated
    named = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    if not named and (files := metadata.get_all("License-File")):
        return f"in its file {', '.join(files[:1])}"
    return ", ".join(named) or UNKNOWN


def asset_licences() -> dict[str, dict[str, list[str]]]:
    """Names of weights and data sets by what their licence is, by heading.

    A plugin that cannot be imported stands under its error.
    """
    kinds: dict[str, Registry[object]] = {
        "Weights of restorers": registry.restorers(),
        **{f"Weights of {task} models": registry.models(task) for task in registry.tasks()},
        "Data sets that are fetched": registry.datasets(),
    }
    found: dict[str, dict[str, list[str]]] = {}
    for heading, entries in kinds.items():
        for name in entries:
            try:
                stated = _stated(name, entries.get(name))
            except UserError as error:
                stated = [(str(error), name)]
            for licence, what in stated:
                names = found.setdefault(heading, {}).setdefault(one_line(licence), [])
                if what not in names:
                    names.append(what)
    return found


def _stated(name: str, thing: object) -> list[tuple[str, str]]:
    """The licences of a plugin's assets, each with the asset's name."""
    stated = [(card.licence, card.name) for card in map(read_card, cards_of(thing))]
    if isinstance(thing, type) and issubclass(thing, DataSet):
        # Only the first: the next is known when that one is here.
        stated += [(item.licence, name) for item in islice(thing.downloads(), 1) if item.licence]
    return stated
