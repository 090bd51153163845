"""Box AP and AR by pycocotools, over exactly the images that were evaluated."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.plugins import Detections, Json, reference_metrics

if TYPE_CHECKING:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

FIGURES = (
    *("mAP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
"""pycocotools' twelve, in the order of ``COCOeval.stats``."""

_SINGLE = (0, 5)
"""Places of IoU 0.50 and 0.75 among COCOeval's thresholds, 0.50:0.05:0.95."""

_ENTRIES = 1_000_000
"""Of categories, area ranges and images together, the most that are evaluated at once."""

_CATEGORIES = 500
"""Categories at once, at most."""

# Replacing sys.stdout is process-wide: two evaluations at once would restore each other's.
_STDOUT_LOCK = threading.Lock()


def evaluate(detections: Mapping[str, Detections], ground_truth: Json) -> dict[str, float]:
    """The COCO figures of ``detections`` (Lin et al., "Microsoft COCO", 2014; COCOeval, bbox).

    Args:
        detections: by the images' ``harness_id``; these images, and only these, are evaluated,
            with or without annotations, with or without detections.
        ground_truth: COCO instances; ``area`` (default: of the box) and ``iscrowd`` (default: 0)
            may be missing. Left as it is.

    Returns:
        `FIGURES` and ``AP/<class name>``, fractions in 0..1; NaN where pycocotools says -1,
        that is, without any annotation to find.

    Raises:
        HarnessError: an image is not in the ground truth.
    """
    evaluation, names = evaluator(detections, ground_truth)
    precision, recall = _accumulated(evaluation)
    areas, limits = range(1, precision.shape[3]), range(recall.shape[3])
    values = (
        *(_mean(precision[levels, ..., 0]) for levels in (slice(None), *_SINGLE)),
        *(_mean(precision[..., area]) for area in areas),
        *(_mean(recall[..., 0, limit]) for limit in limits),
        *(_mean(recall[..., area, -1]) for area in areas),
    )
    figures = dict(zip(FIGURES, values, strict=True))
    for index, category in enumerate(evaluation.params.catIds):
        figures[f"AP/{names[category]}"] = _mean(precision[:, :, index, 0])
    return figures


def evaluator(
    detections: Mapping[str, Detections], ground_truth: Json
) -> tuple[COCOeval, dict[int, str]]:
    """A ``COCOeval`` of exactly these images, not yet evaluated, and the class names.

    Args:
        detections: as of `evaluate`.
        ground_truth: as of `evaluate`.

    Returns:
        The COCOeval, ``params.imgIds`` and ``params.catIds`` sorted, and the name of each category
        id.

    Raises:
        HarnessError: an image is not in the ground truth.
    """
    coco, evaluation_of = libraries()
    by_image = _by_image(detections, ground_truth)
    truth = _truth(ground_truth, set(by_image))
    results = {**truth, "annotations": _results(by_image)}
    with quiet():
        evaluation = evaluation_of(_indexed(coco, truth), _indexed(coco, results), "bbox")
    names = {category["id"]: category["name"] for category in truth["categories"]}
    evaluation.params.imgIds = sorted(by_image)
    evaluation.params.catIds = sorted(names)
    return evaluation, names


def libraries() -> tuple[type[COCO], type[COCOeval]]:
    """``COCO`` and ``COCOeval`` of hotcoco, or of pycocotools.

    hotcoco is pycocotools written in Rust, of the same interface; tests hold its figures, and its
    matches image by image, against pycocotools' own. It is taken where it is installed, unless
    pycocotools itself is asked for.
    """
    from pycocotools import coco, cocoeval

    if not reference_metrics():
        with contextlib.suppress(ImportError):
            import hotcoco

            return hotcoco.COCO, hotcoco.COCOeval
    return coco.COCO, cocoeval.COCOeval


def category_chunks(evaluation: COCOeval, images: int) -> Iterator[int]:
    """Narrow the evaluation to some of its categories after others, then to all again.

    pycocotools keeps something for every category, area range and image, found there or not, and
    0.2 MB of curves a category: of thousands of them at once it would be gigabytes.

    Args:
        evaluation: what is narrowed.
        images: how many are evaluated at once.

    Yields:
        How many categories came before.
    """
    params = evaluation.params
    everything = list(params.catIds)
    most = _ENTRIES // (len(params.areaRng) * max(1, images))
    count = max(1, min(most, _CATEGORIES))
    for start in range(0, len(everything), count):
        params.catIds = everything[start : start + count]
        yield start
    params.catIds = everything


def _accumulated(evaluation: COCOeval) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What ``COCOeval.evaluate`` and ``accumulate`` find; -1 where there is nothing to find.

    Returns:
        Precision at the largest number of detections, (IoU thresholds, recalls, categories, areas),
        and recall, (IoU thresholds, categories, areas, numbers of detections).
    """
    params = evaluation.params
    thresholds, areas = len(params.iouThrs), len(params.areaRng)
    precision = [np.empty((thresholds, len(params.recThrs), 0, areas))]
    recall = [np.empty((thresholds, 0, areas, len(params.maxDets)))]
    for _ in category_chunks(evaluation, len(params.imgIds)):
        with quiet():
            evaluation.evaluate()
            evaluation.accumulate()
        precision.append(evaluation.eval["precision"][..., -1].copy())
        recall.append(evaluation.eval["recall"])
    return np.concatenate(precision, axis=2), np.concatenate(recall, axis=1)


def _mean(values: NDArray[np.float64]) -> float:
    """As ``COCOeval.summarize``: over what is there to be found; NaN where nothing is."""
    known = values[values > -1]
    return float(known.mean()) if known.size else float("nan")


def image_numbers(ground_truth: Json) -> dict[str, int]:
    """The images, by ``harness_id``, counted from 1 in the order of their ids.

    The ids may be any integers; hotcoco takes none below 0.
    """
    ordered = sorted(ground_truth["images"], key=lambda image: int(image["id"]))
    return {image["harness_id"]: number for number, image in enumerate(ordered, start=1)}


def _by_image(detections: Mapping[str, Detections], ground_truth: Json) -> dict[int, Detections]:
    numbers = image_numbers(ground_truth)
    unknown = sorted(set(detections) - set(numbers))
    if unknown:
        raise HarnessError(
            f"The ground truth lacks {len(unknown)} of {len(detections)} recorded images, "
            f"{unknown[0]!r} first: records and ground truth are of different data sets; "
            "run again into an empty directory."
        )
    return {numbers[key]: answer for key, answer in detections.items()}


def _truth(ground_truth: Json, images: set[int]) -> Json:
    numbers = image_numbers(ground_truth)
    number_of = {image["id"]: numbers[image["harness_id"]] for image in ground_truth["images"]}
    kept = [note for note in ground_truth["annotations"] if number_of[note["image_id"]] in images]
    return {
        "images": [{"id": number} for number in sorted(images)],
        "categories": ground_truth["categories"],
        # Numbered anew from 1: COCOeval takes a match with annotation 0 for no match.
        "annotations": [
            {
                "image_id": number_of[note["image_id"]],
                "category_id": note["category_id"],
                "bbox": note["bbox"],
                "area": note.get("area", note["bbox"][2] * note["bbox"][3]),
                "iscrowd": note.get("iscrowd", 0),
                "id": number,
            }
            for number, note in enumerate(kept, start=1)
        ],
    }


def _results(by_image: Mapping[int, Detections]) -> list[Json]:
    # What COCO.loadRes makes of a results file; loadRes itself fails on an empty one.
    results: list[Json] = []
    for image, answer in by_image.items():
        corners = answer.boxes.astype(np.float64)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
        scores, labels = answer.scores.tolist(), answer.labels.tolist()
        for box, score, label in zip(boxes, scores, labels, strict=True):
            results.append(
                {
                    "image_id": image,
                    "category_id": label,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "score": score,
                    "iscrowd": 0,
                    "id": len(results) + 1,
                }
            )
    return results


def _indexed(library: type[COCO], dataset: Json) -> COCO:
    coco = library()
    coco.dataset = dataset
    coco.createIndex()
    return coco


class _OtherThreads:
    """Standard output that drops what the thread that made it writes, and that alone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._silent = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._silent:
            return len(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence pycocotools' prints; a progress bar in another thread goes on drawing."""
    stream = cast("TextIO", _OtherThreads(sys.stdout))
    with _STDOUT_LOCK, contextlib.redirect_stdout(stream):
        yield
