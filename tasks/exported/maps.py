"""From what a segmenter or a classifier returns to classes and their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import ImageError, UserError
from tasks.exported.card import ClassifierFile, SegmenterFile
from tasks.exported.geometry import Placement
from tasks.exported.outputs import described, find

if TYPE_CHECKING:
    from torch import Tensor


def class_map(answer: object, card: SegmenterFile, place: Placement) -> NDArray[np.integer]:
    """A segmenter's class of every pixel of the original image.

    Returns:
        (height, width) uint8, or int64 where there are more than 256 classes.

    Raises:
        UserError: the output is not what the card says.
        ImageError: a number is not finite.
    """
    import torch

    output, count = card.output, len(card.classes) + card.output.background
    at = output.logits if output.logits is not None else output.class_map or ""
    array = find(answer, at, card)
    while array.ndim > (3 if output.logits is not None else 2) and len(array) == 1:
        array = array[0]
    if output.logits is not None:
        if array.ndim != 3 or len(array) != count:
            raise UserError(
                f"{card.name} has {described(array)} at '{at}', and its card says {count} "
                "classes×height×width: check classes and output.background."
            )
        if not np.isfinite(array).all():
            raise ImageError(f"{card.name} gave a number that is not finite")
        logits = torch.from_numpy(np.array(array, np.float32))
        numbers = _logits_back(logits, place, output.align_corners).argmax(0).numpy()
    else:
        if array.ndim != 2 or array.dtype.kind not in "iuf":
            raise UserError(
                f"{card.name} has {described(array)} at '{at}', and its card says height×width "
                "class numbers: mend the card's output."
            )
        if not np.isfinite(array).all():
            raise ImageError(f"{card.name} gave a number that is not finite")
        numbers = _nearest_back(array.astype(np.int64), place)
    if numbers.min() < 0 or numbers.max() >= count:
        odd = numbers.min() if numbers.min() < 0 else numbers.max()
        raise UserError(
            f"{card.name} gives the class number {odd}, and its card says 0 to {count - 1}: check "
            "classes and output.background."
        )
    return numbers.astype(np.uint8 if count <= 256 else np.int64)


def _logits_back(logits: Tensor, place: Placement, align_corners: bool) -> Tensor:
    """Logits (C, h, w) over the canvas, bilinear at the size of the original image."""
    from torch.nn.functional import interpolate

    def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
        if maps.shape[1:] == size:
            return maps
        return interpolate(maps[None], size, mode="bilinear", align_corners=align_corners)[0]

    if place.canvas != place.resized:  # what was padded goes before the image gets its size back
        rows, columns = place.resized
        logits = resized(logits, place.canvas)
        logits = logits[:, place.top : place.top + rows, place.left : place.left + columns]
    return resized(logits, place.original)


def _nearest_back(numbers: NDArray[np.int64], place: Placement) -> NDArray[np.int64]:
    """Class numbers (h, w) over the canvas, at the centres of the original image's pixels."""
    places = []
    for axis, offset in enumerate((place.top, place.left)):
        pixels, resized = place.original[axis], place.resized[axis]
        on_canvas = (np.arange(pixels) + 0.5) * resized / pixels + offset
        places.append((on_canvas * numbers.shape[axis] / place.canvas[axis]).astype(np.int64))
    return numbers[np.ix_(places[0], places[1])]


def class_scores(answer: object, card: ClassifierFile) -> NDArray[np.float64]:
    """A classifier's score of each of the card's classes, more is surer.

    Raises:
        UserError: the output is not what the card says.
        ImageError: a number is not finite.
    """
    output = card.output
    at = output.logits if output.logits is not None else output.probabilities or ""
    numbers = find(answer, at, card)
    wanted = len(card.classes) + output.label_base
    if numbers.size != wanted or max(numbers.shape, default=0) != wanted:
        raise UserError(
            f"{card.name} has {described(numbers)} at '{at}', and its card says {wanted} scores: "
            "check classes and output.label_base."
        )
    scores = numbers.reshape(-1).astype(np.float64)
    if not np.isfinite(scores).all():
        raise ImageError(f"{card.name} gave a number that is not finite")
    if output.logits is None and (np.abs(scores - 0.5) > 0.5 + 1e-4).any():
        raise UserError(
            f"{card.name} gives probabilities from {scores.min():.4g} to {scores.max():.4g}: say "
            "logits instead in its card."
        )
    return scores[output.label_base :]
