"""Both values, the paired difference and what is sure of it, per task, metric, codec and QF."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.analysis.bootstrap import BootstrapResult, differences, load_bootstrap, on_images
from harness.analysis.comparison.checks import check
from harness.analysis.comparison.notes import result_notes
from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.pairing import CellPair, pair
from harness.analysis.comparison.rows import MEAN, ComparedPair, Comparison, ComparisonRow, Tally
from harness.analysis.draws import DRAWS
from harness.analysis.inference import Interval, holm
from harness.analysis.metrics import headline, scaled
from harness.errors import UserError
from harness.plugins import registry

Types = Mapping[str, Any]
"""Task classes by name."""


def compare(
    a: Operand,
    b: Operand,
    *,
    tasks: Sequence[str] = (),
    metrics: Sequence[str] = (),
    detail: bool = False,
    common_images: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Compare two sides.

    Args:
        a: the first side; the baseline of a gate.
        b: the second.
        tasks: to keep to; all by default.
        metrics: to compare; those that tables show by default.
        detail: every metric, per class too.
        common_images: allow other image lists, and use the images both have.
        draws: of the bootstrap; 0 for none.
        seed: of the draws.

    Raises:
        UserError: the sides are not comparable (see `check`), have nothing in common, or none has
            one of the ``metrics``.
    """
    pairing = pair(a, b, tuple(tasks))
    if not pairing.pairs:
        raise UserError(f"{_sides(a, b)} have no task, codec and QF in common.")
    notes = check(a, b, pairing.pairs, common_images)
    known = registry.tasks()
    types = {name: known.get(name) for name in {found.task for found in pairing.pairs}}
    compared_pairs, unmeasured = _places(a, b, pairing.pairs, types, draws, seed)
    if not compared_pairs:
        raise UserError(f"{_sides(a, b)} have no QF with common images yet.")
    rows = _corrected(list(_rows(compared_pairs, types, metrics, detail, draws, seed)))
    lacking = [name for name in metrics if name not in {row.metric for row in rows}]
    if lacking or not rows:
        # A name misspelt beside a right one would let a gate pass over it.
        names = dict.fromkeys(name for compared in compared_pairs for name in compared.a.values)
        raise UserError(
            f"Nothing compared has {' or '.join(lacking) or 'a metric in common'}. "
            f"Metrics: {', '.join(name for name in names if '/' not in name)}."
        )
    notes = [*pairing.notes, *notes, *result_notes(pairing, compared_pairs, rows, bool(metrics))]
    return Comparison(
        *(a, b, tuple(rows), tuple(compared_pairs), pairing, tuple(unmeasured), tuple(notes)),
        *(draws, seed),
    )


def _sides(a: Operand, b: Operand) -> str:
    if a.restorer is not None and b.restorer is not None and a.directory is b.directory:
        return f"{a.restorer} and {b}"
    return f"{a} and {b}"


def _places(
    a: Operand, b: Operand, pairs: Sequence[CellPair], types: Types, draws: int, seed: int
) -> tuple[list[ComparedPair], list[CellPair]]:
    """The evidence of the pairs, and the pairs that A has images of and B none of those."""
    left = load_bootstrap(a.directory, [found.a.key for found in pairs], draws, seed)
    right = load_bootstrap(b.directory, [found.b.key for found in pairs], draws, seed)
    lists = [side.manifest.data_set.ids for side in (a, b)]
    compared_pairs, unmeasured = [], []
    for found in pairs:
        one, other = left.get(found.a.key), right.get(found.b.key)
        if one is None:
            continue
        if other is None or not set(one.images) & set(other.images):
            unmeasured.append(found)
            continue
        mine, theirs = set(one.images), set(other.images)
        # What the other side was never asked for is not lost.
        lost, gained = (
            sorted(alone if ids is None else alone.intersection(ids))
            for alone, ids in ((mine - theirs, lists[1]), (theirs - mine, lists[0]))
        )
        one, other = (
            on_images(item, frozenset(mine & theirs), draws, seed) for item in (one, other)
        )
        task = types[found.task]
        metric = headline(task, one.values)
        unit = task.digits.get(metric, 1), scaled(task, metric, 1.0)
        compared_pairs.append(
            ComparedPair(found, metric, *unit, one, other, tuple(lost), tuple(gained))
        )
    return compared_pairs, unmeasured


def _rows(
    compared_pairs: Sequence[ComparedPair],
    types: Types,
    metrics: Sequence[str],
    detail: bool,
    draws: int,
    seed: int,
) -> Iterable[ComparisonRow]:
    """Of every task, metric, pair of restorers and codec: the QFs rising, then their mean."""
    groups: dict[tuple[str, tuple[str, str], str], list[ComparedPair]] = {}
    for compared in compared_pairs:
        groups.setdefault(
            (compared.pair.task, compared.pair.restorers, compared.pair.codec), []
        ).append(compared)
    for group in groups.values():
        group.sort(key=lambda compared: compared.pair.qf or 0)
    for name in dict.fromkeys(task for task, _, _ in groups):
        task = types[name]
        mine = [group for (of, _, _), group in groups.items() if of == name]
        known = dict.fromkeys(m for group in mine for compared in group for m in compared.a.values)
        shown = [m for m in metrics or (known if detail else task.displayed_metrics) if m in known]
        means = [(group, _mean(group, draws, seed)) for group in mine]
        for metric in shown:
            for group, (one, other) in means:
                for compared in group:
                    yield from _row(
                        task, compared.pair, compared.pair.qf, compared.a, compared.b, metric
                    )
                if len(group) > 1:
                    yield from _row(task, group[0].pair, MEAN, one, other, metric)


def _mean(
    group: Sequence[ComparedPair], draws: int, seed: int
) -> tuple[BootstrapResult, BootstrapResult]:
    """Both sides' means over the QFs (mPC), on the images that all of them have."""
    common = frozenset.intersection(*(frozenset(compared.a.images) for compared in group))
    if not common:
        return group[0].a, group[0].b
    return (
        _averaged([on_images(compared.a, common, draws, seed) for compared in group]),
        _averaged([on_images(compared.b, common, draws, seed) for compared in group]),
    )


def _averaged(items: Sequence[BootstrapResult]) -> BootstrapResult:
    names = [m for m in items[0].values if all(m in item.values for item in items)]
    drawn = [m for m in names if all(m in item.draws for item in items)]
    with np.errstate(invalid="ignore"):
        return replace(
            items[0],
            values={m: float(np.mean([item.values[m] for item in items])) for m in names},
            draws={m: np.mean([item.draws[m] for item in items], axis=0) for m in drawn},
            each=np.mean([item.each for item in items], axis=0),
        )


def _row(
    task: Any,
    found: CellPair,
    qf: int | str | None,
    a: BootstrapResult,
    b: BootstrapResult,
    metric: str,
) -> Iterable[ComparisonRow]:
    difference = differences(a, b, (metric,)).get(metric)
    if difference is None:
        return
    low, high = (scaled(task, metric, end) for end in difference.interval)
    yield ComparisonRow(
        found.task,
        metric,
        found.restorers,
        found.codec,
        qf,
        scaled(task, metric, difference.a),
        scaled(task, metric, difference.b),
        scaled(task, metric, difference.value),
        Interval(low, high),
        difference.p,
        math.nan,
        tally(a, b) if metric == headline(task, a.values) and len(a.each) else None,
        difference.images,
        task.digits.get(metric, 1),
        scaled(task, metric, 1.0),
        metric not in task.unranked,
        metric == headline(task, a.values),
        (a, b),
    )


def tally(a: BootstrapResult, b: BootstrapResult) -> Tally:
    """How each image fared."""
    left, right = a.each, b.each
    undefined = int((np.isnan(left) != np.isnan(right)).sum())
    wins, losses = int((right > left).sum()), int((right < left).sum())
    return Tally(wins, len(left) - wins - losses - undefined, losses, undefined)


def _corrected(rows: list[ComparisonRow]) -> list[ComparisonRow]:
    """With Holm's correction over the rows that test anything."""
    values = holm([math.nan if row.identical else row.p for row in rows])
    return [
        replace(row, corrected=1.0 if row.identical else p)
        for row, p in zip(rows, values, strict=True)
    ]
