"""Whether what is computed again is what the run recorded."""

from __future__ import annotations

import json
import math
from typing import Any

from harness.plugins.record import Record
from harness.records.atomic import finite
from harness.records.run_directory import RunDirectory
from harness.study.study import Cell

_RELATIVE, _ABSOLUTE = 1e-4, 1e-3
"""Numbers of an outcome (pixels, scores) this close are the same: the last bits of a float depend
on the processor."""


def held_against(directory: RunDirectory, cell: Cell, record: Record) -> tuple[bool, str]:
    """Whether the outcome is the recorded one, and what differs in how it came about."""
    held = next((c for c in directory.manifest().cells if c.key == cell.key), None)
    if held is None:
        return True, ""
    recorded = directory.records(held).get(record.image)
    same = recorded is None or equal(
        recorded.outcome, json.loads(json.dumps(finite(record.outcome)))
    )
    if held.fingerprint == cell.fingerprint:
        return same, ""
    differing = [
        key
        for key in dict.fromkeys([*held.inputs, *cell.inputs])
        if held.inputs.get(key) != cell.inputs.get(key)
    ]
    return same, f"differs from the run in: {', '.join(differing) or 'settings'}"


def equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same, floating-point numbers up to rounding."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, float) or isinstance(b, float):
        try:
            return math.isclose(float(a), float(b), rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        except (TypeError, ValueError):
            return False
    return bool(a == b)
