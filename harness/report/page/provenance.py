"""Where the numbers come from: the study, software, weights, data, and how to get them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.assets.cards import Card, read_card
from harness.errors import HarnessError
from harness.plugins import registry
from harness.plugins.types import Json
from harness.records.schema import Manifest
from harness.study.study import Study
from harness.text import join_words

METHOD = (
    "Ma, Zhao, Peng, Tian: Sensitivity Decouple Learning for Image Compression Artifacts "
    "Reduction. IEEE Transactions on Image Processing, 2024 (arXiv 2405.09291)"
)
"""What the evaluation follows."""

AGAIN = "results/again"
"""Where the command that makes a run again puts it: not where this one happens to lie."""


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


def rerun_command(manifest: Manifest, output: str = AGAIN) -> str:
    """The ``harness run`` command that makes the run again, into ``output``."""
    study = dict(manifest.study)
    if study.get("dataset") in (None, "auto"):
        study["dataset"] = manifest.data_set.name
    words = ["harness", "run"]
    for name, field in Study.model_fields.items():
        value = study.get(name, field.default)
        if name == "name" or value in (None, False, (), []):
            continue
        several = isinstance(value, list | tuple)
        usual = list(value) == list(field.default) if several else value == field.default
        if usual and (name == "seed" or (several and name not in ("task", "qf"))):
            continue
        text = ",".join(map(str, value)) if several else str(value)
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, text]
    return shlex.join([*words, "--output", output])


def package_versions(manifest: Manifest) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the environments say, a line a fact, one value an environment."""
    environments = [dict(_flattened(environment)) for environment in manifest.environments]
    names = dict.fromkeys(name for environment in environments for name in environment)
    return tuple((name, tuple(e.get(name, "–") for e in environments)) for name in names)


def _flattened(environment: Json) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        if isinstance(value, dict):
            yield from ((str(key), str(inner)) for key, inner in value.items())
        else:
            yield name.replace("_", " "), str(value)


def used_assets(manifest: Manifest) -> tuple[Asset, ...]:
    """The restorers and vision models of the run, with the cards of the weights it used."""
    fingerprints: dict[tuple[str, str], dict[str, set[str]]] = {}
    for cell in manifest.cells:
        for kind, name, part in (
            ("restorer", cell.restorer, "restorer"),
            (cell.task, cell.model, "model"),
        ):
            values = fingerprints.setdefault((kind, name), {})
            for key, value in (cell.inputs.get(part) or {}).items():
                values.setdefault(key, set()).add(str(value))
    ordered = sorted(fingerprints, key=lambda asset: asset[0] != "restorer")
    return tuple(_asset(kind, name, fingerprints[kind, name]) for kind, name in ordered if name)


def _asset(kind: str, name: str, fingerprint: dict[str, set[str]]) -> Asset:
    """What is known of a restorer or a vision model; ``fingerprint``: its values over the cells."""
    try:
        cards = [read_card(path) for path in _card_paths(kind, name)]
    except (HarnessError, OSError) as error:
        return Asset(name, kind, (), f"Its card cannot be read: {error}")
    values = [value for of_key in fingerprint.values() for value in of_key]
    used = tuple(c for c in cards if c.sha256 and any(v.startswith(c.sha256) for v in values))
    note = ""
    if not cards and "weights" in fingerprint:
        note = "Its weights have no card."
    elif cards and not used:
        names = join_words(card.name for card in cards)
        note = f"The weights used are of none of the cards at hand ({names})."
    return Asset(name, kind, used, note)


def _card_paths(kind: str, name: str) -> list[Path]:
    bare = name.partition(":")[0]
    if kind == "restorer":
        restorers = registry.restorers()
        return restorers.get(bare).cards() if bare in restorers else []
    models = registry.models(registry.tasks().get(kind).vision or kind)
    return models.get(bare).cards() if bare in models else []


def data_set_notice(manifest: Manifest) -> str:
    """The sentence a data set wants read before its numbers; nothing where it has none."""
    name, data_sets = manifest.data_set.name, registry.datasets()
    return str(data_sets.get(name).notice) if name in data_sets else ""


def citation_line(manifest: Manifest) -> str:
    """How to name these numbers in a text."""
    data = manifest.data_set
    of = "" if data.images >= data.total else f" of {data.total}"
    models = join_words(model for model in manifest.models.values() if model)
    images = data.image_list_sha256[:12]
    return "".join([
        f"restoration-harness{f' {manifest.harness}' if manifest.harness else ''}: {data.name}, ",
        f"{data.images}{of} images{f' (image list {images})' if images else ''}",
        f", with {models}" if models else "",
        f"; measured until {manifest.updated[:10]}." if manifest.updated else ".",
    ])  # fmt: skip


def date_text(moment: str) -> str:
    """A date of the manifest as people write it; as it is where it is none."""
    try:
        date = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{date:%Y-%m-%d %H:%M}" + (" UTC" if date.utcoffset() == timedelta(0) else "")
