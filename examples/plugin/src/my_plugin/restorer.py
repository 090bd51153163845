"""A restorer: a JPEG file in, an RGB image of the same size out."""

from __future__ import annotations

from typing import ClassVar

import cv2

from harness.errors import UserError
from harness.plugins import RGB, Compressed, Restorer

STRENGTHS = {"weak": 15.0, "strong": 45.0}


class Bilateral(Restorer):
    """OpenCV's bilateral filter, ``bilateral`` or ``bilateral:strong``."""

    name = "bilateral"
    multi_model = False  # one for all quality factors
    year = 1998  # of its paper; it orders the columns
    thread_safe = True  # it keeps nothing between images
    variants: ClassVar[dict[str, float]] = STRENGTHS

    def __init__(self, variant: str = "weak") -> None:
        self.strength = self.variants[variant]
        if variant != "weak":
            self.name = f"bilateral:{variant}"

    @classmethod
    def make(
        cls, variant: str | None = None, *, nearest_qf: bool = False, tile: int | None = None
    ) -> Bilateral:
        """What ``--restorers bilateral:VARIANT`` asks for.

        Raises:
            UserError: there is no such variant.
        """
        if variant is not None and variant not in cls.variants:
            known = ", ".join(cls.variants)
            raise UserError(f"bilateral has no variant '{variant}'. Variants: {known}.")
        return cls(variant or "weak")

    def fingerprint(self, qf: int) -> dict[str, str]:
        """Everything that can change a pixel; of a network, its weights' sha256 too."""
        return {"name": "bilateral", "version": "1", "strength": str(self.strength)}

    def restore(self, compressed: Compressed) -> RGB:
        """The filtered image. Called from several threads at once."""
        filtered: RGB = cv2.bilateralFilter(compressed.pixels, 5, self.strength, 3.0)
        return filtered
