"""The ten classes as parts: outline, arrangement and tone, all of some pixels and more.

Classes come in families that share an outline (ball and plate, flower and starfish, leaf and fish,
mug, parcel and bottle) and differ in their parts: bands, rims, veins, eyes, handles, labels. No
class is known by its surface, which is `materials.surface` for all, nor by its colours alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.scenes.noise import Field, Rng
from tasks.scenes.shapes import At, annulus, blob, box, ellipse, lens, moved, star, stroke

TAU = 2.0 * np.pi


@dataclass(frozen=True)
class Part:
    """A part of a thing; later ones lie on top.

    Attributes:
        inside: signed distance to its outline, half sizes of the thing, positive inside.
        tone: which of the palette's tones it has.
        bulge: height of its middle over its rim, half sizes; negative: hollow.
        rim: how far from its outline it has risen to that, half sizes.
    """

    inside: Field
    tone: int = 0
    bulge: float = 0.0
    rim: float = 0.3


Kind = Callable[[Rng, At], list[Part]]


def ball(dice: Rng, at: At) -> list[Part]:
    """A disc with one broad band or two narrow ones, strongly domed."""
    disc = ellipse(at, (0, 0), (0.95, 0.95))
    parts = [Part(disc, 0, 0.8, 0.9)]
    if dice.chance(0.5):
        bands = [(0.0, dice.uniform(0.2, 0.32))]
    else:
        bands = [(-0.38, dice.uniform(0.12, 0.17)), (0.38, dice.uniform(0.12, 0.17))]
    bow = dice.uniform(0.1, 0.3)
    for centre, width in bands:
        across = at[1] - centre * (1 + bow * (1 - at[0] ** 2))
        parts.append(Part(np.minimum(disc, width - np.abs(across)), 1))
    return parts


def plate(dice: Rng, at: At) -> list[Part]:
    """A disc with a rim and a well; a coloured ring on the rim."""
    well = dice.uniform(0.52, 0.64)
    return [
        Part(ellipse(at, (0, 0), (0.95, 0.95)), 0, 0.12, 0.08),
        Part(annulus(at, (0, 0), dice.uniform(0.76, 0.84), dice.uniform(0.06, 0.1)), 1),
        Part(ellipse(at, (0, 0), (well, well)), 2, -0.25, 0.2),
    ]


def flower(dice: Rng, at: At) -> list[Part]:
    """Petals round a centre."""
    count, width = dice.integer(5, 7), dice.uniform(0.24, 0.3)
    turn = dice.uniform(0, TAU)
    petals = []
    for k in range(count):
        phi = turn + TAU * k / count
        middle = (0.58 * np.cos(phi), 0.58 * np.sin(phi))
        petals.append(Part(ellipse(at, middle, (0.4, width), phi), 0, 0.18, 0.2))
    heart = dice.uniform(0.24, 0.32)
    return [*petals, Part(ellipse(at, (0, 0), (heart, heart)), 1, 0.25, 0.25)]


def starfish(dice: Rng, at: At) -> list[Part]:
    """Five arms with a ridge along each."""
    turn = dice.uniform(0, TAU)
    parts = [Part(star(at, 5, dice.uniform(0.24, 0.3), turn), 0, 0.22, 0.25)]
    reach, width = dice.uniform(0.66, 0.78), dice.uniform(0.06, 0.09)
    for k in range(5):
        phi = TAU * k / 5 - turn
        tip = (reach * np.cos(phi), reach * np.sin(phi))
        parts.append(Part(stroke(at, (0, 0), tip, (width, 0.6 * width)), 1, 0.06, 0.08))
    return parts


def leaf(dice: Rng, at: At) -> list[Part]:
    """A pointed oval with a midrib, side veins and a stalk."""
    bend = dice.uniform(-0.15, 0.15)
    outline = lens(at, dice.uniform(0.4, 0.52), bend)
    parts = [
        Part(stroke(at, (0.85, 0.0), (1.2, -0.6 * bend), (0.05, 0.04)), 1, 0.04, 0.05),
        Part(outline, 0, 0.15, 0.3),
        Part(np.minimum(outline, 0.055 - np.abs(at[1] - bend * (1 - at[0] ** 2))), 1),
    ]
    for start in (-0.6, -0.2, 0.2, 0.6)[dice.integer(0, 1) :]:
        root = bend * (1 - start**2)
        for side in (-1, 1):
            tip = (start - 0.35, root + side * 0.42)
            vein = stroke(at, (start, root), tip, (0.045, 0.03))
            parts.append(Part(np.minimum(outline, vein), 1))
    return parts


def fish(dice: Rng, at: At) -> list[Part]:
    """A pointed oval with a tail, an eye and bars."""
    width = dice.uniform(0.34, 0.46)
    body = lens(moved(at, (-0.14, 0.0)), width, 0.0)
    body = np.maximum(body, ellipse(at, (-0.25, 0), (0.62, 0.86 * width)))
    spread = np.abs(at[1]) - 0.1 - 0.75 * (at[0] - 0.62)
    tail = np.minimum(-0.8 * spread, np.minimum(at[0] - 0.55, 1.05 - at[0] - 0.25 * at[1] ** 2))
    fin = ellipse(at, (-0.1, -0.9 * width), (0.26, 0.16), 0.3)
    parts = [Part(tail, 1, 0.05, 0.15), Part(fin, 1, 0.05, 0.1), Part(body, 0, 0.3, 0.35)]
    for k in range(dice.integer(1, 2)):
        bar = 0.07 - np.abs(at[0] - 0.02 - 0.3 * k)
        parts.append(Part(np.minimum(body, bar), 1))
    parts.append(Part(ellipse(at, (-0.68, -0.08), (0.11, 0.11)), 2))
    return parts


def mug(dice: Rng, at: At) -> list[Part]:
    """A rounded box with a handle, a dark mouth and a band or none."""
    half = dice.uniform(0.48, 0.58)
    body = box(at, (-0.18, 0.08), (half, 0.7), 0.12)
    parts = [
        Part(annulus(at, (half - 0.16, 0.08), dice.uniform(0.3, 0.36), 0.1), 0, 0.1, 0.1),
        Part(body, 0, 0.4, 0.5),
    ]
    if dice.chance(0.6):
        parts.append(Part(np.minimum(body, 0.14 - np.abs(at[1] - 0.2)), 1))
    mouth = ellipse(at, (-0.18, -0.6), (half, 0.2))
    return [*parts, Part(mouth, 0, 0.05, 0.05), Part(mouth - 0.07, 2, -0.2, 0.2)]


def parcel(dice: Rng, at: At) -> list[Part]:
    """A rounded box with crossed tapes."""
    half = (0.86, dice.uniform(0.55, 0.75))
    body = box(at, (0, 0), half, 0.06)
    place, width = dice.uniform(-0.25, 0.25), dice.uniform(0.08, 0.13)
    level = np.minimum(body, width - np.abs(at[1] - 0.5 * place))
    upright = np.minimum(body, width - np.abs(at[0] - place))
    return [Part(body, 0, 0.12, 0.12), Part(level, 1, 0.02, 0.05), Part(upright, 1, 0.02, 0.05)]


def bottle(dice: Rng, at: At) -> list[Part]:
    """A long box with a neck, a cap and a label."""
    half = dice.uniform(0.3, 0.38)
    body = box(at, (0, 0.38), (half, 0.58), 0.12)
    body = np.maximum(body, ellipse(at, (0, -0.15), (half, 0.32)))
    neck = box(at, (0, -0.6), (0.13, 0.35), 0.03)
    label = box(at, (0, dice.uniform(0.3, 0.5)), (half, dice.uniform(0.2, 0.3)), 0.02)
    return [
        Part(neck, 0, 0.12, 0.12),
        Part(body, 0, 0.3, 0.3),
        Part(np.minimum(body, label), 1),
        Part(box(at, (0, -0.88), (0.17, 0.11), 0.03), 2, 0.1, 0.1),
    ]


def butterfly(dice: Rng, at: At) -> list[Part]:
    """Two pairs of wings with a spot on each, and a body."""
    upper, lower = dice.uniform(0.36, 0.44), dice.uniform(0.28, 0.36)
    parts: list[Part] = []
    for side in (-1, 1):
        wing = (side * 0.5, -0.34)
        parts.append(Part(ellipse(at, (side * 0.42, 0.42), (0.42, lower), side * 0.7), 0, 0.1, 0.2))
        parts.append(Part(ellipse(at, wing, (0.54, upper), -side * 0.5), 0, 0.1, 0.2))
        parts.append(Part(ellipse(at, (side * 0.62, -0.42), (0.19, 0.19)), 1))
        parts.append(Part(ellipse(at, (side * 0.45, 0.46), (0.15, 0.15)), 1))
    return [*parts, Part(stroke(at, (0, -0.6), (0, 0.65), (0.1, 0.07)), 2, 0.1, 0.1)]


KINDS: dict[str, Kind] = {
    "ball": ball,
    "plate": plate,
    "flower": flower,
    "starfish": starfish,
    "leaf": leaf,
    "fish": fish,
    "mug": mug,
    "parcel": parcel,
    "bottle": bottle,
    "butterfly": butterfly,
}


def distractor(dice: Rng, at: At) -> list[Part]:
    """No class: the outline of one, whole or split in two tones as none is."""
    outlines: tuple[Callable[[], Field], ...] = (
        lambda: ellipse(at, (0, 0), (0.95, 0.95)),
        lambda: blob(dice, at),
        lambda: lens(at, dice.uniform(0.35, 0.55), dice.uniform(-0.2, 0.2)),
        lambda: box(at, (0, 0), (0.9, dice.uniform(0.3, 0.8)), 0.08),
        lambda: star(at, dice.integer(4, 8), dice.uniform(0.1, 0.25), dice.uniform(0, TAU)),
        lambda: stroke(at, (-0.8, 0), (0.8, 0), (dice.uniform(0.1, 0.3), dice.uniform(0.1, 0.3))),
    )
    inside = dice.pick(outlines)()
    parts = [Part(inside, 0, dice.uniform(0.0, 0.7), dice.uniform(0.15, 0.8))]
    if dice.chance(0.4):
        u, _ = moved(at, (dice.uniform(-0.3, 0.3), 0.0), dice.uniform(0, TAU))
        parts.append(Part(np.minimum(inside, u), 1))
    return parts
