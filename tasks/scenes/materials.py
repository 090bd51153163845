"""Colours and surfaces of things."""

from __future__ import annotations

import numpy as np

from tasks.scenes.noise import Field, Rng, spectral

Palette = Field
"""The tones of a thing in linear light, (3 tones, 3 channels), 0..1."""

COLOURS = (
    (196, 62, 52), (214, 128, 44), (222, 190, 78), (92, 138, 62), (58, 110, 124), (62, 84, 150),
    (132, 84, 134), (150, 104, 70), (108, 78, 58), (226, 218, 200), (150, 146, 138), (52, 50, 54),
    (186, 158, 120), (120, 126, 92), (176, 110, 98), (96, 116, 142),
)  # fmt: skip
"""sRGB, 0..255, of things."""

EARTH = (
    (128, 96, 66), (164, 130, 84), (110, 108, 70), (142, 136, 122), (96, 84, 78), (158, 104, 78),
    (104, 116, 126), (178, 162, 132), (92, 106, 88), (146, 118, 112), (122, 122, 104), (72, 70, 66),
)  # fmt: skip
"""sRGB, 0..255, of grounds and walls."""


def linear(rgb: tuple[float, float, float]) -> Field:
    """An sRGB colour (0..255) as linear light, (3,), 0..1 (power 2.2)."""
    return np.asarray([(channel / 255.0) ** 2.2 for channel in rgb])


def muted(dice: Rng) -> Field:
    """A colour of the earth in linear light, (3,), 0..1."""
    return _varied(dice, linear(dice.pick(EARTH)), 0.25, 2.6, dice.uniform(0.1, 0.5))


def _varied(dice: Rng, base: Field, low: float, high: float, grey: float) -> Field:
    tint = np.asarray([dice.log_uniform(0.88, 1.14) for _ in range(3)])
    colour = base * dice.log_uniform(low, high) * tint
    return np.asarray(np.clip((1.0 - grey) * colour + grey * colour.mean(), 0.008, 0.9))


def palette(dice: Rng) -> Palette:
    """Three tones that differ in lightness, in hue too more often than not.

    Their contrast is at times as weak as that of wood on wood and at times as strong as of black
    on white: parts are to be lost to compression one by one, not all at once.
    """
    own = EARTH if dice.chance(0.4) else COLOURS
    first = _varied(dice, linear(dice.pick(own)), 0.5, 1.7, dice.uniform(0.0, 0.5))
    contrast = dice.log_uniform(1.35, 4.5)
    lightness = float(first.mean())
    darker = dice.chance(0.75 if lightness > 0.18 else 0.25)
    tones = [first]
    for share in (1.0, dice.uniform(0.5, 1.5)):
        other = _varied(dice, linear(dice.pick(own)), 1.0, 1.0001, dice.uniform(0.0, 0.4))
        hue = first if dice.chance(0.3) else other
        factor = contrast**-share if darker else contrast**share
        tones.append(np.clip(hue * factor * lightness / hue.mean(), 0.006, 0.9))
        darker = darker if dice.chance(0.7) else not darker
    return np.stack(tones)


def surface(dice: Rng, height: int, width: int) -> Field:
    """The reflectance of any thing's surface about 1, (height, width): uneven at every scale."""
    return 1.0 + dice.uniform(0.04, 0.16) * spectral(
        dice, height, width, slope=dice.uniform(0.9, 1.4)
    )
