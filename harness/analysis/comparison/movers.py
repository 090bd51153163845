"""The images that a comparison moved most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.comparison.rows import ComparedPair


@dataclass(frozen=True)
class LargestChange:
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


def movers(compared_pairs: Sequence[ComparedPair], top: int) -> tuple[LargestChange, ...]:
    """Of each task the ``top`` images that changed most, at the codec and QF where they did.

    Where they all changed in one direction, the one that changed most in the other follows.
    """
    found: list[LargestChange] = []
    for task in dict.fromkeys(compared.pair.task for compared in compared_pairs):
        furthest: dict[tuple[str, bool], LargestChange] = {}
        for mover in _changes(
            [compared for compared in compared_pairs if compared.pair.task == task]
        ):
            key = (mover.image, mover.change > 0)
            if key not in furthest or abs(mover.change) > abs(furthest[key].change):
                furthest[key] = mover
        found += _first(sorted(furthest.values(), key=lambda m: (-abs(m.change), m.image)), top)
    return tuple(found)


def _first(ordered: Sequence[LargestChange], top: int) -> list[LargestChange]:
    """The first ``top``, each image once, and the first of a direction that is not among them."""
    once = {mover.image: mover for mover in reversed(ordered)}
    chosen = [mover for mover in ordered if once[mover.image] is mover][:top]
    for gains in (True, False):
        if chosen and all((mover.change > 0) != gains for mover in chosen):
            chosen += [mover for mover in ordered if (mover.change > 0) == gains][:1]
    return chosen


def _changes(compared_pairs: Sequence[ComparedPair]) -> Iterator[LargestChange]:
    for compared in compared_pairs:
        pair = compared.pair
        for image, left, right in zip(
            compared.a.images, compared.a.each, compared.b.each, strict=False
        ):
            a, b = compared.scale * float(left), compared.scale * float(right)
            if a == b or math.isnan(b - a):
                continue
            yield LargestChange(
                *(pair.task, compared.metric, image, pair.restorers, pair.codec, pair.qf),
                *(a, b, b - a, compared.digits),
            )
