"""Box AP and AR by pycocotools, over exactly the images that were evaluated."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO, cast

import numpy as np

from harness.errors import HarnessError
from harness.plugins import Detections, Json

if TYPE_CHECKING:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

FIGURES = (
    *("mAP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
"""pycocotools' twelve, in the order of ``COCOeval.stats``."""

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
    _accumulate(evaluation)
    with quiet():
        evaluation.summarize()
    figures = {name: _or_nan(value) for name, value in zip(FIGURES, evaluation.stats, strict=True)}
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    for index, category in enumerate(evaluation.params.catIds):
        # A category without annotations is -1 throughout, so the mean is -1 too.
        figures[f"AP/{names[category]}"] = _or_nan(precision[:, :, index].mean())
    return figures


def evaluator(
    detections: Mapping[str, Detections], ground_truth: Json
) -> tuple[COCOeval, dict[int, str]]:
    """A ``COCOeval`` of exactly these images, not yet evaluated, and the class names.

    Args:
        detections: as of `evaluate`.
        ground_truth: as of `evaluate`.

    Returns:
        The COCOeval, ``params.imgIds`` sorted, and the name of each category id.

    Raises:
        HarnessError: an image is not in the ground truth.
    """
    from pycocotools.cocoeval import COCOeval

    by_image = _by_image(detections, ground_truth)
    truth = _truth(ground_truth, set(by_image))
    results = {**truth, "annotations": _results(by_image)}
    with quiet():
        evaluation = COCOeval(_indexed(truth), _indexed(results), "bbox")
    evaluation.params.imgIds = sorted(by_image)
    return evaluation, {category["id"]: category["name"] for category in truth["categories"]}


def category_chunks(evaluation: COCOeval, images: int) -> Iterator[int]:
    """Narrow the evaluation to some of its categories after others, then to all again.

    COCOeval keeps something for every category, area range and image, found there or not, and 0.2
    MB of curves a category: of thousands of them at once it would be gigabytes.

    Args:
        evaluation: what is narrowed.
        images: how many are evaluated at once.

    Yields:
        How many categories came before.
    """
    params = evaluation.params
    everything = params.catIds
    most = _ENTRIES // (len(params.areaRng) * max(1, images))
    count = max(1, min(most, _CATEGORIES))
    for start in range(0, len(everything), count):
        params.catIds = everything[start : start + count]
        yield start
        evaluation.evalImgs = []
    params.catIds = everything


def _accumulate(evaluation: COCOeval) -> None:
    """``COCOeval.evaluate`` and ``accumulate``; of precision, the last number of detections."""
    parts = []
    for _ in category_chunks(evaluation, len(evaluation.params.imgIds)):
        with quiet():
            evaluation.evaluate()
            evaluation.accumulate()
        # precision: (IoU thresholds, recalls, categories, areas, detections an image)
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        parts.append((precision[..., -1].copy(), recall))
        evaluation.eval = {}
    if not parts:  # without categories
        with quiet():
            evaluation.evaluate()
            evaluation.accumulate()
        return
    precision = np.concatenate([precision for precision, _ in parts], axis=2)[..., None]
    limits = len(evaluation.params.maxDets)
    evaluation.eval = {
        # summarize asks for precision at the last alone, which stands for all here.
        "precision": np.broadcast_to(precision, (*precision.shape[:-1], limits)),
        "recall": np.concatenate([recall for _, recall in parts], axis=1),
    }


def _or_nan(value: float) -> float:
    return float(value) if value > -1 else float("nan")


def _by_image(detections: Mapping[str, Detections], ground_truth: Json) -> dict[int, Detections]:
    numbers = {image["harness_id"]: image["id"] for image in ground_truth["images"]}
    unknown = sorted(set(detections) - set(numbers))
    if unknown:
        raise HarnessError(
            f"The ground truth lacks {len(unknown)} of {len(detections)} recorded images, "
            f"{unknown[0]!r} first: records and ground truth are of different data sets; "
            "run again into an empty directory."
        )
    return {numbers[key]: answer for key, answer in detections.items()}


def _truth(ground_truth: Json, images: set[int]) -> Json:
    kept = [note for note in ground_truth["annotations"] if note["image_id"] in images]
    return {
        "images": [image for image in ground_truth["images"] if image["id"] in images],
        "categories": ground_truth["categories"],
        # Numbered anew from 1: COCOeval takes a match with annotation 0 for no match.
        "annotations": [
            {
                "image_id": note["image_id"],
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


def _indexed(dataset: Json) -> COCO:
    from pycocotools.coco import COCO

    coco = COCO()
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
