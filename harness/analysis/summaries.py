"""One number for a restorer over all QFs: mPC, rPC and the share of the loss it recovers.

mPC and rPC: Michaelis et al., "Benchmarking robustness in object detection", 2019, with QFs in the
place of severities of a corruption.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.inference import NO_INTERVAL, Interval
from harness.analysis.metrics import scaled
from harness.analysis.resampling import DRAWS, BootstrapStatistic, mean
from harness.analysis.series import Series, load_series
from harness.analysis.significance import BASELINE
from harness.records.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

MPC, RPC, RECOVERED = "mPC", "rPC", "recovered"
"""The names of the summaries."""

SUMMARY_COLUMNS = [
    "task", "dataset", "model", "codec", "qf", "restorer", "metric",
    "summary", "value", "ci_low", "ci_high", "images", "reason",
]  # fmt: skip
"""The columns of `summary_frame`."""

_SHARE_DIGITS = 1

Number = tuple[BootstrapStatistic | None, str]
"""A number, or None and why there is none."""


@dataclass(frozen=True)
class Summary:
    """One number about a restorer.

    Attributes:
        task, dataset, model, codec, restorer, metric: what of.
        kind: `MPC` in the metric's printed unit, `RPC` or `RECOVERED` in percent.
        qf: of a share recovered at one QF; None: over all QFs.
        value: the number; NaN where there is none.
        interval: 95 %, in the same unit.
        images: in it.
        digits: a table shows after the point.
        reason: why there is no number, a clause without a full stop; empty where there is one.
    """

    task: str
    dataset: str
    model: str
    codec: str
    restorer: str
    metric: str
    kind: str
    qf: int | None
    value: float
    interval: Interval
    images: int
    digits: int
    reason: str = ""


def summaries(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Summary]:
    """mPC, rPC and shares recovered of every restorer of a run directory.

    With m(q) the metric at QF q, all on the same images: mPC is the mean of m(q) over the QFs,
    rPC is mPC over the original's m, the share recovered at q is
    (m(q) - jpeg(q)) / (original - jpeg(q)) and over all QFs the same of the mPCs. ``original``
    has mPC alone, its m; ``jpeg`` recovers nothing by definition and has no share.

    Args:
        directory: the records.
        keys: the cells wanted; all by default.
        draws: of the bootstrap.
        seed: of the draws.
    """
    numbers: list[Summary] = []
    originals: set[tuple[str, str]] = set()
    for series in load_series(directory, keys, draws, seed):
        original = series.original
        for metric in series.metrics:
            if original is not None and (series.task, series.codec) not in originals:
                originals.add((series.task, series.codec))
                of_original = replace(series, restorer=original.cell.restorer)
                for name in series.metrics:
                    statistic = _statistic(original, name)
                    numbers.append(_summary(of_original, name, MPC, None, (statistic, "")))
            numbers += _of_restorer(series, metric)
    return numbers


def recovered(
    restored: BootstrapStatistic | None,
    jpeg: BootstrapStatistic | None,
    original: BootstrapStatistic | None,
    condition: str,
    why: str,
) -> Number:
    """The share of jpeg's loss given back, (restored - jpeg) / (original - jpeg).

    Args:
        restored: the metric of a restorer; None where it has no numbers.
        jpeg: that of the images as compressed, likewise.
        original: that of the uncompressed images, likewise.
        condition: where, for the reason: " at QF 20".
        why: the reason where ``restored`` or ``jpeg`` is missing.

    Returns:
        The share and "", or None and why there is none, a clause without a full stop.
    """
    if restored is None or jpeg is None:
        return None, why
    loss = None if original is None else original - jpeg
    return share(restored - jpeg, loss, f"original - {BASELINE}{condition}", why)


def share(
    top: BootstrapStatistic | None, bottom: BootstrapStatistic | None, name: str, why: str
) -> Number:
    """``top / bottom``, refused where ``bottom`` may be 0.

    Args:
        top: the numerator; None where it is missing.
        bottom: the denominator; None where the uncompressed images are not scored.
        name: of the denominator, for the reason.
        why: the reason where ``top`` is missing.

    Returns:
        As those of `recovered`.
    """
    if bottom is None:
        return None, "the uncompressed images are not scored"
    if top is None:
        return None, why
    if not len(bottom.draws):
        return None, "without draws of the images nothing says whether its denominator is 0"
    if not bottom.interval().low > 0:
        return None, f"{name} is not clearly above 0"
    return top / bottom, ""


def _of_restorer(series: Series, metric: str) -> list[Summary]:
    own, why = _mean(series, series.own, series.restorer, metric)
    original = None if series.original is None else _statistic(series.original, metric)
    numbers = [
        _summary(series, metric, MPC, None, (own, why)),
        _summary(series, metric, RPC, None, share(own, original, "original", why)),
    ]
    if series.restorer == BASELINE:
        return numbers
    for qf in series.qfs:
        condition = f" at QF {qf}"
        restored = _statistic(series.own[qf], metric) if qf in series.own else None
        jpeg = _statistic(series.jpeg[qf], metric) if qf in series.jpeg else None
        lacking = f"{series.restorer if restored is None else BASELINE} has no numbers{condition}"
        number = recovered(restored, jpeg, original, condition, lacking)
        numbers.append(_summary(series, metric, RECOVERED, qf, number))
    jpeg, why_jpeg = _mean(series, series.jpeg, BASELINE, metric)
    number = recovered(own, jpeg, original, " over the QFs", why or why_jpeg)
    return [*numbers, _summary(series, metric, RECOVERED, None, number)]


def _mean(series: Series, cells: dict[int, BootstrapResult], name: str, metric: str) -> Number:
    """The mean over the QFs of the codec, or why there is none."""
    missing = [str(qf) for qf in series.qfs if qf not in cells]
    if missing:
        return None, f"{name} has no numbers at QF {', '.join(missing)}"
    return mean([_statistic(cells[qf], metric) for qf in series.qfs]), ""


def _statistic(result: BootstrapResult, metric: str) -> BootstrapStatistic:
    drawn = result.draws.get(metric, np.empty(0))
    return BootstrapStatistic(result.values.get(metric, math.nan), drawn, len(result.images))


def _summary(series: Series, metric: str, kind: str, qf: int | None, number: Number) -> Summary:
    statistic, reason = number
    if statistic is not None and math.isnan(statistic.value):
        statistic, reason = None, f"{metric} has no value on these images"
    unit = scaled(series.kind, metric, 1.0) if kind == MPC else 100.0
    value, ends = math.nan, NO_INTERVAL
    if statistic is not None:
        # A share recovered is of differences, in which a metric's bias cancels.
        value, ends = unit * statistic.value, statistic.interval(corrected=kind != RECOVERED)
    return Summary(
        task=series.task,
        dataset=series.dataset,
        model=series.model,
        codec=series.codec,
        restorer=series.restorer,
        metric=metric,
        kind=kind,
        qf=qf,
        value=value,
        interval=Interval(*(unit * end for end in ends)),
        images=len(series.images),
        digits=series.kind.digits.get(metric, 1) if kind == MPC else _SHARE_DIGITS,
        reason=reason,
    )


def summary_frame(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """`summaries` as a frame, columns `SUMMARY_COLUMNS`; ``qf`` is empty over all QFs."""
    import pandas as pd

    rows = [
        [s.task, s.dataset, s.model, s.codec, s.qf, s.restorer, s.metric,
         s.kind, s.value, *s.interval, s.images, s.reason]
        for s in summaries(directory, keys, draws, seed)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    frame["qf"] = frame["qf"].astype("Int64")
    return frame.astype(dict.fromkeys(["value", "ci_low", "ci_high"], "float64"))


def summary_notes(numbers: Sequence[Summary]) -> list[str]:
    """Why numbers are missing, a sentence a reason."""
    restorers: dict[tuple[str, str, str], dict[str, None]] = {}
    for number in numbers:
        if number.reason:
            key = (number.task, number.kind, number.reason)
            restorers.setdefault(key, {})[number.restorer] = None
    return [
        f"empty: {task} {kind} of {', '.join(names)}: {reason}"
        for (task, kind, reason), names in restorers.items()
    ]
