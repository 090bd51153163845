"""What is in the data set `scenes`: its classes, its splits, its version."""

from __future__ import annotations

VERSION = "1"
"""The renderer's version: bumped whenever a pixel, a box or a mask can change."""

CLASSES = (
    "orange", "yarn", "pebble", "leaf", "feather", "plank", "cloth", "starfish", "shell", "ring",
)  # fmt: skip
"""The classes, index 1 first."""

COUNTS = {"evaluation": 128, "train": 3000}
"""Images a split has; the splits share no random stream."""
