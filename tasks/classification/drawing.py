"""A classifier's answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.plugins import Drawing


def drawn(
    prediction: NDArray[np.floating[Any]] | None, right: bool, said: str, true: str
) -> Drawing:
    """What the classifier is surest of, how sure it is, and whether it is right.

    Args:
        prediction: (classes,) scores, or None: the truth.
        right: whether the surest class is the true one.
        said: name of the surest class.
        true: name of the true class.
    """
    if prediction is None:
        return Drawing(caption=f"it is {true}")
    verdict = "right" if right else f"wrong, it is {true}"
    return Drawing(caption=f"top-1: {said} ({sureness(prediction):.2f}), {verdict}")


def sureness(scores: NDArray[np.floating[Any]]) -> float:
    """The highest score as a probability, 0..1.

    Scores that are probabilities already (none negative, sum 1) stay as they are; others are taken
    for logits and go through the softmax.
    """
    values = scores.astype(np.float64)
    if (values < 0).any() or not np.isclose(values.sum(), 1.0, atol=1e-3):
        values = np.exp(values - values.max())
        values /= values.sum()
    return float(values.max())


def class_name(names: Sequence[str], place: int) -> str:
    """The class name, or that the data set has none."""
    return names[place] if 0 <= place < len(names) else "a class the data set lacks"
