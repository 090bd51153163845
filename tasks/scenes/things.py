"""Things lying in a scene: the object classes and the distractors that are no class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from tasks.scenes import CLASSES
from tasks.scenes.kinds import KINDS, Part, distractor
from tasks.scenes.materials import Palette, muted, palette, surface
from tasks.scenes.noise import Field, Rng
from tasks.scenes.shapes import At


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
        azimuth, height = dice.uniform(0.0, 2 * np.pi), dice.uniform(0.35, 0.8)
        flat = np.sqrt(1.0 - height**2)
        return Light(
            (float(flat * np.cos(azimuth)), float(flat * np.sin(azimuth)), height),
            dice.uniform(0.2, 0.5),
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
    kind = KINDS[CLASSES[label - 1]] if label else distractor
    window, top, left, squash = _window(dice, size, at)
    parts = kind(dice, window)
    alpha, relief, colours = _assembled(parts, palette(dice), squash * size)
    even = surface(dice, *alpha.shape)
    light = _lit(dice, relief, colours * even[..., None], sun)
    return Thing(
        label=label,
        top=top,
        left=left,
        alpha=alpha,
        light=light,
        lift=dice.uniform(0.15, 0.4) * size,
    )


def _window(dice: Rng, size: float, at: tuple[float, float]) -> tuple[At, int, int, float]:
    """The window around a thing: object coordinates, turned and foreshortened; row, column."""
    reach = int(np.ceil(1.3 * size)) + 2
    left, top = int(at[0]) - reach, int(at[1]) - reach
    y, x = np.mgrid[top : top + 2 * reach + 1, left : left + 2 * reach + 1].astype(np.float64)
    angle, squash = dice.uniform(0, 2 * np.pi), dice.uniform(0.75, 1.0)
    tilt = dice.uniform(0, 2 * np.pi)
    # Seen from aslant: shorter in the direction `tilt`, whatever the thing's own direction.
    dx, dy = (x - at[0]) / size, (y - at[1]) / size
    along = np.cos(tilt) * dx + np.sin(tilt) * dy
    dx, dy = (d + along * (1 / squash - 1) * t for d, t in ((dx, np.cos(tilt)), (dy, np.sin(tilt))))
    u = np.cos(angle) * dx + np.sin(angle) * dy
    v = -np.sin(angle) * dx + np.cos(angle) * dy
    return (u, v), top, left, squash


def _assembled(parts: Sequence[Part], tones: Palette, size: float) -> tuple[Field, Field, Field]:
    """Coverage (height, width), relief in pixels likewise, and colours (height, width, 3)."""
    shape = parts[0].inside.shape
    alpha, relief, colours = np.zeros(shape), np.zeros(shape), np.tile(tones[0], (*shape, 1))
    for part in parts:
        cover = np.clip(0.5 + part.inside * size, 0.0, 1.0)
        t = np.clip(part.inside / part.rim, 0.0, 1.0)
        risen = part.bulge * size * np.sqrt(np.clip(1.0 - (1.0 - t) ** 2, 0.0, 1.0))
        base = relief if part.bulge <= 0.06 else 0.5 * relief
        relief = relief * (1 - cover) + (base + risen) * cover
        colours += (tones[part.tone] - colours) * cover[..., None]
        alpha = np.maximum(alpha, cover)
    return alpha, gaussian_filter(relief, 0.02 * size + 0.4, truncate=3.0), colours


def _lit(dice: Rng, relief: Field, colours: Field, sun: Light) -> Field:
    """Lambert's law and a highlight over a relief given in pixels."""
    dy, dx = np.gradient(relief)
    norm = 1.0 / np.sqrt(1.0 + dx**2 + dy**2)
    lx, ly, lz = sun.direction
    facing = np.maximum((lz - lx * dx - ly * dy) * norm, 0.0)
    half = np.sqrt(2.0 * (1.0 + lz))
    shine = np.maximum(((1.0 + lz) - lx * dx - ly * dy) * norm / half, 0.0) ** 24
    diffuse = sun.ambient * (0.5 + 0.5 * norm) + (1.15 - sun.ambient) * facing
    gloss = dice.uniform(0.0, 0.15)
    lit: Field = colours * diffuse[..., None] + gloss * shine[..., None]
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
    colours = np.tile(muted(dice) * 0.7, (*u.shape, 1))
    light = _lit(dice, gaussian_filter(relief, 0.6), colours, sun)
    return Thing(
        label=0,
        top=top,
        left=left,
        alpha=np.clip(0.5 + inside, 0.0, 1.0),
        light=light,
        lift=1.5 * thick,
    )
