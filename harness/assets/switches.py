"""Environment variables that stand for options of the command: empty and ``0`` are no."""

from __future__ import annotations

import os

REFERENCE_METRICS = "HARNESS_REFERENCE_METRICS"
"""Asks for a metric's reference implementation, however slow."""


def switched_on(variable: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(variable, "") not in ("", "0")
