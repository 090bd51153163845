"""Outlines in an object's own coordinates: positive inside, in units of its half size.

Every function takes ``u`` and ``v`` (height, width), the object spanning about -1..1, and returns
an approximate signed distance to the outline. Several classes share an outline on purpose: only
their fine texture tells them apart, which is what compression takes away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tasks.scenes.noise import Field, Rng

Outline = Callable[[Field, Field], Field]


def disc(dice: Rng) -> Outline:
    """A nearly round outline."""
    return _harmonic(dice, 0.02)


def blob(dice: Rng) -> Outline:
    """A rounded, irregular outline."""
    return _harmonic(dice, 0.08)


def _harmonic(dice: Rng, wobble: float) -> Outline:
    waves = [(k, dice.uniform(-wobble, wobble), dice.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5)]

    def outline(u: Field, v: Field) -> Field:
        phi = np.arctan2(v, u)
        radius = 0.94 + sum(amount * np.cos(k * phi + phase) for k, amount, phase in waves)
        return np.asarray(radius - np.hypot(u, v))

    return outline


def lens(dice: Rng) -> Outline:
    """A pointed oval along u, slightly bent: leaves and feathers."""
    bend, width, skew = (
        dice.uniform(-0.18, 0.18),
        dice.uniform(0.34, 0.5),
        dice.uniform(-0.25, 0.25),
    )

    def outline(u: Field, v: Field) -> Field:
        t = np.clip(u, -1.0, 1.0)
        half = width * (1.0 - t**2) * (1.0 + skew * t)
        inside = half - np.abs(v - bend * (1.0 - t**2))
        return np.minimum(0.85 * inside, 1.0 - np.abs(u))

    return outline


def slab(dice: Rng) -> Outline:
    """A quadrilateral with rounded corners."""
    height, taper, shear = (
        dice.uniform(0.42, 0.8),
        dice.uniform(-0.15, 0.15),
        dice.uniform(-0.2, 0.2),
    )

    def outline(u: Field, v: Field) -> Field:
        q = np.abs(u - shear * v) - 0.86 * (1.0 + taper * v)
        p = np.abs(v) - height
        corner = np.hypot(np.maximum(q + 0.06, 0.0), np.maximum(p + 0.06, 0.0))
        return 0.06 - corner - np.minimum(np.maximum(q + 0.06, p + 0.06), 0.0)

    return outline


def star(dice: Rng) -> Outline:
    """Five rounded arms."""
    depth, turn = dice.uniform(0.24, 0.34), dice.uniform(0, 2 * np.pi)

    def outline(u: Field, v: Field) -> Field:
        phi = np.arctan2(v, u) + turn
        wave = np.cos(5.0 * phi)
        radius = 0.62 + depth * np.sign(wave) * np.abs(wave) ** 0.8
        return 0.75 * (radius - np.hypot(u, v))

    return outline


def fan(dice: Rng) -> Outline:
    """A scalloped fan, hinge at (0, 0.8): shells."""
    ribs, spread = dice.integer(9, 13), dice.uniform(0.75, 0.95)

    def outline(u: Field, v: Field) -> Field:
        phi = np.arctan2(u, 0.8 - v)
        rho = np.hypot(u, 0.8 - v)
        rim = 1.62 * (1.0 - 0.12 * (phi / spread) ** 2) + 0.03 * np.cos(ribs * 2.0 * phi)
        return np.minimum(rim - rho, (spread - np.abs(phi)) * np.maximum(rho, 0.12) + 0.04)

    return outline


def annulus(dice: Rng) -> Outline:
    """A ring."""
    thickness = dice.uniform(0.17, 0.25)

    def outline(u: Field, v: Field) -> Field:
        return thickness - np.abs(np.hypot(u, v) - (0.95 - thickness))

    return outline
