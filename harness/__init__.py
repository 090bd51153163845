"""Downstream vision-task evaluation of image restoration.

As a library::

    import harness

    run = harness.evaluate(task="detection", qf=10, restorers=["jpeg", "arcnn"], limit=16)
    run.table()

What stands here is imported when it is asked for: ``import harness`` is light. Type checkers read
``__init__.pyi``: imports for them alone would open every door to whoever asks for the version.
"""

from __future__ import annotations

from typing import Any

from harness._version import __version__

__all__ = [
    "HarnessError",
    "Run",
    "Study",
    "UserError",
    "__version__",
    "evaluate",
    "merge",
    "restorer",
]  # open is not: `from harness import *` would hide Python's


def __getattr__(name: str) -> Any:
    homes = {
        "HarnessError": "harness.errors",
        "Run": "harness.api.run",
        "Study": "harness.study.study",
        "UserError": "harness.errors",
        "evaluate": "harness.api.evaluate",
        "merge": "harness.api.merge",
        "open": "harness.api.evaluate",
        "restorer": "harness.api.restorers",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(homes[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "open"})
