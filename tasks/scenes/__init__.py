"""`scenes`, the embedded data set: rendered here, so nothing is downloaded and no photo shipped.

Still lifes and landscapes with ten classes of things that are told apart as things in photographs
are: by outline, parts, their tones and shading, at scales of some pixels and more.
"""

from __future__ import annotations

VERSION = "2"
"""The renderer's version: bumped whenever a pixel, a box or a mask can change."""

CLASSES = (
    "ball", "plate", "flower", "starfish", "leaf", "fish", "mug", "parcel", "bottle", "butterfly",
)  # fmt: skip
"""The classes, index 1 first."""

COUNTS = {"evaluation": 128, "train": 3000}
"""Images a split has; the splits share no random stream."""
