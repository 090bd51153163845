"""The COCO figures of detection for data sets drawn from the images, matched only once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Detections, Json, Sample
from tasks.detection.metric.accumulate import AveragePrecision, Totals, totals
from tasks.detection.metric.coco import FIGURES
from tasks.detection.metric.matches import AREAS, Matched, match

Values = NDArray[np.float64]

_SINGLE = (0, 5)
"""Places of IoU 0.50 and 0.75 among COCOeval's thresholds, 0.50:0.05:0.95."""


class DetectionSample(Sample):
    """Matches of detections and annotations, accumulated anew for each draw.

    An image drawn m times counts as m images that follow one another in the order of the ground
    truth's image ids. Of detections of equal score the order is that of `Matched`, with the copies
    of each in a row.
    """

    def __init__(
        self,
        detections: Mapping[str, Detections],
        ground_truth: Json,
        workers: int | None = None,
    ) -> None:
        """Match.

        Args:
            detections: by the images' ``harness_id``.
            ground_truth: COCO instances.
            workers: threads of `figures`; by default one a core. The values do not depend on it.

        Raises:
            HarnessError: an image is not in the ground truth.
        """
        self._matches = match(detections, ground_truth)
        self.images = self._matches.images
        self._workers = workers or os.cpu_count() or 1
        self._precision = {
            key: AveragePrecision(matched, self._matches.recalls)
            for key, matched in self._matches.curves.items()
        }

    def aggregate(self, weights: NDArray[np.int32]) -> dict[str, Values]:
        """Everything `tasks.detection.metric.coco.evaluate` returns, for each draw."""
        matches = self._matches
        shape = (len(weights), len(matches.names))
        precision = np.full((*shape, len(AREAS)), np.nan)
        single = np.full((*shape, len(_SINGLE)), np.nan)
        recall = np.full((*shape, len(AREAS), len(matches.limits)), np.nan)
        weights = np.ascontiguousarray(weights, np.int32)

        def aggregate_curve(key: tuple[int, int]) -> None:
            category, area = key
            counts = totals(matches.curves[key], weights, matches.limits)
            by_threshold = self._precision[key](weights, counts.truths)
            precision[:, category, area] = by_threshold.mean(axis=1)
            recall[:, category, area] = _recall(counts)
            if area == 0:
                single[:, category] = by_threshold[:, list(_SINGLE)]

        # The longest first, so that no thread is left with it alone at the end.
        order = sorted(self._precision, key=lambda key: -self._precision[key].size)
        with ThreadPoolExecutor(self._workers) as pool:
            list(pool.map(aggregate_curve, order))
        values = [
            *(_mean(ap) for ap in (precision[:, :, 0], single[:, :, 0], single[:, :, 1])),
            *(_mean(precision[:, :, area]) for area in (1, 2, 3)),
            *(_mean(recall[:, :, 0, limit]) for limit in range(len(matches.limits))),
            *(_mean(recall[:, :, area, -1]) for area in (1, 2, 3)),
        ]
        classes = {f"AP/{name}": precision[:, k, 0].copy() for k, name in enumerate(matches.names)}
        return {**dict(zip(FIGURES, values, strict=True)), **classes}

    def per_image(self) -> Values:
        """The mAP of every image alone."""
        total, count = np.zeros(len(self.images)), np.zeros(len(self.images))
        for (_, area), matched in self._matches.curves.items():
            if area == 0:
                total += _alone(matched, self._matches.recalls)
                count += matched.truths > 0
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count)


def _alone(matched: Matched, recalls: Values) -> Values:
    """The AP of one category in every image alone, (images,); 0 where nothing is to be found."""
    precision = np.zeros(len(matched.truths))
    order = np.argsort(matched.image, kind="stable")
    ends = np.cumsum(np.bincount(matched.image, minlength=len(precision)))
    for image in np.flatnonzero(matched.truths):
        here = order[ends[image - 1] if image else 0 : ends[image]]
        if len(here):
            precision[image] = _ap(
                matched.right[:, here], matched.ignored[:, here], matched.truths[image], recalls
            )
    return precision


def _ap(
    right: NDArray[np.bool_], ignored: NDArray[np.bool_], truths: int, recalls: Values
) -> float:
    hits = np.cumsum(right, axis=1)
    precision = hits / (np.cumsum(~ignored, axis=1) + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(recalls, hits / truths, side="right")
    return float((envelope * np.diff(reached, axis=1, prepend=0)).sum()) / (
        len(recalls) * len(right)
    )


def _recall(counts: Totals) -> Values:
    """(draws, limits): the mean over the IoU thresholds; NaN where nothing is to be found."""
    with np.errstate(invalid="ignore"):
        return np.asarray((counts.right / counts.truths[:, None, None]).mean(axis=2))


def _mean(values: Values) -> Values:
    """Means over axis 1 of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1))
