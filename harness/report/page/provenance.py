"""Where the numbers come from: the study, software, weights, data, and how to get them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.assets.cards import Card, read_card
from harness.errors import HarnessError
from harness.plugins import Restorer, VisionModel, registry
from harness.plugins.registry import Registry
from harness.plugins.types import Json
from harness.records.schema import Manifest
from harness.report.page.prose import listed
from harness.study.study import Study

METHOD = (
    "Ma et al., Sensitivity Decouple Learning for Image Compression Artifacts Reduction, "
    "IEEE Transactions on Image Processing, 2024"
)
"""What the evaluation follows."""


@dataclass(frozen=True)
class Asset:
    """A restorer or a vision model of the run.

    Attributes:
        name: as tables print it.
        kind: ``restorer``, or the task of a vision model.
        cards: of the weights the run used.
        note: why there is no card, or nothing.
    """

    name: str
    kind: str
    cards: tuple[Card, ...]
    note: str = ""


def study_text(manifest: Manifest) -> str:
    """The study as YAML."""
    import yaml

    return str(yaml.safe_dump(manifest.study, sort_keys=False, allow_unicode=True))


def rerun_command(manifest: Manifest, output: str) -> str:
    """The ``harness run`` command that makes the run again.

    Args:
        manifest: of the run directory.
        output: where to.
    """
    study = dict(manifest.study)
    if study.get("dataset") in (None, "auto"):
        study["dataset"] = manifest.data_set.name
    words = ["harness", "run"]
    for name, field in Study.model_fields.items():
        value = study.get(name, field.default)
        if name == "name" or value in (None, False, (), []):
            continue
        values = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        usual = list(value) == list(field.default) if isinstance(value, list | tuple) else False
        if usual and name not in ("task", "qf"):
            continue
        if name == "seed" and value == field.default:
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, values]
    return shlex.join([*words, "--output", output])


def package_versions(manifest: Manifest) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the environments say, a line a fact, one value an environment."""
    environments = manifest.environments
    flat = [dict(_flattened(one)) for one in environments]
    names = dict.fromkeys(name for one in flat for name in one)
    return tuple((name, tuple(one.get(name, "–") for one in flat)) for name in names)


def _flattened(environment: Json) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        if isinstance(value, dict):
            yield from ((str(key), str(inner)) for key, inner in value.items())
        else:
            yield name.replace("_", " "), str(value)


def used_assets(manifest: Manifest) -> tuple[Asset, ...]:
    """The restorers and vision models of the run, with the cards of the weights it used."""
    held: dict[tuple[str, str], dict[str, set[str]]] = {}
    for cell in manifest.cells:
        inputs = cell.inputs
        for kind, name, one in (
            ("restorer", cell.restorer, inputs.get("restorer") or {}),
            (cell.task, cell.model, inputs.get("model") or {}),
        ):
            if name:
                said = held.setdefault((kind, name), {})
                for key, value in one.items():
                    said.setdefault(key, set()).add(str(value))
    ordered = sorted(held.items(), key=lambda item: item[0][0] != "restorer")
    return tuple(_asset(kind, name, said) for (kind, name), said in ordered)


def _asset(kind: str, name: str, said: dict[str, set[str]]) -> Asset:
    """What is known of it.

    Args:
        kind: as `Asset` has it.
        name: likewise.
        said: its fingerprints' values, over the cells, by key.
    """
    try:
        cards = [read_card(path) for path in _card_paths(kind, name)]
    except (HarnessError, OSError) as error:
        return Asset(name, kind, (), f"Its card cannot be read: {error}")
    values = [value for one in said.values() for value in one]
    used = tuple(c for c in cards if c.sha256 and any(v.startswith(c.sha256) for v in values))
    if used or not cards:
        return Asset(
            name, kind, used, "" if used or "weights" not in said else "Its weights have no card."
        )
    names = listed(card.name for card in cards)
    return Asset(name, kind, (), f"The weights used are of none of the cards at hand ({names}).")


def _card_paths(kind: str, name: str) -> list[Path]:
    bare = name.partition(":")[0]
    for entries in _places(kind):
        if bare in entries:
            return entries.get(bare).cards()
    return []


def _places(kind: str) -> Iterator[Registry[type[Restorer | VisionModel]]]:
    if kind == "restorer":
        yield registry.restorers()
        return
    yield registry.models(registry.tasks().get(kind).vision or kind)


def data_set_notice(manifest: Manifest) -> str:
    """The sentence a data set wants read before its numbers; nothing where it has none."""
    name = manifest.data_set.name
    entries = registry.datasets()
    if name not in entries:
        return ""
    notice = entries.get(name).notice
    return notice if isinstance(notice, str) else ""


def citation_line(manifest: Manifest) -> str:
    """How to name these numbers in a text."""
    data = manifest.data_set
    models = [model for model in manifest.models.values() if model]
    of = "" if data.images >= data.total else f" of {data.total}"
    count = f"{data.images}{of} images"
    with_ = f", with {listed(models)}" if models else ""
    version = manifest.harness
    when = manifest.updated[:10]
    listing = data.image_list_sha256[:12]
    exact = f" (image list {listing})" if listing else ""
    return (
        f"restoration-harness{f' {version}' if version else ''}: {data.name}, {count}{exact}"
        f"{with_}{f'; measured until {when}' if when else ''}."
    )
