"""Training batches as a pure function of the seed and the step.

Augmentation flips, transposes and changes exposure; it never blurs, adds noise or compresses, so
that no model has seen anything like the degradation it is later measured under.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.scenes.data_set import Scenes

Transform = tuple[bool, bool, bool]
"""Whether to transpose, to mirror left-right, to mirror top-bottom, in this order."""


@dataclass(frozen=True)
class SceneBatch:
    """Images of one size and what is on them.

    Attributes:
        images: (B, height, width, 3) float32 RGB, 0..1.
        boxes: per image (N, 4) float32, x0, y0, x1, y1 in pixels.
        labels: per image (N,) int64, from 1.
        masks: (B, height, width) uint8 class indices, 255 ignored; empty when not asked for.
    """

    images: NDArray[np.float32]
    boxes: list[NDArray[np.float32]]
    labels: list[NDArray[np.int64]]
    masks: NDArray[np.uint8]


class SceneBatches:
    """Draws training batches from a split of `scenes`.

    Portrait images are transposed; the images of a batch all have one size, so nothing is padded.

    Args:
        data_set: where images come from.
        batch_size: images a batch.
        seed: seeds every choice.
        masks: whether batches carry masks.
        empty: whether images without objects may be drawn.
    """

    def __init__(
        self,
        data_set: Scenes,
        batch_size: int,
        seed: int,
        *,
        masks: bool = False,
        empty: bool = True,
    ) -> None:
        self._data_set, self._batch_size, self._seed = data_set, batch_size, seed
        self._masks = masks
        references = data_set.images()
        self._paths = [reference.path for reference in references]
        self._ids = [reference.id for reference in references]
        truth = data_set.coco(self._ids)
        self._boxes: list[list[list[float]]] = [[] for _ in self._ids]
        self._labels: list[list[int]] = [[] for _ in self._ids]
        position = {image["id"]: k for k, image in enumerate(truth["images"])}
        for note in truth["annotations"]:
            x, y, width, height = note["bbox"]
            self._boxes[position[note["image_id"]]].append([x, y, x + width, y + height])
            self._labels[position[note["image_id"]]].append(note["category_id"])
        self._sizes = [(image["height"], image["width"]) for image in truth["images"]]
        self._groups: dict[tuple[int, int], list[int]] = {}
        for k, size in enumerate(self._sizes):
            if empty or self._labels[k]:
                self._groups.setdefault((min(size), max(size)), []).append(k)

    def __call__(self, step: int) -> SceneBatch:
        """The batch of a step."""
        rng = np.random.default_rng((self._seed, step))
        groups = list(self._groups.values())
        share = np.asarray([len(group) for group in groups], np.float64)
        group = groups[int(rng.choice(len(groups), p=share / share.sum()))]
        images, boxes, labels, masks = [], [], [], []
        for k in rng.choice(group, self._batch_size):
            portrait = self._sizes[k][0] > self._sizes[k][1]
            transform = (portrait, bool(rng.random() < 0.5), bool(rng.random() < 0.5))
            with Image.open(self._paths[k]) as file:
                image = turned(np.asarray(file), transform)
            images.append(_exposed(image, rng))
            boxes.append(turned_boxes(self._boxes[k], self._sizes[k], transform))
            labels.append(np.asarray(self._labels[k], np.int64))
            if self._masks:
                masks.append(turned(self._data_set.mask(self._ids[k]), transform))
        stacked = np.stack(masks) if masks else np.zeros((0, 0, 0), np.uint8)
        return SceneBatch(np.stack(images), boxes, labels, stacked)


def turned(pixels: NDArray[np.uint8], transform: Transform) -> NDArray[np.uint8]:
    """An image or mask, (height, width, ...), transposed and mirrored."""
    transpose, mirror, flip = transform
    if transpose:
        pixels = pixels.swapaxes(0, 1)
    if mirror:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels[::-1] if flip else pixels)


def turned_boxes(
    boxes: Sequence[Sequence[float]], size: tuple[int, int], transform: Transform
) -> NDArray[np.float32]:
    """Boxes (N, 4), x0, y0, x1, y1, after `turned` on an image of ``size`` (height, width)."""
    transpose, mirror, flip = transform
    result: NDArray[np.floating] = np.asarray(boxes, np.float32).reshape(-1, 4)
    height, width = size
    if transpose:
        result, height, width = result[:, [1, 0, 3, 2]], width, height
    if mirror:
        result = result[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    if flip:
        result = result[:, [0, 3, 2, 1]] * [1, -1, 1, -1] + [0, height, 0, height]
    return np.ascontiguousarray(result, np.float32)


def _exposed(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another exposure and white balance, 0..1; values are not rounded again."""
    gain = np.exp(rng.uniform(-0.2, 0.2) + rng.uniform(-0.06, 0.06, 3))
    return np.minimum(image / 255.0 * gain, 1.0).astype(np.float32)
