"""pycocotools' matching of detections with annotations, as flat arrays that can be weighted."""

from __future__ import annotations

import contextlib
import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Detections, Json
from tasks.detection.metric.coco import category_chunks, evaluator, image_numbers, quiet

if TYPE_CHECKING:
    from pycocotools.cocoeval import COCOeval

AREAS = ("all", "small", "medium", "large")
"""COCOeval's area ranges, in its order."""

_CHUNK = 250
"""Images evaluated at a time: what COCOeval keeps of one is a hundred times what is needed."""


@dataclass(frozen=True, eq=False)
class Matched:
    """A category's detections in one area range, over all images, the surest first.

    Of equal scores, the image that comes first in ``COCOeval.params.imgIds`` comes first, and
    within an image the detection that COCOeval ranks first (its stable sort).

    Attributes:
        truths: (images,) number of annotations to be found in each image.
        image: (n,) place of each detection's image.
        rank: (n,) its place among the category's detections in its image, from 0.
        right: (thresholds, n) whether it is a true positive at each IoU threshold.
        ignored: (thresholds, n) whether it counts neither as right nor as wrong.
    """

    truths: NDArray[np.int32]
    image: NDArray[np.intp]
    rank: NDArray[np.int32]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Matches:
    """What COCOeval's matching says of a set of images.

    Attributes:
        images: the images' ``harness_id``, in the order given; ``Matched.image`` counts them.
        names: class names, by category id in ascending order.
        recalls: recall thresholds.
        limits: the numbers of detections an image that recall is asked at.
        curves: (category, area) places to `Matched`; without those of which nothing is found and
            nothing is to be found.
    """

    images: tuple[str, ...]
    names: tuple[str, ...]
    recalls: NDArray[np.float64]
    limits: tuple[int, ...]
    curves: dict[tuple[int, int], Matched]


def match(detections: Mapping[str, Detections], ground_truth: Json) -> Matches:
    """Match detections with annotations by ``COCOeval.evaluate``, each image once.

    Args:
        detections: by the images' ``harness_id``.
        ground_truth: COCO instances, as of `tasks.detection.metric.coco.evaluate`.

    Raises:
        HarnessError: an image is not in the ground truth.
    """
    evaluation, names = evaluator(detections, ground_truth)
    numbers = image_numbers(ground_truth)
    places = {numbers[key]: place for place, key in enumerate(detections)}
    params = evaluation.params
    everything = params.imgIds
    parts: dict[tuple[int, int], list[_MatchPart]] = defaultdict(list)
    with _collector_at_rest():
        for before in category_chunks(evaluation, _CHUNK):
            for start in range(0, len(everything), _CHUNK):
                params.imgIds = everything[start : start + _CHUNK]
                with quiet():
                    evaluation.evaluate()
                for (category, area), part in _parts(evaluation, places):
                    parts[before + category, area].append(part)
    return Matches(
        images=tuple(detections),
        names=tuple(names[category] for category in sorted(names)),
        recalls=params.recThrs,
        limits=tuple(params.maxDets),
        curves={key: _joined(parts[key], len(places)) for key in sorted(parts)},
    )


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No search for circles meanwhile: among a million small lists it takes most of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@dataclass(frozen=True, eq=False)
class _MatchPart:
    """A `Matched` of some of the images, in their order, with the scores to sort by."""

    image: NDArray[np.intp]
    rank: NDArray[np.int32]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    truth_image: NDArray[np.intp]
    truths: NDArray[np.int32]


def _parts(
    evaluation: COCOeval, places: Mapping[int, int]
) -> Iterator[tuple[tuple[int, int], _MatchPart]]:
    """Parts by (category, area): every entry says itself what it is of, None is of nothing."""
    categories = {category: place for place, category in enumerate(evaluation.params.catIds)}
    ranges = evaluation.params.areaRng
    areas = {(float(low), float(high)): area for area, (low, high) in enumerate(ranges)}
    order = {image: place for place, image in enumerate(evaluation.params.imgIds)}
    entries: dict[tuple[int, int], list[Json]] = defaultdict(list)
    for entry in evaluation.evalImgs:
        if entry is not None:
            low, high = entry["aRng"]
            key = categories[entry["category_id"]], areas[float(low), float(high)]
            entries[key].append(entry)
    for key in sorted(entries):
        known = sorted(entries[key], key=lambda entry: order[entry["image_id"]])
        yield key, _part(known, places)


def _part(entries: list[Json], places: Mapping[int, int]) -> _MatchPart:
    where = np.asarray([places[int(entry["image_id"])] for entry in entries], np.intp)
    counts = [len(entry["dtScores"]) for entry in entries]
    ignored = np.concatenate([np.asarray(e["dtIgnore"], bool) for e in entries], axis=1)
    matched = np.concatenate([np.asarray(e["dtMatches"]) for e in entries], axis=1) > 0
    return _MatchPart(
        image=np.repeat(where, counts),
        rank=np.concatenate([np.arange(count, dtype=np.int32) for count in counts]),
        scores=np.concatenate([np.asarray(e["dtScores"], np.float64) for e in entries]),
        right=matched & ~ignored,
        ignored=ignored,
        truth_image=where,
        truths=np.asarray(
            [len(e["gtIgnore"]) - np.count_nonzero(e["gtIgnore"]) for e in entries], np.int32
        ),
    )


def _joined(parts: list[_MatchPart], images: int) -> Matched:
    # The sort of COCOeval.accumulate.
    order = np.argsort(-np.concatenate([part.scores for part in parts]), kind="mergesort")
    truths = np.zeros(images, np.int32)
    for part in parts:
        truths[part.truth_image] = part.truths
    return Matched(
        truths=truths,
        image=np.concatenate([part.image for part in parts])[order],
        rank=np.concatenate([part.rank for part in parts])[order],
        right=np.concatenate([part.right for part in parts], axis=1)[:, order],
        ignored=np.concatenate([part.ignored for part in parts], axis=1)[:, order],
    )
