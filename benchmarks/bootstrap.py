"""How long 1000 bootstrap draws of mAP take on a data set of COCO's size, and how much memory.

Usage: python benchmarks/bootstrap.py [images] [draws] [threads]

The annotations and detections are simulated after COCO val2017 (5000 images, 36,781 boxes of 80
classes): as many boxes an image, few classes an image, one class with a third of all boxes and a
long tail, 41 % small, 34 % medium and 24 % large, a hundredth of them crowds. The detector finds
most boxes, some twice, with boxes of middling overlap, and fills up with unsure false ones to 100
detections in most images, as a detector without a score threshold does. Prints the time of
pycocotools' matching, of the draws of all 12 + 80 figures, of the figure of every image alone, and
the peak memory of each.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.analysis.resampling import resample_weights
from harness.plugins import Json
from tasks.detection.metric.sample import DetectionSample
from tasks.detection.task import Detections

CLASSES = 80
SIZE = (640, 480)


def annotations(images: int, rng: np.random.Generator) -> Json:
    """COCO instances, 7.3 boxes an image."""
    share = 1 / np.arange(2, CLASSES + 2)
    share[0] = 0.31 * share[1:].sum() / 0.69
    share /= share.sum()
    notes = []
    for image in range(1, images + 1):
        kinds = rng.choice(CLASSES, size=1 + rng.poisson(1.9), p=share) + 1
        for _ in range(min(int(rng.gamma(1.0, 7.4)), 60)):
            # The side of a box: 41 % below 32 pixels, 24 % above 96.
            side = float(np.exp(rng.normal(3.77, 1.2)).clip(4, 400))
            shape = np.exp(rng.normal(0, 0.3))
            w, h = min(side * shape, 600.0), min(side / shape, 450.0)
            x, y = rng.uniform(0, SIZE[0] - w), rng.uniform(0, SIZE[1] - h)
            notes.append(
                {
                    "image_id": image,
                    "category_id": int(rng.choice(kinds)),
                    "bbox": [float(x), float(y), float(w), float(h)],
                    "area": float(0.7 * w * h),
                    "iscrowd": int(rng.random() < 0.01),
                }
            )
    return {
        "images": [{"id": n, "harness_id": f"{n:012}.jpg"} for n in range(1, images + 1)],
        "categories": [{"id": n, "name": f"class {n}"} for n in range(1, CLASSES + 1)],
        "annotations": notes,
    }


def detections(truth: Json, rng: np.random.Generator) -> dict[str, Detections]:
    """What a middling detector finds, by image."""
    rows: dict[int, list[tuple[Any, ...]]] = {image["id"]: [] for image in truth["images"]}
    for note in truth["annotations"]:
        x, y, w, h = note["bbox"]
        for copy in range(rng.choice(4, p=[0.15, 0.45, 0.3, 0.1])):
            dx, dy, dw, dh = rng.normal(0, 0.06 * (copy + 1), 4)
            x0, y0 = x + dx * w, y + dy * h
            score = rng.beta(4, 2) * 0.6**copy
            box = (x0, y0, x0 + w * np.exp(dw), y0 + h * np.exp(dh))
            rows[note["image_id"]].append((*box, score, note["category_id"]))
    found = {}
    for image in truth["images"]:
        held = rows[image["id"]]
        # False ones are mostly of the classes that are there, and otherwise of the common ones.
        kinds = [row[5] for row in held] or [1]
        for _ in range(max(0, int(rng.normal(100, 30)) - len(held))):
            w, h = np.exp(rng.normal(3.8, 1.0, 2)).clip(4, 400)
            x, y = rng.uniform(0, 240), rng.uniform(0, 80)
            kind = rng.choice(kinds) if rng.random() < 0.5 else rng.integers(1, CLASSES + 1)
            held.append((x, y, x + w, y + h, 0.5 * rng.beta(1, 6), kind))
        table = np.asarray(held, np.float64).reshape(-1, 6)
        table = table[np.argsort(-table[:, 4], kind="stable")][:100]
        found[image["harness_id"]] = Detections(
            table[:, :4].astype(np.float32),
            table[:, 4].astype(np.float32),
            table[:, 5].astype(np.int64),
        )
    return found


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Do it, and print a line."""
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{name:<36}{seconds:8.1f} s  peak memory {peak:6.0f} MiB", flush=True)
    return result


def main() -> None:
    """Simulate, match, draw, and print the figures."""
    images, draws, threads = [*map(int, sys.argv[1:]), *(5000, 1000, 2)[len(sys.argv) - 1 :]]
    rng = np.random.default_rng(0)
    truth = annotations(images, rng)
    found = timed("simulation", lambda: detections(truth, rng))
    boxes, guesses = len(truth["annotations"]), sum(map(len, found.values()))
    print(f"{images} images, {boxes} boxes of {CLASSES} classes, {guesses} detections")
    sample = timed("matching", lambda: DetectionSample(found, truth, threads))
    weights = resample_weights(images, draws)
    drawn = timed(f"{draws} draws, {threads} threads", lambda: sample.aggregate(weights))
    timed("every image alone", sample.each)
    whole = sample.aggregate(np.ones((1, images), np.int32))
    low, high = np.percentile(drawn["mAP"], [2.5, 97.5])
    print(f"mAP {whole['mAP'][0]:.4f}, middle 95 % of the draws {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main()
