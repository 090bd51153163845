"""The images drawn: how often each counts in each draw of an image-level bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
"""Draws where nobody says otherwise."""

_BLOCK = 100
"""Draws that share one generator, so that they can be made in any order and by any worker."""


def resample_weights(images: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.int32]:
    """How often each image is drawn, ``draws`` times (Efron 1979: with replacement, as many).

    The same numbers give the same draws everywhere: two cells over the same images are drawn
    together, which is what makes their difference paired. The first draws of many are those of few.

    Args:
        images: number of images, 1 or more.
        draws: number of draws.
        seed: of the generators.

    Returns:
        (draws, images) counts; each row sums to ``images``.
    """
    found = np.zeros((draws, images), np.int32)
    for block in range(-(-draws // _BLOCK)):
        generator = np.random.default_rng([seed, block])
        picks = generator.integers(0, images, (_BLOCK, images))
        for row, pick in enumerate(picks[: draws - block * _BLOCK], start=block * _BLOCK):
            found[row] = np.bincount(pick, minlength=images)
    return found
