"""COCOeval's accumulation over images that count several times, many data sets at once.

A detection of an image that is drawn m times stands m times in a row in the list of detections.
Precision at the m-th copy of a true positive is at least that at the copies before it, and a false
positive only lowers it, so the envelope of precision needs the weighted counts at the true
positives alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.detection.metric.matches import Matched

_BLOCK = 1 << 18
"""Numbers in a block of draws: one that a core's cache holds. The results do not depend on it."""


class Totals(NamedTuple):
    """Counts of one category and area range in each draw.

    Attributes:
        truths: (draws,) annotations to be found.
        right: (draws, limits, thresholds) true positives among so many detections an image.
    """

    truths: NDArray[np.int64]
    right: NDArray[np.int64]


def totals(matched: Matched, weights: NDArray[np.int32], limits: Sequence[int]) -> Totals:
    """Count annotations and true positives.

    Args:
        matched: of one category and area range.
        weights: (draws, images) how often each image counts.
        limits: numbers of detections an image.
    """
    here = np.flatnonzero(matched.truths)
    thresholds = len(matched.right)
    counts = np.zeros((len(here), 1 + len(limits) * thresholds))
    counts[:, 0] = matched.truths[here]
    column = 1
    for limit in limits:
        for right in matched.right & (matched.rank < limit):
            counts[:, column] = np.bincount(matched.image[right], minlength=weights.shape[1])[here]
            column += 1
    # Whole numbers: a product of floats is exact and, unlike one of integers, fast.
    sums = np.rint(weights[:, here].astype(np.float64) @ counts).astype(np.int64)
    return Totals(sums[:, 0], sums[:, 1:].reshape(len(weights), len(limits), thresholds))


class _Places(NamedTuple):
    """Where the true positives of one IoU threshold are.

    Those with nothing counted between them are a run: precision rises within it, so its envelope
    is that of the run's last.

    Attributes:
        image: (n,) their images.
        ends: (runs,) how many of the n come up to and with the last of each run.
        before: (runs,) how many of the detections usually counted do.
        odd_image: (m,) images of the detections that are counted only here, or only elsewhere.
        odd_sign: (m,) 1 for the former, -1 for the latter.
        odd_before: (runs,) how many of the m come up to and with the last of each run.
    """

    image: NDArray[np.intp]
    ends: NDArray[np.intp]
    before: NDArray[np.intp]
    odd_image: NDArray[np.intp]
    odd_sign: NDArray[np.int32]
    odd_before: NDArray[np.intp]


class AveragePrecision:
    """AP of one category in one area range at each IoU threshold."""

    def __init__(self, matched: Matched, recalls: NDArray[np.float64]) -> None:
        self._recalls = recalls
        # Nothing behind the last true positive matters.
        hits = np.flatnonzero(matched.right.any(axis=0))
        end = int(hits[-1]) + 1 if len(hits) else 0
        counted = ~matched.ignored[:, :end]
        usual = 2 * counted.sum(axis=0) > len(counted)
        image, before = matched.image[:end], np.cumsum(usual)
        self._usual = image[usual]
        self._thresholds = []
        for right, counts in zip(matched.right[:, :end], counted, strict=True):
            hits, odd = np.flatnonzero(right), np.flatnonzero(counts != usual)
            ends = np.flatnonzero(np.diff(np.cumsum(counts)[hits], append=-1) != 1)
            last = hits[ends]
            self._thresholds.append(
                _Places(
                    image=image[hits],
                    ends=ends + 1,
                    before=before[last],
                    odd_image=image[odd],
                    odd_sign=np.where(counts[odd], 1, -1).astype(np.int32),
                    odd_before=np.searchsorted(odd, last, side="right"),
                )
            )
        self.size = len(self._usual) + sum(len(places.image) for places in self._thresholds)

    def __call__(
        self, weights: NDArray[np.int32], truths: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The AP of each draw.

        Args:
            weights: (draws, images) how often each image counts.
            truths: (draws,) annotations to be found in each draw.

        Returns:
            (draws, thresholds); NaN where there is nothing to be found.
        """
        precision = np.zeros((len(weights), len(self._thresholds)))
        known, row = np.unique(truths, return_inverse=True)
        reached, starts = _reached(known, self._recalls)
        rows = max(1, _BLOCK // max(1, len(self._usual)))
        for start in range(0, len(weights), rows):
            part = slice(start, start + rows)
            self._block(weights[part], reached, starts[row[part]], precision[part])
        precision /= len(self._recalls)
        precision[truths == 0] = np.nan
        return precision

    def _block(
        self,
        weights: NDArray[np.int32],
        reached: NDArray[np.uint8],
        starts: NDArray[np.intp],
        precision: NDArray[np.float64],
    ) -> None:
        usual = _running(weights, self._usual)
        for index, places in enumerate(self._thresholds):
            if not len(places.image):
                continue
            right = np.take(_running(weights, places.image), places.ends, axis=1)
            counted = np.take(usual, places.before, axis=1)
            if len(places.odd_image):
                odd = _running(weights, places.odd_image, places.odd_sign)
                counted += np.take(odd, places.odd_before, axis=1)
            envelope = right / (counted + np.spacing(1))
            backwards = envelope[:, ::-1]
            np.maximum.accumulate(backwards, axis=1, out=backwards)
            thresholds = np.take(reached, right + starts[:, None])
            # The first run takes all thresholds that it reaches, recall 0 among them.
            thresholds[:, 1:] -= thresholds[:, :-1].copy()
            envelope *= thresholds
            precision[:, index] = envelope.sum(axis=1)


def _running(
    weights: NDArray[np.int32], image: NDArray[np.intp], sign: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """(draws, n + 1) sums of the first 0, 1, …, n detections' weights."""
    sums = np.zeros((len(weights), len(image) + 1), np.int32)
    counts = np.take(weights, image, axis=1)
    if sign is not None:
        counts *= sign
    np.cumsum(counts, axis=1, out=sums[:, 1:])
    return sums


def _reached(
    truths: NDArray[np.int64], recalls: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """How many recall thresholds 0, 1, …, n of n annotations reach, for each n of ``truths``.

    Returns:
        The counts of all n in one array, and where those of each n start.
    """
    starts = np.concatenate([[0], np.cumsum(truths + 1)[:-1]]).astype(np.intp)
    tables = [
        # COCOeval asks for the first recall >= the threshold.
        np.searchsorted(recalls, np.arange(n + 1) / max(n, 1), side="right").astype(np.uint8)
        for n in truths.tolist()
    ]
    return np.concatenate([np.empty(0, np.uint8), *tables]), starts
