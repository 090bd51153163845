"""What the classes are made of: relief and reflectance as functions of an object's coordinates.

A material returns the relief (in pixels, so that slopes are slopes) and the reflectance factor,
both (height, width). The finest detail has a period of a few pixels whatever the object's size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.scenes.noise import Field, Rng, grain, smoothstep, spectral

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


Surface = tuple[Field, Field]
TAU = 2.0 * np.pi


@dataclass(frozen=True)
class Patch:
    """Where a material is laid.

    Attributes:
        u: object coordinate, (height, width), about -1..1 over the object.
        v: the other one.
        inside: signed distance to the outline in units of the half size, positive inside.
        size: half size in pixels.
        period: period of the finest detail in pixels.
        angle: direction of the u axis in the image, radians.
    """

    u: Field
    v: Field
    inside: Field
    size: float
    period: float
    angle: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.u.shape[0], self.u.shape[1]

    @property
    def waves(self) -> float:
        """Periods of the finest detail per half size."""
        return self.size / self.period


Material = Callable[[Rng, Patch], Surface]


def dome(patch: Patch, roundness: float = 1.0) -> Field:
    """A dome over a round outline, in pixels."""
    rho = np.clip(1.0 - patch.inside, 0.0, 1.0) if roundness < 1 else np.hypot(patch.u, patch.v)
    return roundness * patch.size * np.sqrt(np.clip(1.0 - 0.98 * rho**2, 0.02, 1.0))


def pillow(patch: Patch, depth: float) -> Field:
    """A flat top with a rounded rim ``depth`` half sizes wide, in pixels."""
    t = np.clip(patch.inside / depth, 0.0, 1.0)
    return 0.6 * depth * patch.size * np.sqrt(np.clip(1.0 - (1.0 - t) ** 2, 0.0, 1.0))


def pitted(dice: Rng, patch: Patch) -> Surface:
    """Orange peel: small pits on a sphere."""
    pits = smoothstep(0.4, 1.6, grain(dice, *patch.shape, patch.period * 1.15))
    blotch = spectral(dice, *patch.shape, slope=1.4)
    return dome(patch) - 0.9 * pits, (1.0 + 0.06 * blotch) * (1.0 - 0.42 * pits)


def wound(dice: Rng, patch: Patch) -> Surface:
    """Yarn: bundles of parallel threads wound in different directions over a sphere."""
    rho2 = np.clip(patch.u**2 + patch.v**2, 0.0, 1.0)
    height, best = np.zeros(patch.shape), np.full(patch.shape, -9.0)
    for _ in range(5):
        angle, bow = dice.uniform(0, TAU), dice.uniform(-0.5, 0.5)
        across = np.cos(angle) * patch.u + np.sin(angle) * patch.v
        along = -np.sin(angle) * patch.u + np.cos(angle) * patch.v
        across = across + bow * along**2
        threads = 0.5 + 0.5 * np.cos(TAU * across * patch.waves * 0.8 + dice.uniform(0, TAU))
        priority = dice.uniform(0, 0.5) - np.abs(across - dice.uniform(-0.7, 0.7))
        height = np.where(priority > best, threads, height)
        best = np.maximum(best, priority)
    return dome(patch) + 1.1 * height, 0.5 + 0.62 * height - 0.08 * rho2


def speckled(dice: Rng, patch: Patch) -> Surface:
    """Granite: mixed light and dark crystals on a flattened dome."""
    dark = smoothstep(0.5, 1.1, grain(dice, *patch.shape, patch.period * 0.95))
    light = smoothstep(0.7, 1.3, grain(dice, *patch.shape, patch.period * 1.3))
    relief = dome(patch, 0.6) + 0.25 * spectral(dice, *patch.shape, slope=1.5)
    return relief, (1.0 - 0.5 * dark) * (1.0 + 0.6 * light)


def veined(dice: Rng, patch: Patch) -> Surface:
    """Leaf: a midrib and thin side veins."""
    lean = dice.uniform(0.7, 1.2)
    coordinate = (patch.u - lean * np.abs(patch.v)) * patch.waves / 2.4
    distance = np.abs(coordinate - np.round(coordinate)) * 2.4 * patch.period
    veins = np.exp(-((distance / 0.75) ** 2))
    rib = np.exp(-((np.abs(patch.v) * patch.size / 1.1) ** 2))
    lines = np.maximum(veins * 0.8, rib)
    blotch = spectral(dice, *patch.shape, slope=1.2)
    return pillow(patch, 0.3) + 0.7 * (1 - lines), (1 + 0.09 * blotch) * (0.82 + 0.55 * lines)


def barbed(dice: Rng, patch: Patch) -> Surface:
    """Feather: a pale shaft, dense oblique barbs, faint cross bands."""
    lean = dice.uniform(0.7, 1.2)
    phase = TAU * (patch.u - lean * np.abs(patch.v)) * patch.waves
    jitter = 0.8 * spectral(dice, *patch.shape, slope=1.0)
    barbs = 0.5 + 0.5 * np.cos(phase + jitter)
    bands = 0.5 + 0.5 * np.cos(TAU * (patch.u - 0.8 * np.abs(patch.v)) * dice.uniform(1.2, 2.2))
    shaft = np.exp(-((np.abs(patch.v) * patch.size / 1.2) ** 2))
    albedo = (0.68 + 0.42 * barbs) * (0.86 + 0.24 * bands) * (1 - shaft) + 1.5 * shaft
    return pillow(patch, 0.35) + 0.6 * barbs, albedo


def wooden(dice: Rng, patch: Patch) -> Surface:
    """Plank: wandering parallel grain with pores along u."""
    warp = spectral(dice, *patch.shape, slope=1.8)
    rings = 0.5 + 0.5 * np.cos(TAU * patch.v * patch.waves * 0.75 + 2.2 * warp)
    pores = smoothstep(1.0, 1.9, spectral(dice, *patch.shape, 0.8, 6.0, patch.angle))
    return pillow(patch, 0.1) + 0.4 * rings, (0.72 + 0.42 * rings) * (1.0 - 0.35 * pores)


def woven(dice: Rng, patch: Patch) -> Surface:
    """Cloth: threads over and under each other."""
    phase_u = np.pi * patch.u * patch.waves * 1.25 + dice.uniform(0, TAU)
    phase_v = np.pi * patch.v * patch.waves * 1.25 + dice.uniform(0, TAU)
    over = np.abs(np.sin(phase_u)) * (0.5 + 0.5 * np.sin(phase_u) * np.sin(phase_v))
    under = np.abs(np.sin(phase_v)) * (0.5 - 0.5 * np.sin(phase_u) * np.sin(phase_v))
    weave = over + under
    folds = spectral(dice, *patch.shape, slope=2.0)
    return pillow(patch, 0.08) + 1.2 * folds + 0.9 * weave, 0.62 + 0.55 * weave


def bumpy(dice: Rng, patch: Patch) -> Surface:
    """Starfish: rows of pale nodules on rounded arms."""
    nodules = smoothstep(0.3, 1.2, grain(dice, *patch.shape, patch.period * 1.2))
    return pillow(patch, 0.3) + 1.0 * nodules, 0.8 + 0.55 * nodules


def ribbed(dice: Rng, patch: Patch) -> Surface:
    """Shell: radial ribs and fine growth rings."""
    phi = np.arctan2(patch.u, 0.8 - patch.v)
    rho = np.hypot(patch.u, 0.8 - patch.v)
    ribs = 0.5 + 0.5 * np.cos(phi * dice.integer(20, 26))
    rings = 0.5 + 0.5 * np.cos(TAU * rho * patch.waves * 0.7 + spectral(dice, *patch.shape, 1.5))
    return pillow(patch, 0.5) + 1.2 * ribs, (0.72 + 0.3 * ribs) * (0.8 + 0.26 * rings)


def twisted(dice: Rng, patch: Patch) -> Surface:
    """Ring of rope: strands running obliquely round a torus."""
    phi, rho = np.arctan2(patch.v, patch.u), np.hypot(patch.u, patch.v)
    turns = max(8.0, np.round(TAU * 0.75 * patch.waves * 0.55))
    strands = 0.5 + 0.5 * np.cos(turns * phi + 7.0 * (rho - 0.75))
    fibres = grain(dice, *patch.shape, 2.6)
    return pillow(patch, 0.2) + 0.9 * strands, 0.6 + 0.55 * strands + 0.06 * fibres


def plain(dice: Rng, patch: Patch) -> Surface:
    """No class: a smooth thing with faint blotches."""
    blotch = spectral(dice, *patch.shape, slope=dice.uniform(1.0, 1.8))
    relief = dome(patch) if dice.chance(0.5) else pillow(patch, 0.3)
    return relief, 1.0 + dice.uniform(0.03, 0.16) * blotch
