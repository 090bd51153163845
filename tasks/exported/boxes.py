"""From what a detector returns to boxes in the original image's pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import ImageError, UserError
from harness.plugins import Detections
from tasks.exported.card import DetectorFile
from tasks.exported.geometry import Placement
from tasks.exported.outputs import Numbers, described, find


def detections(answer: object, card: DetectorFile, place: Placement) -> Detections:
    """A detector's `Detections`, labels counting the card's classes from 1.

    Raises:
        UserError: the output is not what the card says.
        ImageError: a number is not finite, or a box is inside out.
    """
    boxes, scores, labels = _unpacked(answer, card)
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ImageError(f"{card.name} found a box or a score that is not a finite number")
    keep = scores >= card.output.score_threshold
    boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
    if card.output.labels is not None or card.output.rows is not None:
        labels, known = _classes(labels, scores, card)
        boxes, scores, labels = boxes[known], scores[known], labels[known]
    corners = _corners(boxes.astype(np.float64), card)
    if card.output.nms is not None:
        kept = _suppressed(corners, scores, labels, card.output.nms)
        corners, scores, labels = corners[kept], scores[kept], labels[kept]
    return Detections(
        boxes=place.boxes_back(corners, card.output.box_units).astype(np.float32),
        scores=scores.astype(np.float32),
        labels=labels.astype(np.int64),
    )


def _unpacked(answer: object, card: DetectorFile) -> tuple[Numbers, Numbers, Numbers]:
    """Boxes (N, 4), scores (N,), labels (N,), the latter as the network gives them.

    Where it gives none, a box comes once for each class, labels counting from 1.
    """
    output = card.output
    if output.rows is not None:
        rows = _table(answer, output.rows, 6, card)
        return rows[:, :4], rows[:, 4], rows[:, 5]
    boxes = _table(answer, output.boxes or "", 4, card)
    if output.labels is None:
        scores = _table(answer, output.scores or "", len(card.classes), card)
        _same(len(boxes), len(scores), card)
        box, label = np.nonzero(scores >= output.score_threshold)
        return boxes[box], scores[box, label], label + 1
    scores, labels = (_column(answer, at or "", card) for at in (output.scores, output.labels))
    _same(len(boxes), len(scores), card)
    _same(len(boxes), len(labels), card)
    return boxes, scores, labels


def _table(answer: object, where: str, columns: int, card: DetectorFile) -> Numbers:
    table = find(answer, where, card)
    table = table[0] if table.ndim == 3 and len(table) == 1 else table
    if table.size == 0:
        return np.zeros((0, columns), np.float32)
    if table.ndim != 2 or table.shape[1] != columns:
        raise UserError(
            f"{card.name} has {described(table)} at '{where}', and its card says N×{columns}: "
            "mend the card's output (or its classes)."
        )
    return table


def _column(answer: object, where: str, card: DetectorFile) -> Numbers:
    column = find(answer, where, card)
    if column.ndim > 2 or (column.ndim == 2 and 1 not in column.shape and column.size):
        raise UserError(
            f"{card.name} has {described(column)} at '{where}', and its card says N numbers: "
            "mend the card's output."
        )
    return column.reshape(-1)


def _same(boxes: int, others: int, card: DetectorFile) -> None:
    if boxes != others:
        raise UserError(
            f"{card.name} returns {boxes} boxes and {others} scores or labels: mend the card's "
            "output."
        )


def _classes(
    labels: Numbers, scores: Numbers, card: DetectorFile
) -> tuple[Numbers, NDArray[np.bool_]]:
    """The network's labels as places among the card's classes, from 1, and which have one."""
    ids, base = card.output.ids, card.output.label_base or 0
    if labels.size and not np.array_equal(labels, np.rint(labels)):
        raise UserError(f"{card.name} gives labels that are no whole numbers: mend its card.")
    numbers = labels.astype(np.int64)
    low, high = (min(ids), None) if ids else (base, base + len(card.classes) - 1)
    odd = numbers[(numbers < low) | (numbers > (numbers if high is None else high))]
    if odd.size:
        if (odd == -1).all():
            raise UserError(
                f"{card.name} gives {int((numbers == -1).sum())} rows of the label -1, which look "
                "like padding: put output.score_threshold into its card, above their score of "
                f"{float(scores[numbers == -1].max()):g}, and they are dropped."
            )
        what = f"output.ids begins at {low}" if ids else f"labels of {low} to {high}"
        raise UserError(
            f"{card.name} gives the label {odd[0]}, and its card says {what}: check label_base or "
            "ids, and classes."
        )
    if not ids:
        return numbers - base + 1, np.ones(len(numbers), bool)
    places = {label: place for place, label in enumerate(ids, start=1)}
    numbered = np.array([places.get(label, 0) for label in numbers.tolist()], np.int64)
    return numbered, numbered > 0


def _corners(boxes: NDArray[np.float64], card: DetectorFile) -> NDArray[np.float64]:
    """Boxes as x1 y1 x2 y2.

    Raises:
        ImageError: one is inside out.
    """
    first, second = boxes[:, :2], boxes[:, 2:]
    form = card.output.box_format
    if form == "xywh":
        second = first + second
    elif form == "cxcywh":
        first, second = first - second / 2, first + second / 2
    inverted = (second < first).any(axis=1)
    if inverted.any():
        raise ImageError(
            f"{card.name} found the box {boxes[inverted][0].tolist()}, which is inside out as "
            f"{form}: check output.box_format in its card"
        )
    return np.concatenate([first, second], axis=1)


def _suppressed(
    corners: NDArray[np.float64], scores: Numbers, labels: Numbers, iou: float
) -> NDArray[np.int64]:
    """Non-maximum suppression a class, by torchvision's ``batched_nms``; surest first."""
    import torch
    from torchvision.ops import batched_nms

    tensors = (torch.from_numpy(np.ascontiguousarray(part)) for part in (corners, scores, labels))
    boxes, sure, groups = tensors
    kept: NDArray[np.int64] = batched_nms(boxes, sure.to(boxes.dtype), groups, iou).numpy()
    return kept
