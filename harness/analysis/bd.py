"""Bits a restorer saves: BD-rate and BD-metric of its curve against that of plain JPEG.

A restorer does not change the file, so its points have jpeg's bits per pixel and a metric of
their own: BD-rate says how many bits fewer it needs for the accuracy jpeg has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.analysis.bd_rate import (
    Curve,
    Curves,
    Delta,
    bd_metric,
    bd_metrics,
    bd_rate,
    bd_rates,
)
from harness.analysis.bootstrap import BootstrapResult
from harness.analysis.inference import NO_INTERVAL, Interval, interval
from harness.analysis.metrics import scaled
from harness.analysis.resampling import DRAWS, resample_weights
from harness.analysis.series import Series, load_series
from harness.analysis.significance import BASELINE
from harness.records.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]

BD_COLUMNS = [
    "task", "dataset", "model", "codec", "restorer", "metric", "against",
    "bd_rate", "bd_rate_low", "bd_rate_high", "bd_rate_reason",
    "bd_metric", "bd_metric_low", "bd_metric_high", "bd_metric_reason", "images",
]  # fmt: skip
"""The columns of `bd_frame`."""

DEFINED = 0.95
"""The share of draws that must have a BD-rate for it to have an interval."""


def bd_frame(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """BD-rate (percent) and BD-metric (printed unit) of every restorer against ``jpeg``.

    One row a task, codec, restorer and metric shown; 95 % intervals from draws of images, in
    which rates and metrics are drawn together. What does not exist is NaN with a reason; a BD-rate
    that more than 5 % of the draws do not have gets no interval.

    Args:
        directory: the records.
        keys: the cells wanted; all by default.
        draws: of the bootstrap.
        seed: of the draws.
    """
    import pandas as pd

    anchors = _Anchors(draws, seed)
    rows = []
    for series in load_series(directory, keys, draws, seed):
        if series.restorer == BASELINE or not series.jpeg:
            continue
        for metric in series.metrics:
            head = [series.task, series.dataset, series.model, series.codec, series.restorer]
            own = _points(series.restorer, series.own, metric, anchors.rates(series))
            jpeg = anchors.points(series, metric)
            count, unit = len(series.images), scaled(series.kind, metric, 1.0)
            rate = _difference(bd_rate, bd_rates, jpeg, own, count)
            gain = _difference(bd_metric, bd_metrics, jpeg, own, count)
            value, low, high = (unit * end for end in (gain[0], *gain[1]))
            ends = (rate[0], *rate[1], rate[2], value, low, high, gain[2])
            rows.append([*head, metric, BASELINE, *ends, count])
    frame = pd.DataFrame(rows, columns=BD_COLUMNS)
    numbers = [c for c in BD_COLUMNS if c.startswith("bd_") and not c.endswith("reason")]
    return frame.astype(dict.fromkeys(numbers, "float64"))


class _Points(NamedTuple):
    """The curve on the images, and in each draw (none where the task cannot be resampled)."""

    curve: Curve
    drawn: Curves


class _Anchors:
    """Rates and curves of jpeg, each made once for the restorers that are compared with them."""

    def __init__(self, draws: int, seed: int) -> None:
        self._draws, self._seed = draws, seed
        self._rates: dict[tuple[object, ...], dict[int, Values]] = {}
        self._points: dict[tuple[object, ...], _Points] = {}

    def rates(self, series: Series) -> dict[int, Values]:
        """(1 + draws,) mean bits per pixel by QF: on the images, then in each draw."""
        key = (series.task, series.codec, series.images)
        if key not in self._rates:
            weights = resample_weights(len(series.images), self._draws, self._seed)
            self._rates[key] = {qf: _mean_bpp(r, weights) for qf, r in series.jpeg.items()}
        return self._rates[key]

    def points(self, series: Series, metric: str) -> _Points:
        """The curve of jpeg."""
        key = (series.task, series.codec, series.images, metric)
        if key not in self._points:
            self._points[key] = _points(BASELINE, series.jpeg, metric, self.rates(series))
        return self._points[key]


def _mean_bpp(result: BootstrapResult, weights: NDArray[np.int32]) -> Values:
    records = result.directory.records(result.cell)
    known = (records[image].bpp for image in result.images)
    bpp = np.asarray([math.nan if rate is None else rate for rate in known])
    return np.concatenate([[bpp.mean()], weights @ bpp / len(bpp)])


def _points(
    name: str, cells: dict[int, BootstrapResult], metric: str, rates: dict[int, Values]
) -> _Points:
    qfs = sorted(qf for qf in cells if qf in rates and metric in cells[qf].values)
    metrics = [
        np.concatenate([[cells[qf].values[metric]], cells[qf].draws.get(metric, np.empty(0))])
        for qf in qfs
    ]
    count = min((len(values) for values in metrics), default=1)
    x = np.reshape([rates[qf][:count] for qf in qfs], (len(qfs), count)).T
    y = np.reshape([values[:count] for values in metrics], (len(qfs), count)).T
    return _Points(Curve(x[0], y[0], name), Curves(x[1:], y[1:]))


def _difference(
    difference: Callable[[Curve, Curve], Delta],
    differences: Callable[[Curves, Curves], Values],
    anchor: _Points,
    own: _Points,
    images: int,
) -> tuple[float, Interval, str]:
    """The value, its interval and why there is none."""
    delta = difference(anchor.curve, own.curve)
    if math.isnan(delta.value):
        return math.nan, NO_INTERVAL, delta.reason
    drawn = differences(anchor.drawn, own.drawn)
    lacking = float(np.isnan(drawn).mean()) if len(drawn) else 0.0
    if lacking > 1 - DEFINED:
        reason = f"no interval: {100 * lacking:.0f} % of the draws have no value"
        return delta.value, NO_INTERVAL, reason
    return delta.value, interval(drawn, images), ""
