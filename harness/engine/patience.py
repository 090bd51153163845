"""How long an image may take before it is taken for a hang."""

from __future__ import annotations

SLOWER, LEAST = 10, 60.0
"""An image may take so many times as long as the slowest so far, and so many seconds at least."""

FIRST, FIRST_PER_PIXEL = 600.0, 1200e-6
"""Seconds for the first image of a restorer, of which nobody knows how slow it is: ten minutes,
twenty a megapixel where that is more (SwinIR takes four a third of a megapixel on a core)."""

_SMALL = 1 << 16  # pixels; what takes its time whatever the size says nothing of larger images


class Patience:
    """How long an image may take.

    Attributes:
        asked: seconds; 0: for ever; None: as the images before it suggest.
    """

    def __init__(self) -> None:
        self.asked: float | None = None
        self._known: set[str] = set()
        self._slowest = self._slowest_pixel = 0.0

    def learn(self, restorers: str, seconds: float, pixels: int) -> None:
        """An image went through."""
        self._known.add(restorers)
        self._slowest = max(self._slowest, seconds)
        self._slowest_pixel = max(self._slowest_pixel, seconds / max(pixels, _SMALL))

    def seconds(self, restorers: str, pixels: int) -> float:
        """For an image of so many pixels that these restorers are at."""
        if self.asked is not None:
            return self.asked or float("inf")
        slowest = SLOWER * max(self._slowest, self._slowest_pixel * pixels)
        if restorers not in self._known:
            return max(FIRST, FIRST_PER_PIXEL * pixels, slowest)
        return max(LEAST, slowest)
