"""Things lying in a scene: the object classes and the distractors that are no class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from tasks.scenes import CLASSES, materials, silhouettes
from tasks.scenes.materials import Material, Patch, muted
from tasks.scenes.noise import Field, Rng
from tasks.scenes.silhouettes import Outline

_MAKERS: dict[str, tuple[Callable[[Rng], Outline], Material]] = {
    "orange": (silhouettes.disc, materials.pitted),
    "yarn": (silhouettes.disc, materials.wound),
    "pebble": (silhouettes.blob, materials.speckled),
    "leaf": (silhouettes.lens, materials.veined),
    "feather": (silhouettes.lens, materials.barbed),
    "plank": (silhouettes.slab, materials.wooden),
    "cloth": (silhouettes.slab, materials.woven),
    "starfish": (silhouettes.star, materials.bumpy),
    "shell": (silhouettes.fan, materials.ribbed),
    "ring": (silhouettes.annulus, materials.twisted),
}
_DISTRACTORS = (silhouettes.disc, silhouettes.blob, silhouettes.lens, silhouettes.slab)
_ROUND = {"orange", "yarn", "ring", None}


@dataclass(frozen=True)
class Light:
    """The sun: where it stands and how much of the light is not from it.

    Attributes:
        direction: unit vector towards it, image axes x, y and out of the image.
        ambient: share of light from everywhere, 0..1.
    """

    direction: tuple[float, float, float]
    ambient: float

    @staticmethod
    def rolled(dice: Rng) -> Light:
        """A light from somewhere above."""
        azimuth, height = dice.uniform(0.0, 2 * np.pi), dice.uniform(0.45, 0.8)
        flat = np.sqrt(1.0 - height**2)
        return Light(
            (float(flat * np.cos(azimuth)), float(flat * np.sin(azimuth)), height),
            dice.uniform(0.35, 0.55),
        )


@dataclass(frozen=True)
class Thing:
    """A rendered thing in a window of the image.

    Attributes:
        label: class index from 1, or 0 for a distractor.
        top: first row of the window (may be negative: the thing sticks out of the image).
        left: first column of the window.
        alpha: coverage, (height, width), 0..1.
        light: its own appearance in linear light, (height, width, 3).
        lift: height over the ground in pixels, for its shadow.
    """

    label: int
    top: int
    left: int
    alpha: Field
    light: Field
    lift: float


def make_thing(dice: Rng, label: int, size: float, at: tuple[float, float], sun: Light) -> Thing:
    """Render one thing.

    Args:
        dice: source of randomness.
        label: class index from 1, or 0 for a distractor.
        size: half its length in pixels.
        at: centre (x, y) in pixels.
        sun: the scene's light.
    """
    name = CLASSES[label - 1] if label else None
    # A distractor's outline is that of a class, its surface is not.
    maker, material = _MAKERS[name] if name else (dice.pick(_DISTRACTORS), materials.plain)
    outline = maker(dice)
    patch, top, left = _patch(dice, outline, size, at, name in _ROUND)
    relief, albedo = material(dice, patch)
    middle = float(np.mean(albedo))
    albedo = middle + dice.uniform(0.4, 1.0) * (albedo - middle)
    alpha = np.clip(0.5 + patch.inside * size, 0.0, 1.0)
    light = _lit(dice, relief, albedo, muted(dice, name), sun)
    return Thing(
        label=label,
        top=top,
        left=left,
        alpha=alpha,
        light=light,
        lift=dice.uniform(0.15, 0.35) * size,
    )


def _patch(
    dice: Rng, outline: Outline, size: float, at: tuple[float, float], is_round: bool
) -> tuple[Patch, int, int]:
    """The window around a thing and its object coordinates, turned and foreshortened."""
    reach = int(np.ceil(1.4 * size)) + 2
    left, top = int(at[0]) - reach, int(at[1]) - reach
    y, x = np.mgrid[top : top + 2 * reach + 1, left : left + 2 * reach + 1].astype(np.float64)
    angle, squash = dice.uniform(0, 2 * np.pi), dice.uniform(0.88 if is_round else 0.72, 1.0)
    dx, dy = (x - at[0]) / size, (y - at[1]) / (size * squash)
    u = np.cos(angle) * dx + np.sin(angle) * dy
    v = -np.sin(angle) * dx + np.cos(angle) * dy
    period = float(np.clip(size * dice.uniform(0.1, 0.16), 2.7, 4.6))
    patch = Patch(u=u, v=v, inside=squash * outline(u, v), size=size, period=period, angle=angle)
    return patch, top, left


def _lit(dice: Rng, relief: Field, albedo: Field, colour: Field, sun: Light) -> Field:
    """Lambert's law and a weak highlight over a relief given in pixels."""
    dy, dx = np.gradient(relief)
    norm = 1.0 / np.sqrt(1.0 + dx**2 + dy**2)
    lx, ly, lz = sun.direction
    facing = np.maximum((lz - lx * dx - ly * dy) * norm, 0.0)
    half = np.sqrt(2.0 * (1.0 + lz))
    shine = np.maximum(((1.0 + lz) - lx * dx - ly * dy) * norm / half, 0.0) ** 24
    diffuse = sun.ambient * (0.55 + 0.45 * norm) + (1.15 - sun.ambient) * facing
    gloss = dice.uniform(0.0, 0.07)
    tint = 1.0 + 0.05 * np.asarray([1.0, 0.0, -1.0]) * dice.uniform(-1, 1)
    lit: Field = colour * tint * (albedo * diffuse)[..., None] + gloss * shine[..., None]
    return lit


def twig(dice: Rng, height: int, width: int, sun: Light) -> Thing:
    """A bent twig or stalk across a part of the frame: clutter."""
    length, thick = dice.uniform(0.1, 0.4) * width, dice.uniform(0.8, 2.6)
    at = (dice.uniform(0, width), dice.uniform(0, height))
    reach = int(0.5 * length) + 4
    left, top = int(at[0]) - reach, int(at[1]) - reach
    y, x = np.mgrid[top : top + 2 * reach + 1, left : left + 2 * reach + 1].astype(np.float64)
    angle, bend = dice.uniform(0, np.pi), dice.uniform(-0.4, 0.4)
    u = np.cos(angle) * (x - at[0]) + np.sin(angle) * (y - at[1])
    v = -np.sin(angle) * (x - at[0]) + np.cos(angle) * (y - at[1])
    t = 2.0 * u / length
    across = v - bend * 0.5 * length * (1.0 - t**2)
    inside = np.minimum(thick * (1.0 - 0.4 * t) - np.abs(across), 0.5 * length - np.abs(u))
    relief = np.sqrt(np.clip(thick**2 * 2 - across**2, 0.0, None))
    light = _lit(dice, gaussian_filter(relief, 0.6), np.ones_like(u), muted(dice) * 0.7, sun)
    return Thing(
        label=0,
        top=top,
        left=left,
        alpha=np.clip(0.5 + inside, 0.0, 1.0),
        light=light,
        lift=1.5 * thick,
    )
