"""A gate for continuous integration: whether B is significantly worse than the baseline A."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis.comparison.results import Comparison, ComparisonRow
from harness.analysis.differences import differences
from harness.analysis.inference import ALPHA, holm
from harness.analysis.metrics import counted
from harness.errors import UserError
from harness.study.study import Study

LEAST_DRAWS = 100
"""Fewer have no ends of an interval to speak of, and a verdict would be chance."""


@dataclass(frozen=True)
class Judgement:
    """What a gate says.

    Attributes:
        points: the loss allowed, as printed.
        judged: the rows judged.
        failed: those in which B is significantly worse by more than ``points``, with the one-sided
            p-value of that, corrected over the rows judged.
        notes: what was not judged.
    """

    points: float
    judged: tuple[ComparisonRow, ...]
    failed: tuple[tuple[ComparisonRow, float], ...]
    notes: tuple[str, ...] = ()

    @property
    def hidden(self) -> tuple[ComparisonRow, ...]:
        """Of each task and metric the row whose interval reaches furthest down.

        Its lower end is the loss that could still hide.
        """
        furthest: dict[tuple[str, str], ComparisonRow] = {}
        for row in sorted(self.judged, key=lambda row: row.interval.low):
            furthest.setdefault((row.task, row.metric), row)
        return tuple(furthest.values())


def judge(
    comparison: Comparison, points: float, metrics: Sequence[str] = (), allow_missing: bool = False
) -> Judgement:
    """Judge a comparison whose first operand is the baseline.

    A row fails where the 95 % interval of B - A lies below ``-points`` and the one-sided p-value
    of B - A >= ``-points``, corrected after Holm over the rows judged, is below 0.025. So the
    probability that any row fails of those that are in truth not worse by more than ``points`` is
    at most 0.025 (Holm 1979), however many rows there are and however they depend on each other,
    as far as the t-test's p-values hold: docs/guides/comparing.md has measured it.
    Rows in which nothing differs in any draw cannot fail and do not count (Tarone 1990).

    Args:
        comparison: the comparison.
        points: the loss allowed, in printed units, 0 or more.
        metrics: that are judged; the headline metric of each task by default.
        allow_missing: go on where cells or images of the baseline are missing in the candidate.

    Raises:
        UserError: a cell or an image of the baseline is missing in the candidate, or there is
            nothing to judge, or not enough draws or images to judge by.
    """
    check_draws(comparison.draws)
    if not allow_missing:
        _check_whole(comparison, metrics)
    wanted = [
        row
        for row in comparison.rows
        if row.ranked and (row.metric in metrics or not metrics) and (row.headline or metrics)
    ]
    judged = [row for row in wanted if not math.isnan(row.interval.low)]
    blind = [row for row in wanted if math.isnan(row.interval.low) and not math.isnan(row.a)]
    if blind and not allow_missing:
        raise UserError(
            f"{label(blind[0])} has no interval (over {blind[0].images} images, {comparison.draws} "
            "draws), so nothing can be said of it. --allow-missing leaves such rows out."
        )
    if not judged:
        raise UserError("Nothing could be judged: no number of both sides has an interval.")
    _check_enough(judged)
    p = holm([math.nan if row.identical else _p(row, points) for row in judged])
    failed = [
        (row, value)
        for row, value in zip(judged, p, strict=True)
        if row.interval.high < -points and value < ALPHA / 2
    ]
    notes = [f"not judged: {label(row)} has no interval" for row in blind]
    return Judgement(points, tuple(judged), tuple(failed), tuple(notes))


def _check_enough(judged: Sequence[ComparisonRow]) -> None:
    """Refuse a gate that nothing could fail: no p-value is below what so many images can show.

    Raises:
        UserError: no loss, however large, would be significant.
    """
    tests = [row for row in judged if not row.identical]
    most = max((row.images for row in tests), default=0)
    if tests and 2.0**-most * len(tests) >= ALPHA / 2:
        raise UserError(
            f"{most} images are too few to judge {counted(len(tests), 'row')} by: however much "
            "worse the candidate were, it would not be significant. Measure more images."
        )


def check_draws(draws: int) -> None:
    """Refuse to judge by too few draws.

    Raises:
        UserError: there are fewer than `LEAST_DRAWS`.
    """
    if draws < LEAST_DRAWS:
        raise UserError(
            f"A gate judges by intervals, and {draws} draws are too few for them: "
            f"give --draws {LEAST_DRAWS} or more."
        )


def label(row: ComparisonRow) -> str:
    """The row in words."""
    a, b = row.restorers
    codec = "" if row.codec in Study.model_fields["codec"].default else f"{row.codec} "
    compared = "" if row.qf is None else f", {codec}QF {row.qf}"
    return f"{row.task} {row.metric}, {a if a == b else f'{a} against {b}'}{compared}"


def _check_whole(comparison: Comparison, metrics: Sequence[str]) -> None:
    missing = [cell.key for cell in comparison.pairing.only_a]
    missing += [pair.a.key for pair in comparison.unmeasured]
    if missing:
        raise UserError(
            f"The candidate lacks {counted(len(missing), 'cell')} of the baseline, such as "
            f"{missing[0]}: a gate that leaves them out proves nothing. Run them, or pass "
            "--allow-missing."
        )
    for compared in comparison.compared_pairs:
        if compared.lost:
            raise UserError(
                f"{compared.pair.b.key} of the candidate lacks "
                f"{counted(len(compared.lost), 'image')} of the baseline, such as "
                f"{compared.lost[0]} (failed or not measured): a gate that leaves them out proves "
                "nothing. Run them, or pass --allow-missing."
            )
    judged = {row.task for row in comparison.rows if row.headline}
    without = {compared.pair.task for compared in comparison.compared_pairs} - judged
    if without and not metrics:
        raise UserError(
            f"Baseline and candidate have no metric of {', '.join(sorted(without))} in common, so "
            "it cannot be judged. Run one of them again, or pass --allow-missing."
        )


def _p(row: ComparisonRow, points: float) -> float:
    """One-sided: how likely a difference so far below ``-points`` is where there is none."""
    a, b = row.results
    metric, loss = row.metric, points / row.scale
    values, draws = {metric: a.values[metric] - loss}, {metric: a.draws[metric] - loss}
    difference = differences(replace(a, values=values, draws=draws), b, (metric,))[metric]
    half = difference.p / 2
    return half if difference.value < 0 else 1 - half
