"""What ``harness list`` and ``harness show`` say."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.plugins import registry
from harness.plugins.registry import Registry

if TYPE_CHECKING:
    from harness.records.run_directory import RunDirectory


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
            origins = [entry.origin for entry in entries.declarations(name)]
            twice = " (declared twice: cannot be used)" if len(origins) > 1 else ""
            yield f"  {name:<{max(width, 22)}} {' and '.join(origins)}{twice}"
        yield ""


def show_lines(name: str) -> Iterator[str]:
    """All that is known about a name (its cards included) or a run directory.

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
        yield from ("  " + line for line in (inspect.getdoc(thing) or "").splitlines())
        for card in cards_of(thing):
            yield ""
            yield from card_yaml(read_card(card)).splitlines()
        yield ""


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
