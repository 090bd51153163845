"""Muted, overlapping colours: as in photographs, colour alone does not tell a class."""

from __future__ import annotations

import numpy as np

from tasks.scenes.noise import Field, Rng

# sRGB, 0..255: browns, ochres, olives, greys, dusty reds and blues of ordinary things.
EARTH = (
    (128, 96, 66), (164, 130, 84), (110, 108, 70), (142, 136, 122), (96, 84, 78), (158, 104, 78),
    (104, 116, 126), (178, 162, 132), (92, 106, 88), (146, 118, 112), (122, 122, 104), (72, 70, 66),
)  # fmt: skip

CLASS_PALETTES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "orange": ((196, 124, 58), (182, 138, 62), (170, 104, 60)),
    "yarn": ((150, 84, 86), (92, 104, 138), (160, 146, 116)),
    "pebble": ((134, 130, 124), (112, 110, 112), (154, 142, 126)),
    "leaf": ((96, 112, 58), (128, 118, 56), (146, 98, 54)),
    "feather": ((130, 120, 108), (98, 98, 104), (150, 132, 110)),
    "plank": ((142, 106, 72), (120, 92, 66), (162, 132, 94)),
    "cloth": ((150, 136, 112), (110, 118, 132), (140, 102, 94)),
    "starfish": ((174, 110, 80), (160, 124, 98), (142, 96, 92)),
    "shell": ((188, 164, 138), (166, 142, 124), (176, 138, 116)),
    "ring": ((152, 130, 92), (122, 106, 84), (136, 132, 118)),
}


def linear(rgb: tuple[float, float, float]) -> Field:
    """An sRGB colour (0..255) as linear light, (3,), 0..1 (power 2.2)."""
    return np.asarray([(channel / 255.0) ** 2.2 for channel in rgb])


def muted(dice: Rng, name: str | None = None, own: float = 0.5) -> Field:
    """A colour in linear light, (3,), 0..1.

    Args:
        dice: source of randomness.
        name: class whose own palette is used with probability ``own``.
        own: see ``name``.
    """
    palette = CLASS_PALETTES[name] if name is not None and dice.chance(own) else EARTH
    base = linear(dice.pick(palette))
    shade = dice.log_uniform(0.65, 1.5)
    tint = np.asarray([dice.log_uniform(0.88, 1.14) for _ in range(3)])
    colour = base * shade * tint
    grey = dice.uniform(0.1, 0.5)
    return np.asarray(np.clip((1.0 - grey) * colour + grey * colour.mean(), 0.012, 0.8))
