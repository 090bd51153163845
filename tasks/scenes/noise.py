"""Random numbers and random fields, the same on every machine for a given seed.

Only the raw uniform stream of PCG64 is used: numpy promises the bit generator's stream across
versions, but not the streams of `normal`, `choice` and the like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
"""A scalar field, (height, width), or a colour field, (height, width, 3)."""

T = TypeVar("T")


class Rng:
    """Uniform random numbers from an explicit seed.

    Args:
        seed: non-negative integers; different sequences give independent streams.
    """

    def __init__(self, seed: Sequence[int]) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(seed))))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        return low + (high - low) * float(self._generator.random())

    def log_uniform(self, low: float, high: float) -> float:
        """A number in [low, high), uniform on a logarithmic scale."""
        return float(np.exp(self.uniform(np.log(low), np.log(high))))

    def integer(self, low: int, high: int) -> int:
        """An integer in low..high, both included."""
        return low + int(self._generator.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def pick(self, things: Sequence[T]) -> T:
        """One of ``things``."""
        return things[self.integer(0, len(things) - 1)]

    def white(self, height: int, width: int) -> Field:
        """White noise of mean 0 and variance 1 (uniformly distributed), (height, width)."""
        field: Field = (self._generator.random((height, width)) - 0.5) * np.sqrt(12.0)
        return field


def spectral(
    dice: Rng,
    height: int,
    width: int,
    slope: float = 1.0,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Field:
    """Noise whose amplitude spectrum falls as 1/f**slope, as that of natural images (slope 1).

    Args:
        dice: source of randomness.
        height: rows.
        width: columns.
        slope: 0 white, 1 natural images, above 1.5 clouds.
        stretch: above 1, streaks this many times longer than wide.
        angle: direction of the streaks, radians from the x axis.

    Returns:
        (height, width), mean 0, variance 1, periodic.
    """
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.rfftfreq(width)[None, :]
    along = (np.cos(angle) * fx + np.sin(angle) * fy) * stretch
    across = -np.sin(angle) * fx + np.cos(angle) * fy
    frequency = np.sqrt(along**2 + across**2)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(dice.white(height, width)) * frequency**-slope
    spectrum[0, 0] = 0.0
    return _standard(np.fft.irfft2(spectrum, s=(height, width)))


def grain(dice: Rng, height: int, width: int, period: float) -> Field:
    """Band-limited noise: grains about ``period`` pixels apart, (height, width), variance 1."""
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.rfftfreq(width)[None, :]
    ratio = np.sqrt(fx**2 + fy**2) * period
    spectrum = np.fft.rfft2(dice.white(height, width)) * np.exp(-((ratio - 1.0) ** 2) / 0.25)
    spectrum[0, 0] = 0.0
    return _standard(np.fft.irfft2(spectrum, s=(height, width)))


def _standard(field: Field) -> Field:
    standard: Field = (field - field.mean()) / (field.std() + 1e-12)
    return standard


def smoothstep(low: float, high: float, value: Field) -> Field:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
