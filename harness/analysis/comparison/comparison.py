"""Both values, the paired difference and what is sure of it, per task, metric, codec and QF."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.analysis.bootstrap import BootstrapResult, load_bootstrap, on_images
from harness.analysis.comparison.checks import check, result_notes
from harness.analysis.comparison.operands import Operand
from harness.analysis.comparison.pairing import CellPair, pair
from harness.analysis.comparison.results import (
    MEAN,
    ComparedPair,
    Comparison,
    ComparisonRow,
    Tally,
)
from harness.analysis.differences import differences
from harness.analysis.inference import Interval, holm
from harness.analysis.metrics import headline, scaled
from harness.analysis.resampling import DRAWS
from harness.errors import UserError
from harness.plugins import Task, registry

Types = Mapping[str, type[Task]]
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
    """Compare two operands.

    Args:
        a: the first; the baseline of a gate.
        b: the second.
        tasks: to keep to; all by default.
        metrics: to compare; those that tables show by default.
        detail: every metric, per class too.
        common_images: allow other image lists, and use the images both have.
        draws: of the bootstrap; 0 for none.
        seed: of the draws.

    Raises:
        UserError: the operands are not comparable (see `check`), have nothing in common, or none
            has one of the ``metrics``.
    """
    pairing = pair(a, b, tuple(tasks))
    if not pairing.pairs:
        raise UserError(f"{_both(a, b)} have no task, codec and QF in common.")
    notes = check(a, b, pairing.pairs, common_images)
    known = registry.tasks()
    types = {cells.task: known.get(cells.task) for cells in pairing.pairs}
    compared_pairs, unmeasured = _compared_pairs(a, b, pairing.pairs, types, draws, seed)
    if not compared_pairs:
        raise UserError(f"{_both(a, b)} have no QF with common images yet.")
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
        a=a,
        b=b,
        rows=tuple(rows),
        compared_pairs=tuple(compared_pairs),
        pairing=pairing,
        unmeasured=tuple(unmeasured),
        notes=tuple(notes),
        draws=draws,
        seed=seed,
    )


def _both(a: Operand, b: Operand) -> str:
    if a.restorer is not None and b.restorer is not None and a.directory is b.directory:
        return f"{a.restorer} and {b}"
    return f"{a} and {b}"


def _compared_pairs(
    a: Operand, b: Operand, pairs: Sequence[CellPair], types: Types, draws: int, seed: int
) -> tuple[list[ComparedPair], list[CellPair]]:
    """The pairs' bootstrap results, and the pairs that A has images of and B none of those."""
    left = load_bootstrap(a.directory, [cells.a.key for cells in pairs], draws, seed)
    right = load_bootstrap(b.directory, [cells.b.key for cells in pairs], draws, seed)
    lists = [operand.manifest.data_set.ids for operand in (a, b)]
    compared_pairs, unmeasured = [], []
    for cells in pairs:
        results = left.get(cells.a.key), right.get(cells.b.key)
        if results[0] is None:
            continue
        if results[1] is None or not set(results[0].images) & set(results[1].images):
            unmeasured.append(cells)
            continue
        of_a, of_b = (frozenset(result.images) for result in results if result is not None)
        # What the other was never asked for is not lost.
        lost, gained = (
            sorted(alone if ids is None else alone.intersection(ids))
            for alone, ids in ((of_a - of_b, lists[1]), (of_b - of_a, lists[0]))
        )
        task, metric = types[cells.task], headline(types[cells.task], results[0].values)
        compared_pairs.append(
            ComparedPair(
                pair=cells,
                metric=metric,
                digits=task.digits.get(metric, 1),
                scale=scaled(task, metric, 1.0),
                a=on_images(results[0], of_a & of_b, draws, seed),
                b=on_images(results[1], of_a & of_b, draws, seed),
                lost=tuple(lost),
                gained=tuple(gained),
            )
        )
    return compared_pairs, unmeasured


def _rows(
    compared_pairs: Sequence[ComparedPair],
    types: Types,
    metrics: Sequence[str],
    detail: bool,
    draws: int,
    seed: int,
) -> Iterator[ComparisonRow]:
    """Of every task, metric, pair of restorers and codec: the QFs rising, then their mean."""
    groups: dict[tuple[str, tuple[str, str], str], list[ComparedPair]] = {}
    for compared in sorted(compared_pairs, key=lambda compared: compared.pair.qf or 0):
        groups.setdefault(_group(compared.pair), []).append(compared)
    ordered = dict.fromkeys(_group(compared.pair) for compared in compared_pairs)
    for name in dict.fromkeys(task for task, _, _ in ordered):
        task = types[name]
        of_task = [groups[key] for key in ordered if key[0] == name]
        known = dict.fromkeys(m for group in of_task for c in group for m in c.a.values)
        shown = [m for m in metrics or (known if detail else task.displayed_metrics) if m in known]
        means = [(group, _mean(group, draws, seed)) for group in of_task]
        for metric in shown:
            for group, (mean_a, mean_b) in means:
                for compared in group:
                    cells = compared.pair
                    yield from _row(task, cells, cells.qf, compared.a, compared.b, metric)
                if len(group) > 1:
                    yield from _row(task, group[0].pair, MEAN, mean_a, mean_b, metric)


def _group(cells: CellPair) -> tuple[str, tuple[str, str], str]:
    return cells.task, cells.restorers, cells.codec


def _mean(
    group: Sequence[ComparedPair], draws: int, seed: int
) -> tuple[BootstrapResult, BootstrapResult]:
    """Both operands' means over the QFs (mPC), on the images that all of them have."""
    common = frozenset.intersection(*(frozenset(compared.a.images) for compared in group))
    if not common:
        return group[0].a, group[0].b
    return (
        _averaged([on_images(compared.a, common, draws, seed) for compared in group]),
        _averaged([on_images(compared.b, common, draws, seed) for compared in group]),
    )


def _averaged(results: Sequence[BootstrapResult]) -> BootstrapResult:
    names = [m for m in results[0].values if all(m in r.values for r in results)]
    drawn = [m for m in names if all(m in r.draws for r in results)]
    with np.errstate(invalid="ignore"):
        return replace(
            results[0],
            values={m: float(np.mean([r.values[m] for r in results])) for m in names},
            draws={m: np.mean([r.draws[m] for r in results], axis=0) for m in drawn},
            each=np.mean([r.each for r in results], axis=0),
        )


def _row(
    task: type[Task],
    cells: CellPair,
    qf: int | str | None,
    a: BootstrapResult,
    b: BootstrapResult,
    metric: str,
) -> Iterable[ComparisonRow]:
    """The row of a metric; none where one of the two has no such metric."""
    difference = differences(a, b, (metric,)).get(metric)
    if difference is None:
        return
    unit = scaled(task, metric, 1.0)
    low, high = difference.interval
    is_headline = metric == headline(task, a.values)
    yield ComparisonRow(
        task=cells.task,
        metric=metric,
        restorers=cells.restorers,
        codec=cells.codec,
        qf=qf,
        a=unit * difference.a,
        b=unit * difference.b,
        difference=unit * difference.value,
        interval=Interval(unit * low, unit * high),
        p=difference.p,
        corrected=math.nan,
        tally=tally(a, b) if is_headline and len(a.each) else None,
        images=difference.images,
        digits=task.digits.get(metric, 1),
        scale=unit,
        ranked=metric not in task.unranked,
        headline=is_headline,
        results=(a, b),
    )


def tally(a: BootstrapResult, b: BootstrapResult) -> Tally:
    """How each image fared."""
    undefined = int((np.isnan(a.each) != np.isnan(b.each)).sum())
    wins, losses = int((b.each > a.each).sum()), int((b.each < a.each).sum())
    return Tally(wins, len(a.each) - wins - losses - undefined, losses, undefined)


def _corrected(rows: list[ComparisonRow]) -> list[ComparisonRow]:
    """With Holm's correction over the rows that test anything."""
    values = holm([math.nan if row.identical else row.p for row in rows])
    return [
        replace(row, corrected=1.0 if row.identical else p)
        for row, p in zip(rows, values, strict=True)
    ]
