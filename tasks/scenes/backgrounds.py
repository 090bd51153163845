"""Backgrounds: surfaces and landscapes with the statistics of natural images."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from tasks.scenes.materials import linear, muted
from tasks.scenes.noise import Field, Rng, grain, smoothstep, spectral


def background(dice: Rng, height: int, width: int) -> Field:
    """A background in linear light, (height, width, 3), about 0..1."""
    kind = dice.uniform()
    if kind < 0.42:
        scene = _table(dice, height, width)
    elif kind < 0.72:
        scene = _ground(dice, height, width)
    else:
        scene = _landscape(dice, height, width)
    return np.clip(scene * _daylight(dice, height, width)[..., None], 0.002, 1.2)


def _tinted(dice: Rng, colour: Field, tone: Field) -> Field:
    """``colour`` modulated by ``tone`` (about 1), with a little 1/f colour variation."""
    height, width = tone.shape
    warm = 0.07 * spectral(dice, height, width, slope=1.2)
    tint = np.stack([1.0 + warm, np.ones_like(warm), 1.0 - warm], axis=-1)
    return np.asarray(colour * tone[..., None] * tint)


def _stuff(dice: Rng, height: int, width: int) -> Field:
    """One material filling the frame: earth, stone, wood, plaster or fabric."""
    kind = dice.integer(0, 4)
    # From plaster to foliage: the power of photographs is that of their few rough surfaces.
    rough = dice.log_uniform(0.08, 0.75) * (1.0 + 0.4 * spectral(dice, height, width, slope=1.5))
    tone = np.exp(rough * spectral(dice, height, width, slope=dice.uniform(0.75, 1.1)))
    if kind == 0:
        streaks = spectral(
            dice, height, width, 0.9, dice.uniform(5, 14), dice.pick((0.0, 0.05, 1.6))
        )
        tone = tone * np.exp(dice.uniform(0.05, 0.35) * streaks)
    elif kind == 1:
        pebbles = grain(dice, height, width, dice.uniform(3.5, 9.0))
        tone = tone * np.exp(dice.uniform(0.05, 0.35) * pebbles)
    elif kind == 2:
        y, x = np.mgrid[0:height, 0:width]
        angle, period = dice.uniform(0, np.pi), dice.uniform(3.5, 7.0)
        stripes = np.cos(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period)
        tone = tone * (1.0 + dice.uniform(0.02, 0.1) * stripes)
    return _tinted(dice, muted(dice), np.clip(tone, 0.1, 3.0))


def _table(dice: Rng, height: int, width: int) -> Field:
    """A surface in front of a wall, the wall out of focus; a soft edge between them."""
    y = np.arange(height)[:, None] + 3.0 * spectral(dice, height, width, slope=2.2)
    edge = dice.uniform(0.2, 0.45) * height
    wall = gaussian_filter(_stuff(dice, height, width), (2.0, 2.0, 0))
    front = smoothstep(-1.5, 1.5, y - edge)[..., None]
    shade = 1.0 - 0.35 * np.exp(-np.abs(y - edge) / (0.06 * height))[..., None]
    return np.asarray((wall * (1 - front) + _stuff(dice, height, width) * front) * shade)


def _ground(dice: Rng, height: int, width: int) -> Field:
    """Two or three materials in irregular patches, seen from above."""
    scene = _stuff(dice, height, width)
    for _ in range(dice.integer(1, 2)):
        where = spectral(dice, height, width, slope=2.0) + 0.15 * spectral(dice, height, width, 1.0)
        level = dice.uniform(-0.2, 0.8)
        cover = smoothstep(level - 0.06, level + 0.06, where)[..., None]
        scene = scene * (1 - cover) + _stuff(dice, height, width) * cover
    return scene


def _landscape(dice: Rng, height: int, width: int) -> Field:
    """A clouded sky, receding hills, ground in front."""
    t = np.linspace(0.0, 1.0, height)[:, None, None]
    sky = linear((124, 150, 176)) * (1 - t) + linear((206, 200, 188)) * t
    clouds = smoothstep(-0.2, 1.8, spectral(dice, height, width, 1.5, 2.0))[..., None]
    scene = sky * (1 - 0.7 * clouds) + linear((214, 210, 206)) * 0.7 * clouds
    haze = linear((168, 176, 184))
    y = np.arange(height)[:, None]
    layers = dice.integer(2, 4)
    for k in range(layers):
        near = (k + 1) / layers
        ridge = spectral(dice, 4, width, slope=1.6)[:1] * (0.05 + 0.02 * k) * height
        top = height * (dice.uniform(0.16, 0.28) + 0.38 * k / layers) + ridge
        cover = smoothstep(-0.8, 0.8, y - top)[..., None]
        hill = _stuff(dice, height, width) * near + haze * (1 - near) * 0.7
        scene = scene * (1 - cover) + hill * cover
    return scene


def _daylight(dice: Rng, height: int, width: int) -> Field:
    """Slow changes of the light over the frame: gradient, dapples, vignette."""
    y, x = np.mgrid[-1.0 : 1.0 : height * 1j, -1.0 : 1.0 : width * 1j]
    angle = dice.uniform(0, 2 * np.pi)
    light = 1.0 + dice.uniform(0.1, 0.45) * (np.cos(angle) * x + np.sin(angle) * y)
    if dice.chance(0.35):
        level = dice.uniform(-0.4, 0.6)
        dapple = smoothstep(level - 0.25, level + 0.25, spectral(dice, height, width, slope=1.7))
        light = light * (1.0 - dice.uniform(0.4, 0.8) * dapple)
    vignette = 1.0 - dice.uniform(0.05, 0.3) * (x**2 + y**2) / 2
    return np.asarray(light * vignette * dice.log_uniform(0.75, 1.25))
