"""Puts a scene together: things on a background, shadows, a camera; and what is where, exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tasks.scenes import CLASSES
from tasks.scenes.backgrounds import background
from tasks.scenes.noise import Field, Rng
from tasks.scenes.things import Light, Thing, make_thing, twig

SPLITS = {"evaluation": 0, "train": 1}
"""Splits by the number that seeds them: they share no random stream."""

SIZES = (
    (240, 320),
    (240, 320),
    (240, 320),
    (320, 240),
    (240, 320),
    (250, 333),
    (240, 320),
    (272, 288),
)
"""Image sizes (height, width), by index modulo eight."""

_MIN_SHARE = 0.4
_MIN_PIXELS = 36


@dataclass(frozen=True)
class Scene:
    """A rendered image and its ground truth.

    Attributes:
        image: (height, width, 3) uint8 RGB.
        boxes: (N, 4) int64, x0, y0, x1, y1 of the visible extent in pixels, x1 and y1 exclusive.
        labels: (N,) int64, 1..len(CLASSES).
        areas: (N,) int64, visible pixels.
        mask: (height, width) uint8, class index, 0 background, 255 along outlines.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.int64]
    labels: NDArray[np.int64]
    areas: NDArray[np.int64]
    mask: NDArray[np.uint8]


def render(split: str, index: int) -> Scene:
    """The scene of a split at an index, always the same.

    Args:
        split: ``evaluation`` or ``train``.
        index: 0 or more; every index is another scene.

    Raises:
        KeyError: no such split.
    """
    dice = Rng((20240607, SPLITS[split], index))
    height, width = SIZES[index % len(SIZES)]
    canvas = _Canvas(background(dice, height, width))
    sun = Light.rolled(dice)
    for label, size in _cast(dice, height, width):
        canvas.try_to_place(dice, label, size, sun)
    image = _photograph(dice, canvas.light)
    return Scene(image, *canvas.ground_truth())


def _cast(dice: Rng, height: int, width: int) -> list[tuple[int, float]]:
    """Who appears: (label, half size), large things first so that small ones lie on top."""
    longest = 0.25 * max(height, width)
    cast = []
    for _ in range(dice.integer(3, 10)):
        small = dice.chance(0.18)
        size = dice.log_uniform(6.5, 12.0) if small else dice.log_uniform(12.0, longest)
        cast.append((dice.integer(1, len(CLASSES)), size))
    for _ in range(dice.integer(2, 6)):
        cast.append((0, dice.log_uniform(7.0, 0.6 * longest)))
    for _ in range(dice.integer(0, 3)):
        cast.append((-1, 0.35 * longest))
    order = [(size * dice.uniform(0.5, 1.5), label, size) for label, size in cast]
    return [(label, size) for _, label, size in sorted(order, reverse=True)]


@dataclass
class _Canvas:
    """The scene as it fills: light, and which thing each pixel shows (0 none, else number + 1)."""

    light: Field
    owner: NDArray[np.int64] = field(init=False)
    labels: list[int] = field(init=False, default_factory=list)
    whole: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.owner = np.zeros(self.light.shape[:2], np.int64)

    def try_to_place(self, dice: Rng, label: int, size: float, sun: Light) -> None:
        """Paint a thing where it hides no other almost entirely; give up after some tries."""
        height, width = self.owner.shape
        for _ in range(8):
            at = (dice.uniform(0, width), dice.uniform(0, height))
            if label < 0:
                thing = twig(dice, height, width, sun)
            else:
                if self._crowded(at, size):
                    continue
                thing = make_thing(dice, label, size, at, sun)
            inside = self._window(thing)
            if inside is not None and self._fits(thing, *inside):
                self._paint(thing, sun, *inside)
                return

    def _crowded(self, at: tuple[float, float], size: float) -> bool:
        """Whether most of the place is taken: looked at before anything is rendered."""
        (x, y), reach = at, 0.7 * size
        rows = slice(max(int(y - reach), 0), int(y + reach) + 1)
        columns = slice(max(int(x - reach), 0), int(x + reach) + 1)
        taken = self.owner[rows, columns]
        return taken.size == 0 or float((taken > 0).mean()) > 0.6

    def _window(self, thing: Thing) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Where the thing's window meets the image: (in the image, in the thing)."""
        spans = []
        for start, extent, limit in zip(
            (thing.top, thing.left), thing.alpha.shape, self.owner.shape, strict=True
        ):
            low, high = max(start, 0), min(start + extent, limit)
            if low >= high:
                return None
            spans.append((slice(low, high), slice(low - start, high - start)))
        return (spans[0][0], spans[1][0]), (spans[0][1], spans[1][1])

    def _fits(self, thing: Thing, here: tuple[slice, slice], there: tuple[slice, slice]) -> bool:
        solid = thing.alpha[there] > 0.5
        visible = int(solid.sum())
        if visible < _MIN_PIXELS or visible < 0.5 * int((thing.alpha > 0.5).sum()):
            return False
        lost = np.bincount(self.owner[here][solid], minlength=len(self.labels) + 1)
        left = np.bincount(self.owner.ravel(), minlength=len(self.labels) + 1) - lost
        return all(
            left[k + 1] >= max(_MIN_SHARE * area, _MIN_PIXELS)
            for k, area in enumerate(self.whole)
            if self.labels[k] and lost[k + 1]
        )

    def _paint(
        self, thing: Thing, sun: Light, here: tuple[slice, slice], there: tuple[slice, slice]
    ) -> None:
        _darken(self.light, thing, sun)
        alpha = thing.alpha[there][..., None]
        self.light[here] = self.light[here] * (1 - alpha) + thing.light[there] * alpha
        solid = thing.alpha[there] > 0.5
        self.labels.append(max(thing.label, 0))
        self.whole.append(int(solid.sum()))
        self.owner[here][solid] = len(self.labels)

    def ground_truth(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
        """Boxes, labels, areas and the mask of what is visible."""
        boxes, labels, areas = [], [], []
        for k, label in enumerate(self.labels):
            rows, columns = np.nonzero(self.owner == k + 1)
            if label and rows.size:
                boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
                labels.append(label)
                areas.append(rows.size)
        # Distractors are background; an outline is where two different objects, or one and the
        # background, meet.
        real = np.asarray([0, *[k + 1 if label else 0 for k, label in enumerate(self.labels)]])
        objects = real[self.owner]
        mask = np.asarray([0, *self.labels], np.uint8)[self.owner]
        mask[_edges(objects)] = 255
        return (
            np.asarray(boxes, np.int64).reshape(-1, 4),
            np.asarray(labels, np.int64),
            np.asarray(areas, np.int64),
            mask,
        )


def _edges(objects: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels with a 4-neighbour of another object."""
    edges = np.zeros(objects.shape, bool)
    rows, columns = objects[1:] != objects[:-1], objects[:, 1:] != objects[:, :-1]
    edges[1:] |= rows
    edges[:-1] |= rows
    edges[:, 1:] |= columns
    edges[:, :-1] |= columns
    return edges


def _darken(light: Field, thing: Thing, sun: Light) -> None:
    """Take from the scene's light, in place, what the thing's soft shadow takes."""
    height, width = light.shape[:2]
    softness = max(0.7, 0.35 * thing.lift)
    pad = int(3 * softness) + 1
    shadow = gaussian_filter(np.pad(thing.alpha, pad), softness, truncate=3.0)
    x, y, z = sun.direction
    top = thing.top - pad - round(thing.lift * y / z)
    left = thing.left - pad - round(thing.lift * x / z)
    low, high = max(top, 0), min(top + shadow.shape[0], height)
    first, last = max(left, 0), min(left + shadow.shape[1], width)
    if low < high and first < last:
        part = shadow[low - top : high - top, first - left : last - left]
        light[low:high, first:last] *= 1.0 - (0.95 * (1.0 - sun.ambient) * part)[..., None]


def _photograph(dice: Rng, light: Field) -> NDArray[np.uint8]:
    """Lens blur, exposure, shot and read noise, gamma: linear light to 8-bit sRGB-like."""
    height, width = light.shape[:2]
    sigma = dice.uniform(0.3, 0.5)
    seen = gaussian_filter(light, (sigma, sigma, 0.0), truncate=4.0)
    level = float(np.mean(seen))
    seen = seen * np.clip(dice.uniform(0.12, 0.3) / level, 0.3, 4.0)
    iso = dice.log_uniform(0.004, 0.014)
    noise = np.stack([dice.white(height, width) for _ in range(3)], axis=-1)
    shared = dice.white(height, width)[..., None]
    # A demosaiced sensor's noise is mostly shared by the channels.
    noise = 0.8 * shared + 0.6 * gaussian_filter(noise, (0.6, 0.6, 0.0), truncate=4.0)
    seen = seen + iso * np.sqrt(np.clip(seen, 0.0, None) * 0.5 + 0.01) * noise
    # A soft shoulder keeps highlights from clipping.
    seen = np.clip(seen, 0.0, None)
    seen = np.where(seen > 0.7, 0.7 + 0.3 * np.tanh((seen - 0.7) / 0.3), seen)
    coded = seen ** (1 / 2.2)
    # What cameras do last: contrast, and sharpness against what the lens took.
    coded = coded + dice.uniform(0.1, 0.3) * np.sin(2 * np.pi * (coded - 0.5)) / np.pi
    soft = gaussian_filter(coded, (1.1, 1.1, 0.0), truncate=4.0)
    coded = np.clip(coded + dice.uniform(0.3, 1.1) * (coded - soft), 0.0, 1.0)
    image: NDArray[np.uint8] = np.round(255.0 * coded).astype(np.uint8)
    return image
