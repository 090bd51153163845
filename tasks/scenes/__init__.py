"""`scenes`, the embedded data set: rendered here, so nothing is downloaded and no photo shipped.

Still lifes and landscapes with ten classes of things. Several classes share an outline and differ
only in fine texture, so that compression costs accuracy as it does on photographs.
"""

from __future__ import annotations

VERSION = "1"
"""The renderer's version: bumped whenever a pixel, a box or a mask can change."""

CLASSES = (
    "orange", "yarn", "pebble", "leaf", "feather", "plank", "cloth", "starfish", "shell", "ring",
)  # fmt: skip
"""The classes, index 1 first."""

COUNTS = {"evaluation": 128, "train": 3000}
"""Images a split has; the splits share no random stream."""
