"""Draw the README's picture: one image's way through the harness.

Usage: python docs/figures/way.py [image id]  (writes docs/images/way.png)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray

mpl.use("Agg")
from matplotlib import pyplot as plt

import harness
from harness.images.fidelity import psnr
from harness.images.io import read_image
from harness.plugins import Detections
from harness.study.plan import Plan, make_plan
from harness.study.study import Study

EMBEDDED = Path(__file__).parents[2] / "results" / "embedded"
QF = 10
SHOWN = 0.5
FOUND, MISSED, FALSE = "#56B4E9", "#F0E442", "#D55E00"  # told apart with any colour vision


def overlap(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    inside = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside
    return float(inside / union)


def matched(found: Any, truth: list[tuple[NDArray[Any], int]]) -> tuple[list[Any], list[Any]]:
    """Detections above `SHOWN` with whether each is right, and the objects nobody found."""
    left = list(truth)
    drawn = []
    for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
        if score < SHOWN:
            continue
        right = [t for t in left if t[1] == label and overlap(box, t[0]) >= 0.5]
        if right:
            left = [t for t in left if t is not right[0]]
        drawn.append((box, label, bool(right)))
    return drawn, left


def draw(
    axes: Any, pixels: NDArray[np.uint8], boxes: list[Any], missed: list[Any], names: Any
) -> None:
    """Pixels with right detections, false ones and missed objects."""
    axes.imshow(pixels)
    for box, label, right in boxes:
        _box(axes, box, FOUND if right else FALSE, names[label - 1], "-")
    for box, label in missed:
        _box(axes, box, MISSED, f"missed: {names[label - 1]}", ":")


def _box(axes: Any, box: Any, colour: str, text: str, style: str) -> None:
    x, y, right, bottom = map(float, box)
    axes.add_patch(
        plt.Rectangle((x, y), right - x, bottom - y, fill=False, edgecolor=colour, lw=1.6, ls=style)
    )
    axes.text(
        x, max(y - 2, 7), text, color="black", fontsize=6.5, va="bottom",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def best_example(plan: Plan) -> str:
    """The landscape image of which the committed records give most detections back by DAGN."""
    run = harness.open(EMBEDDED)
    names = ("original", "jpeg", "dagn")
    answers = {name: run.records("detection", name, QF)["outcome"] for name in names}

    def gain(image: Any) -> int:
        height, width = read_image(image.path).shape[:2]
        if width <= height:
            return -99
        truth = truth_file(plan, image.id)
        right = [
            sum(ok for *_, ok in matched(Detections.from_json(answers[name][image.id]), truth)[0])
            for name in names
        ]
        return min(right[0] - right[1], 3) + 2 * (right[2] - right[1])

    return str(max(plan.images, key=gain).id)


def truth_file(plan: Plan, image_id: str) -> list[tuple[NDArray[Any], int]]:
    """The boxes (x1, y1, x2, y2) and labels of an image."""
    found = []
    for note in plan.data_set.coco([image_id])["annotations"]:
        x, y, width, height = note["bbox"]
        found.append((np.array([x, y, x + width, y + height]), note["category_id"]))
    return found


def main() -> None:
    """Write docs/images/way.png."""
    torch.set_num_threads(1)  # as the harness runs its models
    study = Study(qf=(QF,), task=("detection",), restorers=("original", "jpeg", "dagn"))
    plan = make_plan(study.model_copy(update={"dataset": "scenes"}))
    wanted = sys.argv[1] if len(sys.argv) > 1 else best_example(plan)
    image = next(image for image in plan.images if image.id == wanted)
    original = read_image(image.path)
    compressed = plan.codecs["jpeg"].compress(original, QF)
    restored = plan.restorers["dagn"].restore(compressed).pixels
    model, truth = plan.tasks["detection"].model, truth_file(plan, wanted)

    titles = ("uncompressed", f"JPEG, QF {QF}", "restored by DAGN")
    figure, grid = plt.subplots(2, 3, figsize=(10.2, 6.2), height_ratios=[1, 0.72])
    for column, pixels in enumerate((original, compressed.pixels, restored)):
        boxes, missed = matched(model.predict(pixels), truth)
        draw(grid[0][column], pixels, boxes, missed, plan.data_set.classes)
        quality = psnr(original, pixels)
        shown = "" if np.isinf(quality) else f" · {quality:.2f} dB"
        size = f" · {compressed.bpp:.2f} bpp" if column == 1 else ""
        right = sum(ok for *_, ok in boxes)
        grid[0][column].set_title(f"{titles[column]}{size}{shown}", fontsize=10)
        grid[0][column].set_xlabel(f"{right} of {len(truth)} objects found", fontsize=9)
        largest = max(truth, key=lambda t: (t[0][2] - t[0][0]) * (t[0][3] - t[0][1]))[0]
        cx, cy = (largest[0] + largest[2]) / 2, (largest[1] + largest[3]) / 2
        left = int(np.clip(cx - 48, 0, original.shape[1] - 96))
        top = int(np.clip(cy - 32, 0, original.shape[0] - 64))
        grid[1][column].imshow(pixels[top : top + 64, left : left + 96], interpolation="nearest")
        grid[1][column].set_xlabel("a detail, enlarged", fontsize=9)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.tight_layout()
    figure.savefig(Path(__file__).parents[1] / "images" / "way.png", dpi=110)


if __name__ == "__main__":
    main()
