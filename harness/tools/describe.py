"""What ``harness list`` and ``harness show`` say."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import PART_FAILURES, HarnessError, UserError
from harness.plugins import registry
from harness.plugins.registry import Registry

if TYPE_CHECKING:
    from harness.assets.cards import Card
    from harness.records.run_directory import RunDirectory


_OURS = "restoration-harness"
_WIDTH = 100


def registries() -> dict[str, Registry[object]]:
    """Every registry by its heading; nothing is imported."""
    found: dict[str, Registry[object]] = {
        "restorers": registry.restorers(),
        "tasks": registry.tasks(),
        "datasets": registry.datasets(),
        "formats": registry.formats(),
        "codecs": registry.codecs(),
        "checkpoints": registry.checkpoints(),
    }
    for task in found["tasks"]:
        if models := registry.models(task):
            found[f"{task} models"] = models
    found["model formats"] = registry.model_formats()
    found["trainers"] = registry.trainers()
    return found


def list_lines(kind: str | None) -> Iterator[str]:
    """The names of one kind, or of all, with who declares them.

    Raises:
        UserError: there is no such kind.
    """
    found = registries()
    if kind is not None and kind not in found:
        wanted = [name for name in found if kind in (name.rstrip("s"), name.split()[-1])]
        if not wanted:
            raise UserError(f"Nothing is listed under '{kind}'. Kinds: {', '.join(found)}.")
        found = {name: found[name] for name in wanted}
    elif kind is not None:
        found = {kind: found[kind]}
    for heading, entries in found.items():
        yield heading
        width = max((len(name) for name in entries), default=0)
        for name in entries:
            yield f"  {name:<{max(width, 22)}} {_described(entries, name)}".rstrip()
        yield ""


def _described(entries: Registry[object], name: str) -> str:
    """What a name is, in its own words, and who declares it where that is not this project."""
    origins = [entry.origin for entry in entries.declarations(name)]
    if len(origins) > 1:
        return f"{' and '.join(origins)} (declared twice: cannot be used)"
    foreign = "" if origins[0].startswith(f"{_OURS} ") else f" ({origins[0]})"
    if entries.kind == "trainer":  # functions, whose modules import torch
        return foreign.strip()
    said = _written_docstring(entries.entry(name).target)
    if said is None:
        try:
            said = inspect.getdoc(entries.get(name)) or ""
        except HarnessError as error:
            return str(error)
    return said.partition("\n")[0] + foreign


def _written_docstring(target: str) -> str | None:
    """The docstring of a class as it stands in its module's source, which is not run.

    None where it is not to be had so, because the class is made or inherits its words.
    """
    module, _, attribute = target.partition(":")
    try:
        found = importlib.util.find_spec(module)
        if found is None or found.origin is None:
            return None
        for node in _parsed(found.origin).body:
            if isinstance(node, ast.ClassDef) and node.name == attribute:
                return ast.get_docstring(node)
    except (*PART_FAILURES, SyntaxError):
        return None
    return None


@cache
def _parsed(path: str) -> ast.Module:
    return ast.parse(Path(path).read_bytes())


def show_lines(name: str, full: bool = False) -> Iterator[str]:
    """What is known about a name or a run directory.

    Args:
        name: in any registry, or a path.
        full: cards as they are, rather than what one looks for in them.

    Raises:
        UserError: the name is in no registry and no run directory lies there.
    """
    from harness.assets.cards import card_yaml, read_card
    from harness.records.run_directory import RunDirectory

    found = {heading: entries for heading, entries in registries().items() if name in entries}
    if not found and Path(name).is_dir():
        yield from _run_lines(RunDirectory(Path(name)))
        return
    if not found:
        everything: Registry[object] = Registry("name", _all_entries())
        everything.entry(name)
    for heading, entries in found.items():
        entry = entries.entry(name)
        thing = entries.get(name)
        yield f"{heading}: {name}"
        yield f"  declared by {entry.origin} as {entry.target}"
        yield ""
        said = inspect.getdoc(thing) or ""
        said = said if full else said.partition("\n\n")[0]
        yield from ("  " + line for line in said.splitlines())
        for card in cards_of(thing):
            yield ""
            read = read_card(card)
            yield from card_yaml(read).splitlines() if full else _card_lines(read)
        yield ""


def _card_lines(card: Card) -> Iterator[str]:
    """Where an asset comes from, its licence, and what it scores."""
    yield f"  {card.name} ({card.kind}, {card.file})"
    facts = {"source": card.source, "licence": card.licence}
    for heading, figures in (("published", card.published), ("measured", card.measured)):
        if figures:
            facts[heading] = ", ".join(f"{key} {value}" for key, value in figures.items())
    for heading, text in facts.items():
        yield from textwrap.wrap(
            " ".join(text.split()),
            width=_WIDTH,
            initial_indent=f"    {heading:<10}",
            subsequent_indent=" " * 14,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _all_entries() -> Iterator[registry.Entry]:
    for entries in registries().values():
        for name in entries:
            yield from entries.declarations(name)


def cards_of(thing: object) -> list[Path]:
    """The cards of a restorer, a data set or a vision model; nothing else has any."""
    from harness.plugins import DataSet, Restorer, VisionModel

    if isinstance(thing, type) and issubclass(thing, Restorer | DataSet | VisionModel):
        return thing.cards()
    return []


def _run_lines(directory: RunDirectory) -> Iterator[str]:
    import yaml

    manifest = directory.manifest()
    data = manifest.data_set
    yield f"Run directory {directory.path}, updated {manifest.updated}"
    yield f"Data set {data.name}: {data.images} of {data.total} images"
    for task, model in manifest.models.items():
        yield f"Task {task}: {f'vision model {model}' if model else 'no vision model'}"
    for cell in manifest.cells:
        records = directory.records(cell)
        failed = sum(record.failed for record in records.values())
        state = f"{len(records)} of {data.images} records"
        if failed:
            state += f", {failed} failed"
        yield f"  {cell.key:<34} {state}  ({cell.fingerprint[:12]})"
    yield ""
    yield from yaml.safe_dump(
        {"study": manifest.study, "environments": list(manifest.environments)},
        sort_keys=False,
        allow_unicode=True,
    ).splitlines()
