"""Boxes told apart for drawing: found, missed and false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Detections, Drawing, Json, MarkedBox

Boxes = NDArray[np.float64]

SHOWN = 0.5
"""The score from which a detection is drawn."""

OVERLAP = 0.5
"""The intersection over union from which a detection is right (AP50's)."""


@dataclass(frozen=True)
class Objects:
    """What is to be found in one image.

    Attributes:
        boxes: (N, 4) x1 y1 x2 y2 in pixels.
        labels: (N,) numbers of classes, as those of the detections they are compared with.
        crowds: (N,) bool: groups, or difficult objects, that are neither to be found nor wrong.
    """

    boxes: Boxes
    labels: NDArray[np.int64]
    crowds: NDArray[np.bool_]


def annotated_objects(coco: Json) -> Objects:
    """The annotations of one image in COCO instances format."""
    notes = coco["annotations"]
    boxes = np.asarray([note["bbox"] for note in notes], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    labels = np.asarray([note["category_id"] for note in notes], np.int64)
    crowds = np.asarray([bool(note.get("iscrowd")) for note in notes], np.bool_)
    return Objects(boxes, labels, crowds)


def overlaps(boxes: Boxes, others: Boxes, of_first: bool = False) -> Boxes:
    """Intersection over union of each box with each other, (N, M).

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        others: (M, 4).
        of_first: over the area of the first instead of the union, as COCO does with crowds.
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    area, other = ((group[:, 2:] - group[:, :2]).prod(axis=1) for group in (boxes, others))
    whole = area[:, None] if of_first else area[:, None] + other[None] - inside
    shared: Boxes = np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0)
    return shared


def match(detections: Detections, objects: Objects) -> tuple[list[int | None], list[int]]:
    """Each detection's object, each object at most once.

    As COCO does at one threshold: the detections in falling order of score, each takes the object
    of its class that it overlaps most, `OVERLAP` or more, among those that are left.

    Returns:
        For each detection the object's place or None, and the places of the detections that are
        right or false: those without an object that lie on a crowd of their class are neither.
    """
    boxes = detections.boxes.astype(np.float64)
    kind = detections.labels[:, None] == objects.labels[None]
    shared = np.where(kind & ~objects.crowds, overlaps(boxes, objects.boxes), 0.0)
    crowded = np.where(kind & objects.crowds, overlaps(boxes, objects.boxes, of_first=True), 0.0)
    taken: list[int | None] = [None] * len(detections)
    for place in np.argsort(-detections.scores, kind="stable"):
        if shared.shape[1] and shared[place].max() >= OVERLAP:
            best = int(shared[place].argmax())
            taken[place] = best
            shared[:, best] = 0.0
    counted = [
        place
        for place, best in enumerate(taken)
        if best is not None or not (crowded[place] >= OVERLAP).any()
    ]
    return taken, counted


def drawn(detections: Detections | None, objects: Objects, names: Mapping[int, str]) -> Drawing:
    """The boxes to draw, and how many there are of each kind.

    Args:
        detections: every one of the image, labels as the objects'; None draws the objects.
        objects: what is to be found.
        names: class names by label.
    """
    wanted = np.flatnonzero(~objects.crowds).tolist()
    if detections is None:
        return Drawing(
            tuple(_object(objects, place, "found", names) for place in wanted),
            caption=f"{len(wanted)} to be found",
        )
    sure = detections.scores >= SHOWN
    detections = Detections(
        detections.boxes[sure], detections.scores[sure], detections.labels[sure]
    )
    taken, counted = match(detections, objects)
    missed = [place for place in wanted if place not in taken]
    boxes = [
        MarkedBox(
            _corners(detections.boxes[place]),
            "false" if taken[place] is None else "found",
            _name(names, detections.labels[place]),
            float(detections.scores[place]),
        )
        for place in sorted(counted, key=lambda place: -detections.scores[place])
    ]
    boxes += [_object(objects, place, "missed", names) for place in missed]
    false = sum(box.kind == "false" for box in boxes)
    right = len(wanted) - len(missed)
    counts = f"{right} of {len(wanted)} found, {len(missed)} missed, {false} false"
    return Drawing(tuple(boxes), caption=f"{counts} (score\u00a0≥\u00a0{SHOWN:g})")


def _object(objects: Objects, place: int, kind: str, names: Mapping[int, str]) -> MarkedBox:
    return MarkedBox(_corners(objects.boxes[place]), kind, _name(names, objects.labels[place]))


def _corners(box: Sequence[float] | NDArray[np.floating]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return x1, y1, x2, y2


def _name(names: Mapping[int, str], label: int) -> str:
    return names.get(int(label), f"class {int(label)}")
