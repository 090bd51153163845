"""Whether two runs may be compared, and what a reader of the comparison must know."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.pairing import CellPair, Pairing
from harness.analysis.comparison.results import ComparedPair, ComparisonRow
from harness.errors import UserError
from harness.plugins.types import Json
from harness.records.schema import Manifest

_LIBRARIES = ("libjpeg", "library", "pillow")
"""Keys of a codec's fingerprint that are software; the rest are settings."""

_PER_CELL = ("qf", "restorer", "codec", "decoder", "data", "images")
"""Inputs in which paired cells differ by design, or that have a check of their own."""


def check(a: Operand, b: Operand, pairs: Sequence[CellPair], common_images: bool) -> list[str]:
    """Refuse what cannot be compared; say what else differs.

    Args:
        a: the first operand.
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
    left, right = (operand.manifest.identity for operand in (a, b))
    same_list = left.images == right.images
    data = _differing(_flat(left.data), _flat(right.data))
    if left.dataset != right.dataset:
        data = ["name", *data]
    if same_list and data:
        raise UserError(
            f"A and B have the same image ids but other data ({', '.join(data)} of the data set "
            f"{_against(left.dataset, right.dataset)}): numbers on them cannot be compared. "
            "Run one of the two again."
        )
    if same_list:
        return []
    sets = [(operand.manifest.data_set, operand.directory.path) for operand in (a, b)]
    counts = [f"{data_set.images} images of {data_set.name} ({path})" for data_set, path in sets]
    if not common_images:
        raise UserError(
            f"A and B are not over the same images: {counts[0]} against {counts[1]}. "
            "--common-images compares them on the images both have."
        )
    _check_same_pictures(a, b, pairs)
    differ = f"; the data differ in {', '.join(data)}" if data else ""
    return [f"images: only those both have, of {counts[0]} and {counts[1]}{differ}"]


def _check_same_pictures(a: Operand, b: Operand, pairs: Sequence[CellPair]) -> None:
    """An id may name another picture in another data set: its size gives it away."""
    for pair in (pair for pair in pairs if pair.a.qf == pair.b.qf):
        # The same codec makes files of the same length from the same picture.
        same_codec = pair.a.inputs.get("codec") == pair.b.inputs.get("codec")
        names = ("width", "height", "bytes") if same_codec else ("width", "height")
        left, right = a.directory.records(pair.a), b.directory.records(pair.b)
        for image in sorted(left.keys() & right.keys()):
            sizes = {n: (getattr(left[image], n), getattr(right[image], n)) for n in names}
            differ = {n: two for n, two in sizes.items() if None not in two and two[0] != two[1]}
            if differ:
                shown = ", ".join(f"{name} {_against(*two)}" for name, two in differ.items())
                raise UserError(
                    f"The image {image} is not the same picture in A and B ({shown}): "
                    "these runs cannot be compared."
                )


def _codecs(a: Operand, b: Operand, pairs: Sequence[CellPair]) -> list[str]:
    notes = []
    for name in dict.fromkeys(pair.codec for pair in pairs if pair.codec):
        left, right = (operand.manifest.identity.codecs.get(name, {}) for operand in (a, b))
        differ = _differing(left, right)
        settings = [key for key in differ if key not in _LIBRARIES]
        if settings:
            shown = ", ".join(f"{k} {_against(left.get(k), right.get(k))}" for k in settings)
            raise UserError(
                f"The codec {name} had other settings in A than in B ({shown}): "
                "the restorers did not see the same images. Run one of the two again."
            )
        notes += [f"codec {name}: {k} {_against(left.get(k), right.get(k))}" for k in differ]
    return notes


def _inputs(pairs: Iterable[CellPair]) -> list[str]:
    """What paired cells differ in besides their restorer, and restorers besides their name."""
    notes: dict[str, dict[str, None]] = {}
    for pair in pairs:
        left, right = (
            _flat({k: v for k, v in cell.inputs.items() if k not in _PER_CELL})
            for cell in (pair.a, pair.b)
        )
        for key in _differing(left, right):
            values = f"{key} {_against(left.get(key), right.get(key))}"
            notes.setdefault(f"inputs of {pair.task}:", {})[values] = None
        name, other = pair.restorers
        if name == other:
            left, right = (_flat(c.inputs.get("restorer", {})) for c in (pair.a, pair.b))
            for key in _differing(left, right):
                notes.setdefault(f"{name}: other", {})[key] = None
    return [f"{head} {', '.join(shown)}" for head, shown in notes.items()]


def _software(a: Operand, b: Operand) -> list[str]:
    """Packages whose versions differ; a run may have been made by several environments."""
    left, right = (_packages(operand.manifest) for operand in (a, b))
    shown = [
        f"{name} {_against('/'.join(left[name]), '/'.join(right[name]))}"
        for name in left
        if name in right and left[name] != right[name]
    ]
    return [f"software: {', '.join(shown)}"] if shown else []


def _packages(manifest: Manifest) -> dict[str, list[str]]:
    packages: dict[str, list[str]] = {}
    for environment in manifest.environments:
        known = {**environment.get("packages", {}), "python": environment.get("python")}
        for name, version in known.items():
            if version not in (None, "absent", *packages.get(name, ())):
                packages.setdefault(name, []).append(str(version))
    return packages


def _flat(values: object, head: str = "") -> Json:
    """A nested mapping as one of dotted names."""
    if not isinstance(values, dict):
        return {head: values}
    parts = (_flat(v, f"{head}.{k}" if head else str(k)) for k, v in values.items())
    return dict(itertools.chain.from_iterable(part.items() for part in parts))


def _differing(a: Json, b: Json) -> list[str]:
    return [key for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key)]


def _against(a: object, b: object) -> str:
    texts = ["none" if value is None else str(value) for value in (a, b)]
    return " against ".join(text if len(text) <= 24 else f"{text[:8]}…" for text in texts)


def result_notes(
    pairing: Pairing,
    compared_pairs: Sequence[ComparedPair],
    rows: Sequence[ComparisonRow],
    chosen: bool,
) -> list[str]:
    """Gaps, and numbers that differ although nothing that is recorded does.

    Args:
        pairing: the cells.
        compared_pairs: those with bootstrap results of both operands.
        rows: the comparisons.
        chosen: whether the user named the metrics.
    """
    notes = _gaps(pairing, compared_pairs)
    # The restorers whose numbers can differ by nothing that a fingerprint knows of.
    explained = {p.restorers for p in pairing.pairs if p.a.inputs != p.b.inputs}
    changed = {row.restorers for row in rows if not (row.identical or math.isnan(row.p))}
    odd = [p.restorers for p in pairing.pairs if p.restorers in changed - explained]
    if odd:
        names = dict.fromkeys(name for name, _ in odd)
        notes.append(
            f"the same weights, settings and versions, but other numbers: {', '.join(names)}; code "
            "has changed without its version, or the machine computes otherwise"
        )
    without = {compared.pair.task for compared in compared_pairs} - {row.task for row in rows}
    if not chosen:
        notes += [f"no metric in common: {name}" for name in sorted(without)]
    return notes


def _gaps(pairing: Pairing, compared_pairs: Sequence[ComparedPair]) -> list[str]:
    """Cells of one operand alone, cells without images, images of one operand alone."""
    notes = []
    for name, cells in (("A", pairing.only_a), ("B", pairing.only_b)):
        if cells:
            notes.append(f"only in {name}: {_listed([cell.key for cell in cells])}")
    begun = {id(compared.pair) for compared in compared_pairs}
    empty = [pair.a.key for pair in pairing.pairs if id(pair) not in begun]
    if empty:
        notes.append(f"no images in common yet: {_listed(empty)}")
    for name, left_out in (
        ("B", [compared.lost for compared in compared_pairs if compared.lost]),
        ("A", [compared.gained for compared in compared_pairs if compared.gained]),
    ):
        if left_out:
            images = dict.fromkeys(itertools.chain.from_iterable(left_out))
            notes.append(
                f"left out: {_listed(list(images))} (failed or not yet measured in {name}, "
                f"in {len(left_out)} of {len(compared_pairs)} cells)"
            )
    return notes


def _listed(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{', '.join(names[:limit])}{more}"
