"""Outlines in an object's own coordinates: distances to them, positive inside.

Every function takes the coordinates ``at`` = (u, v), each (height, width), an object spanning
about -1..1, and returns an approximate signed distance in the same units. The union of two
outlines is ``np.maximum`` of their distances, what they share ``np.minimum``.
"""

from __future__ import annotations

import numpy as np

from tasks.scenes.noise import Field, Rng

At = tuple[Field, Field]
Point = tuple[float, float]


def moved(at: At, centre: Point, angle: float = 0.0) -> At:
    """Coordinates about ``centre``, the first axis turned by ``angle`` radians."""
    u, v = at[0] - centre[0], at[1] - centre[1]
    if not angle:
        return u, v
    return np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u


def ellipse(at: At, centre: Point, radii: Point, angle: float = 0.0) -> Field:
    """An ellipse with the given half axes."""
    u, v = moved(at, centre, angle)
    return np.asarray((1.0 - np.hypot(u / radii[0], v / radii[1])) * min(radii))


def box(at: At, centre: Point, half: Point, corner: float = 0.05, angle: float = 0.0) -> Field:
    """A rectangle of half sides ``half`` with corners of radius ``corner``."""
    u, v = moved(at, centre, angle)
    p, q = np.abs(u) - half[0] + corner, np.abs(v) - half[1] + corner
    outside = np.hypot(np.maximum(p, 0.0), np.maximum(q, 0.0))
    return np.asarray(corner - outside - np.minimum(np.maximum(p, q), 0.0))


def stroke(at: At, start: Point, end: Point, widths: Point) -> Field:
    """A line with round ends, half as wide as ``widths`` at its start and at its end."""
    du, dv = end[0] - start[0], end[1] - start[1]
    u, v = at[0] - start[0], at[1] - start[1]
    t = np.clip((u * du + v * dv) / (du**2 + dv**2), 0.0, 1.0)
    return np.asarray(widths[0] + (widths[1] - widths[0]) * t - np.hypot(u - t * du, v - t * dv))


def annulus(at: At, centre: Point, radius: float, width: float) -> Field:
    """A ring of half width ``width`` about a circle of ``radius``."""
    return np.asarray(width - np.abs(np.hypot(at[0] - centre[0], at[1] - centre[1]) - radius))


def star(at: At, arms: int, depth: float, turn: float) -> Field:
    """Rounded arms: radius 0.95 at their tips, 0.95 - 2 ``depth`` between them."""
    u, v = at
    wave = np.cos(arms * (np.arctan2(v, u) + turn))
    radius = 0.95 - depth + depth * np.sign(wave) * np.abs(wave) ** 0.8
    return np.asarray(0.7 * (radius - np.hypot(u, v)))


def blob(dice: Rng, at: At, wobble: float = 0.1) -> Field:
    """A rounded, irregular outline."""
    phi = np.arctan2(at[1], at[0])
    radius = (
        0.9
        - wobble
        + sum(
            dice.uniform(0.3, 1.0) * wobble * np.cos(k * phi + dice.uniform(0, 2 * np.pi)) / k**0.5
            for k in (2, 3, 5)
        )
    )
    return np.asarray(radius - np.hypot(*at))


def lens(at: At, width: float, bend: float) -> Field:
    """A pointed oval along the first axis, bent."""
    t = np.clip(at[0], -1.0, 1.0)
    inside = width * (1.0 - t**2) - np.abs(at[1] - bend * (1.0 - t**2))
    return np.asarray(np.minimum(0.85 * inside, 1.0 - np.abs(at[0])))
