"""A segmenter's class map in the data set's classes, for drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Drawing
from tasks.segmentation.metric.confusion import IGNORED

OTHER = "other"
"""What the segmenter says and the data set has no name for."""


def drawn(placed: NDArray[Any] | None, truth: NDArray[np.uint8], names: Sequence[str]) -> Drawing:
    """The class map to draw and how much of it is right.

    Args:
        placed: (height, width) prediction, index into ``names``; ``len(names)`` and more are
            `OTHER`. None draws the truth.
        truth: (height, width) index into ``names``; what is `IGNORED` there is so in the drawing.
        names: class names, value 0 first.
    """
    if placed is None:
        return Drawing(class_map=truth, names=tuple(names), caption="the ground truth")
    counted = truth != IGNORED
    # 255 is taken: beyond 254 names there is no value left for OTHER, so the last name is it.
    shown = np.minimum(placed, min(len(names), IGNORED - 1)).astype(np.uint8)
    shown[~counted] = IGNORED
    total = int(counted.sum())
    right = int((placed == truth)[counted].sum())
    caption = f"{100 * right / total:.1f} % of pixels right" if total else "no pixel counts"
    return Drawing(class_map=shown, names=(*names, OTHER), caption=caption)
