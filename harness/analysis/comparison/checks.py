"""Whether two runs may be held against each other, and what else differs between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.pairing import CellPair
from harness.errors import UserError
from harness.plugins.types import Json
from harness.records.schema import Manifest

_LIBRARIES = ("libjpeg", "library", "pillow")
"""Keys of a codec's fingerprint that are software; the rest are settings."""

_PLACE = ("qf", "restorer", "codec", "decoder", "data", "images")
"""Inputs in which paired cells differ by design, or that have a check of their own."""


def check(a: Operand, b: Operand, pairs: Sequence[CellPair], common_images: bool) -> list[str]:
    """Refuse what cannot be compared; say what else differs.

    Args:
        a: the first side.
        b: the second.
        pairs: the cells compared.
        common_images: whether other image lists are allowed.

    Raises:
        UserError: other image lists, other data, or a codec with other settings.
    """
    notes = _inputs(pairs)
    if a.directory.path.resolve() == b.directory.path.resolve():
        return notes
    return [*_images(a, b, pairs, common_images), *_codecs(a, b, pairs), *notes, *_software(a, b)]


def _images(a: Operand, b: Operand, pairs: Sequence[CellPair], common_images: bool) -> list[str]:
    one, other = (side.manifest.identity for side in (a, b))
    same_list = one.images == other.images
    data = _differing(_flat(one.data), _flat(other.data))
    if one.dataset != other.dataset:
        data = ["name", *data]
    if same_list and data:
        raise UserError(
            f"A and B have the same image ids but other data ({', '.join(data)} of the data set "
            f"{_both(one.dataset, other.dataset)}): numbers on them cannot be compared. "
            "Run one of the two again."
        )
    if same_list:
        return []
    counts = [f"{_count(side)} ({side.directory.path})" for side in (a, b)]
    if not common_images:
        raise UserError(
            f"A and B are not over the same images: {counts[0]} against {counts[1]}. "
            "--common-images compares them on the images both have."
        )
    _same_files(a, b, pairs)
    differ = f"; the data differ in {', '.join(data)}" if data else ""
    return [f"images: only those both have, of {counts[0]} and {counts[1]}{differ}"]


def _count(side: Operand) -> str:
    data = side.manifest.data_set
    return f"{data.images} images of {data.name}"


def _same_files(a: Operand, b: Operand, pairs: Sequence[CellPair]) -> None:
    """An id may name another picture in another data set: its size gives it away."""
    for pair in pairs:
        if pair.a.qf != pair.b.qf:
            continue
        # The same codec makes files of the same length from the same picture.
        same_codec = pair.a.inputs.get("codec") == pair.b.inputs.get("codec")
        names = ("width", "height", "bytes") if same_codec else ("width", "height")
        left, right = (side.directory.records(cell) for side, cell in ((a, pair.a), (b, pair.b)))
        for image in sorted(left.keys() & right.keys()):
            one, other = left[image], right[image]
            sizes = {name: (getattr(one, name), getattr(other, name)) for name in names}
            differ = {k: two for k, two in sizes.items() if None not in two and two[0] != two[1]}
            if differ:
                shown = ", ".join(f"{name} {_both(*two)}" for name, two in differ.items())
                raise UserError(
                    f"The image {image} is not the same picture in A and B ({shown}): "
                    "these runs cannot be compared."
                )


def _codecs(a: Operand, b: Operand, pairs: Sequence[CellPair]) -> list[str]:
    notes = []
    for name in dict.fromkeys(pair.codec for pair in pairs if pair.codec):
        one, other = (side.manifest.identity.codecs.get(name, {}) for side in (a, b))
        differ = _differing(one, other)
        settings = [key for key in differ if key not in _LIBRARIES]
        if settings:
            shown = ", ".join(f"{k} {_both(one.get(k), other.get(k))}" for k in settings)
            raise UserError(
                f"The codec {name} had other settings in A than in B ({shown}): "
                "the restorers did not see the same images. Run one of the two again."
            )
        notes += [f"codec {name}: {key} {_both(one.get(key), other.get(key))}" for key in differ]
    return notes


def _inputs(pairs: Iterable[CellPair]) -> list[str]:
    """What paired cells differ in besides their restorer, and restorers besides their name."""
    found: dict[str, dict[str, None]] = {}
    for pair in pairs:
        for key, left, right in _other_inputs(pair):
            found.setdefault(f"inputs of {pair.task}:", {})[f"{key} {_both(left, right)}"] = None
        name, other = pair.restorers
        if name == other:
            left, right = (_flat(c.inputs.get("restorer", {})) for c in (pair.a, pair.b))
            for key in _differing(left, right):
                found.setdefault(f"{name}: other", {})[key] = None
    return [f"{head} {', '.join(shown)}" for head, shown in found.items()]


def _other_inputs(pair: CellPair) -> list[tuple[str, Any, Any]]:
    left, right = (
        _flat({key: value for key, value in cell.inputs.items() if key not in _PLACE})
        for cell in (pair.a, pair.b)
    )
    return [(key, left.get(key), right.get(key)) for key in _differing(left, right)]


def same_inputs(pairs: Sequence[CellPair]) -> list[str]:
    """The restorers whose numbers can differ by nothing that a fingerprint knows of."""
    differ = {found.restorers for found in pairs if found.a.inputs != found.b.inputs}
    return list(dict.fromkeys(p.restorers[0] for p in pairs if p.restorers not in differ))


def _software(a: Operand, b: Operand) -> list[str]:
    """Packages whose versions differ; a run may have been made by several environments."""
    one, other = (_packages(side.manifest) for side in (a, b))
    shown = [
        f"{name} {_both('/'.join(one[name]), '/'.join(other[name]))}"
        for name in one
        if name in other and one[name] != other[name]
    ]
    return [f"software: {', '.join(shown)}"] if shown else []


def _packages(manifest: Manifest) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for environment in manifest.environments:
        known = {**environment.get("packages", {}), "python": environment.get("python")}
        for name, version in known.items():
            if version not in (None, "absent", *found.get(name, ())):
                found.setdefault(name, []).append(str(version))
    return found


def _flat(values: Any, head: str = "") -> dict[str, Any]:
    """A nested mapping as one of dotted names."""
    if not isinstance(values, dict):
        return {head: values}
    parts = (_flat(v, f"{head}.{k}" if head else str(k)) for k, v in values.items())
    return dict(itertools.chain.from_iterable(part.items() for part in parts))


def _differing(a: Json, b: Json) -> list[str]:
    return [key for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key)]


def _both(a: Any, b: Any) -> str:
    return " against ".join(_short(value) for value in (a, b))


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:8]}…"
