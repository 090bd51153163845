"""Training batches of `scenes-things-train` as a pure function of the seed and the step.

Pictures are turned and exposed otherwise; they are never blurred, resized, made noisy or
compressed, so that the classifier has seen nothing like what it is later measured under.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.classification.scenes_things import ScenesThings
from tasks.scenes.batches import turned


@dataclass(frozen=True)
class CropBatch:
    """Pictures of one size and what they show.

    Attributes:
        images: (B, side, side, 3) float32 RGB, 0..1.
        labels: (B,) int64 class indices, from 0.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


class CropBatches:
    """Draws batches; the pictures of one have the same side, so that none is resampled.

    Args:
        data_set: where pictures come from.
        batch_size: pictures a batch.
        seed: seeds every choice.
    """

    def __init__(self, data_set: ScenesThings, batch_size: int, seed: int) -> None:
        self._batch_size, self._seed = batch_size, seed
        self._images = data_set.images()
        self._labels = [data_set.label(image.id) for image in self._images]
        sides = data_set.sides()
        groups: dict[int, list[int]] = {}
        for k, image in enumerate(self._images):
            groups.setdefault(sides[image.id], []).append(k)
        self._groups = [groups[side] for side in sorted(groups)]

    def __call__(self, step: int) -> CropBatch:
        """The batch of a step."""
        rng = np.random.default_rng((self._seed, step))
        share = np.asarray([len(group) for group in self._groups], np.float64)
        group = self._groups[int(rng.choice(len(self._groups), p=share / share.sum()))]
        images, labels = [], []
        for k in rng.choice(group, self._batch_size):
            with Image.open(self._images[k].path) as file:
                pixels = np.asarray(file)
            transpose, mirror, flip = (bool(coin) for coin in rng.random(3) < 0.5)
            images.append(_exposed(turned(pixels, (transpose, mirror, flip)), rng))
            labels.append(self._labels[k])
        return CropBatch(np.stack(images), np.asarray(labels, np.int64))


def _exposed(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another exposure and white balance, 0..1; values are not rounded again."""
    gain = np.exp(rng.uniform(-0.2, 0.2) + rng.uniform(-0.06, 0.06, 3))
    return np.minimum(image / 255.0 * gain, 1.0).astype(np.float32)
