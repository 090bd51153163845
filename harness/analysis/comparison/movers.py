"""The images that a comparison moved most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.comparison.rows import Place


@dataclass(frozen=True)
class Mover:
    """An image, where its own headline metric changed most.

    Attributes:
        task: task name.
        metric: the task's headline metric.
        image: image id.
        restorers: of A and of B.
        codec: codec name, empty where neither was compressed.
        qf: None where neither was compressed.
        a: the metric of this image alone in A, as printed.
        b: the same in B.
        change: b - a.
        digits: decimals printed.
    """

    task: str
    metric: str
    image: str
    restorers: tuple[str, str]
    codec: str
    qf: int | None
    a: float
    b: float
    change: float
    digits: int


def movers(places: Sequence[Place], top: int) -> tuple[Mover, ...]:
    """Of each task the ``top`` images that changed most, at the codec and QF where they did.

    Where they all changed in one direction, the one that changed most in the other follows.
    """
    found: list[Mover] = []
    for task in dict.fromkeys(place.pair.task for place in places):
        furthest: dict[tuple[str, bool], Mover] = {}
        for mover in _changes([place for place in places if place.pair.task == task]):
            key = (mover.image, mover.change > 0)
            if key not in furthest or abs(mover.change) > abs(furthest[key].change):
                furthest[key] = mover
        found += _first(sorted(furthest.values(), key=lambda m: (-abs(m.change), m.image)), top)
    return tuple(found)


def _first(ordered: Sequence[Mover], top: int) -> list[Mover]:
    """The first ``top``, each image once, and the first of a direction that is not among them."""
    once = {mover.image: mover for mover in reversed(ordered)}
    chosen = [mover for mover in ordered if once[mover.image] is mover][:top]
    for gains in (True, False):
        if chosen and all((mover.change > 0) != gains for mover in chosen):
            chosen += [mover for mover in ordered if (mover.change > 0) == gains][:1]
    return chosen


def _changes(places: Sequence[Place]) -> Iterator[Mover]:
    for place in places:
        pair = place.pair
        for image, left, right in zip(place.a.images, place.a.each, place.b.each, strict=False):
            a, b = place.scale * float(left), place.scale * float(right)
            if a == b or math.isnan(b - a):
                continue
            yield Mover(
                *(pair.task, place.metric, image, pair.restorers, pair.codec, pair.qf),
                *(a, b, b - a, place.digits),
            )
