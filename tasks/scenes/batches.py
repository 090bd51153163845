"""Training batches as a pure function of the seed and the step.

Augmentation flips, transposes, crops, scales and changes colours, as trainings of detectors for
photographs do. It never blurs, adds noise or compresses: no model has seen anything like the
degradation it is later measured under.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.scenes.data_set import Scenes

SCALES = (0.7, 2.0)
"""Range of the factor by which a batch's images are scaled, drawn on a logarithmic scale."""

LEAST_VISIBLE = 0.3
"""Boxes of which a crop leaves less than this share are dropped."""

LEAST_SIDE = 4.0
"""Boxes that a crop or scaling leaves narrower than this, in pixels, are dropped."""

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
            view = View.drawn(rng, *image.shape[:2])
            images.append(recoloured(view.of(image), rng))
            things = turned_boxes(self._boxes[k], self._sizes[k], transform)
            kept, seen = view.of_boxes(things)
            boxes.append(seen)
            labels.append(np.asarray(self._labels[k], np.int64)[kept])
            if self._masks:
                mask = turned(self._data_set.mask(self._ids[k]), transform)
                masks.append(view.of_mask(mask))
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


@dataclass(frozen=True)
class View:
    """A crop enlarged to the image's size, or the image reduced and put on a plain ground.

    Attributes:
        scale: factor by which things become larger.
        left: column of the image that becomes the view's first one; negative: ground to the left.
        top: row, likewise.
        width: of image and view, pixels.
        height: likewise.
    """

    scale: float
    left: float
    top: float
    width: int
    height: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, height: int, width: int) -> View:
        """A random view of an image of this size."""
        scale = float(np.exp(rng.uniform(*np.log(SCALES))))
        left, top = (rng.uniform() * (side - side / scale) for side in (width, height))
        return cls(scale, float(left), float(top), width, height)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """What it shows of the image: left, top, right, bottom, in the image's pixels."""
        right, bottom = self.left + self.width / self.scale, self.top + self.height / self.scale
        return self.left, self.top, right, bottom

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view of an image, (height, width, 3); the ground has the image's mean colour."""
        ground = tuple(int(level) for level in image.mean((0, 1)))
        return self._resampled(Image.fromarray(image), Image.Resampling.BICUBIC, ground)

    def of_mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view of a mask, (height, width); the ground is ignored, 255."""
        return self._resampled(Image.fromarray(mask), Image.Resampling.NEAREST, 255)

    def of_boxes(self, boxes: NDArray[np.float32]) -> tuple[list[int], NDArray[np.float32]]:
        """Which of the boxes (N, 4) are to be seen, and their places in the view."""
        moved = (boxes - np.asarray([self.left, self.top] * 2, np.float32)) * self.scale
        limits = np.asarray([self.width, self.height] * 2, np.float32)
        clipped = np.clip(moved, 0, limits)
        whole = (moved[:, 2] - moved[:, 0]) * (moved[:, 3] - moved[:, 1])
        sides = clipped[:, 2:] - clipped[:, :2]
        kept = (sides.prod(1) >= LEAST_VISIBLE * whole) & (
            sides.min(1, initial=np.inf) >= LEAST_SIDE
        )
        return np.flatnonzero(kept).tolist(), clipped[kept].astype(np.float32)

    def _resampled(
        self,
        image: Image.Image,
        filter: Image.Resampling,
        ground: tuple[int, ...] | int,
    ) -> NDArray[np.uint8]:
        size = self.width, self.height
        if self.scale >= 1:
            return np.asarray(image.resize(size, filter, box=self.box))
        canvas = Image.new(image.mode, size, ground)
        small = image.resize((round(size[0] * self.scale), round(size[1] * self.scale)), filter)
        canvas.paste(small, (round(-self.left * self.scale), round(-self.top * self.scale)))
        return np.asarray(canvas)


def recoloured(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another exposure, white balance, contrast and saturation, 0..1; not rounded again."""
    gain = np.exp(rng.uniform(-0.3, 0.3) + rng.uniform(-0.08, 0.08, 3))
    contrast, saturation = np.exp(rng.uniform(-0.3, 0.3, 2))
    levels: NDArray[np.float64] = image / 255.0 * gain
    levels = levels.mean() + contrast * (levels - levels.mean())
    grey = levels.mean(-1, keepdims=True)
    return np.asarray(np.clip(grey + saturation * (levels - grey), 0.0, 1.0), np.float32)
