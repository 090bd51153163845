"""One number for a restorer over all QFs: mPC, rPC and the share of the loss it recovers.

mPC and rPC: Michaelis et al., "Benchmarking robustness in object detection", 2019, with QFs in the
place of severities of a corruption.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.drawn import BootstrapStatistic, mean
from harness.analysis.draws import DRAWS
from harness.analysis.inference import NO_INTERVAL, Interval
from harness.analysis.metrics import printed, scaled
from harness.analysis.series import Series, load_series
from harness.analysis.shares import recovered, share
from harness.analysis.significance import BASELINE
from harness.records.run_directory import RunDirectory
from harness.study.study import Study

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
    found: list[Summary] = []
    told: set[tuple[str, str]] = set()
    for series in load_series(directory, keys, draws, seed):
        for metric in series.metrics:
            condition = (series.task, series.codec)
            if series.original is not None and condition not in told:
                found += [_of_original(series, name) for name in series.metrics]
                told.add(condition)
            found += _of_restorer(series, metric)
    return found


def _of_original(series: Series, metric: str) -> Summary:
    one = series.original
    assert one is not None
    return _summary(series, metric, MPC, None, _drawn(one, metric), restorer=one.cell.restorer)


def _of_restorer(series: Series, metric: str) -> list[Summary]:
    own, why = _mean(series, series.own, series.restorer, metric)
    original = None if series.original is None else _drawn(series.original, metric)
    found = [_summary(series, metric, MPC, None, own, why)]
    found.append(_summary(series, metric, RPC, None, *share(own, original, "original", why)))
    if series.restorer == BASELINE:
        return found
    for qf in series.qfs:
        condition = f" at QF {qf}"
        restored = _drawn(series.own[qf], metric) if qf in series.own else None
        jpeg = _drawn(series.jpeg[qf], metric) if qf in series.jpeg else None
        lacking = f"{series.restorer if restored is None else BASELINE} has no numbers{condition}"
        part = recovered(restored, jpeg, original, condition, lacking)
        found.append(_summary(series, metric, RECOVERED, qf, *part))
    jpeg, absent = _mean(series, series.jpeg, BASELINE, metric)
    part = recovered(own, jpeg, original, " over the QFs", why or absent)
    found.append(_summary(series, metric, RECOVERED, None, *part))
    return found


def _mean(
    series: Series, cells: dict[int, BootstrapResult], name: str, metric: str
) -> tuple[BootstrapStatistic | None, str]:
    """The mean over the QFs of the codec, or why there is none."""
    absent = [str(qf) for qf in series.qfs if qf not in cells]
    if absent:
        return None, f"{name} has no numbers at QF {', '.join(absent)}"
    return mean([_drawn(cells[qf], metric) for qf in series.qfs]), ""


def _drawn(one: BootstrapResult, metric: str) -> BootstrapStatistic:
    drawn = one.draws.get(metric, np.empty(0))
    return BootstrapStatistic(one.values.get(metric, math.nan), drawn, len(one.images))


def _summary(
    series: Series,
    metric: str,
    kind: str,
    qf: int | None,
    number: BootstrapStatistic | None,
    reason: str = "",
    restorer: str = "",
) -> Summary:
    head = (series.task, series.dataset, series.model, series.codec, restorer or series.restorer)
    digits = series.kind.digits.get(metric, 1) if kind == MPC else _SHARE_DIGITS
    size = len(series.images), digits
    if number is not None and math.isnan(number.value):
        number, reason = None, f"{metric} has no value on these images"
    if number is None:
        return Summary(*head, metric, kind, qf, math.nan, NO_INTERVAL, *size, reason)
    unit = scaled(series.kind, metric, 1.0) if kind == MPC else 100.0
    # A share recovered is of differences, in which a metric's bias cancels.
    bounds = number.interval(corrected=kind != RECOVERED)
    ends = Interval(*(unit * end for end in bounds))
    return Summary(*head, metric, kind, qf, unit * number.value, ends, *size)


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


def summary_lines(found: Sequence[Summary]) -> list[list[str]]:
    """mPC, rPC and the share recovered over all QFs, a restorer a line, head first."""
    lines = [["task", "restorer", "metric", MPC, f"{RPC} (%)", f"{RECOVERED} (%)"]]
    for label, mine in _by_restorer(found).items():
        whole = {one.kind: one for one in mine if one.qf is None}
        lines.append([*label, *(_shown(whole.get(kind)) for kind in (MPC, RPC, RECOVERED))])
    return lines


def recovered_lines(found: Sequence[Summary]) -> list[list[str]]:
    """The share recovered at each QF in percent, a restorer a line, head first; [] without any.

    A restorer without a share at any QF has no line.
    """
    known = [one for one in found if one.qf is not None and not math.isnan(one.value)]
    qfs = sorted({one.qf for one in found if one.qf is not None})
    lines = [["task", "restorer", "metric", *(f"QF {qf}" for qf in qfs)]]
    for label, mine in _by_restorer(known).items():
        at = {one.qf: one for one in mine}
        lines.append([*label, *(_shown(at.get(qf)) for qf in qfs)])
    return lines if known else []


def summary_notes(found: Sequence[Summary]) -> list[str]:
    """Why numbers are missing, a sentence a reason."""
    cells: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        if one.reason:
            names = cells.setdefault((one.task, one.kind, one.reason), [])
            names += [] if one.restorer in names else [one.restorer]
    return [
        f"empty: {task} {kind} of {', '.join(names)}: {reason}"
        for (task, kind, reason), names in cells.items()
    ]


def _by_restorer(found: Sequence[Summary]) -> dict[tuple[str, str, str], list[Summary]]:
    """By task (and codec, where it is not JPEG), restorer and metric, in order."""
    lines: dict[tuple[str, str, str], list[Summary]] = {}
    default = Study.model_fields["codec"].default
    for one in found:
        task = one.task if one.codec in default else f"{one.task}, {one.codec}"
        lines.setdefault((task, one.restorer, one.metric), []).append(one)
    return lines


def _shown(one: Summary | None) -> str:
    if one is None:
        return "–"
    text = printed(one.value, one.digits)
    if math.isnan(one.interval.low):
        return text
    low, high = (printed(end, one.digits) for end in one.interval)
    return f"{text} [{low}, {high}]"
