"""What is to be drawn of a prediction, whatever the task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MarkedBox:
    """A box to be drawn on a picture.

    Attributes:
        box: x1, y1, x2, y2 in pixels.
        kind: ``found`` (right), ``missed`` (an annotation nothing was found for) or ``false``.
        label: class name.
        score: of a detection; None for an annotation.
    """

    box: tuple[float, float, float, float]
    kind: str
    label: str
    score: float | None = None


@dataclass(frozen=True)
class Drawing:
    """What a vision model said of one image, in a form that can be drawn without knowing the task.

    Attributes:
        boxes: to be drawn.
        class_map: (height, width) uint8 index into ``names``, or None; 255: not counted.
        names: of the values of ``class_map``.
        caption: one line in words, such as the class and whether it is right.
    """

    boxes: tuple[MarkedBox, ...] = ()
    class_map: NDArray[np.uint8] | None = None
    names: tuple[str, ...] = ()
    caption: str = ""
