"""Restorers of a run that no name stands for: objects of the program that measured it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from harness.plugins import registry
from harness.records.schema import Manifest
from harness.study.overrides import GIVEN


def unresolvable_restorers(manifest: Manifest, overrides: Collection[str]) -> dict[str, str]:
    """The restorers that can be made neither from the run directory nor from the caller's objects.

    Args:
        manifest: of the run.
        overrides: names of the restorers that the caller has as objects.

    Returns:
        What each was by name, in table order.
    """
    known = registry.restorers()
    specs = set(manifest.study["restorers"])
    given = {c.restorer for c in manifest.cells if GIVEN in c.inputs.get("restorer", {})}
    found = {}
    for name in manifest.restorers:
        # An object of a plugin's class has the fingerprint of a plugin.
        unknown = name in specs and name.partition(":")[0] not in known
        if name in overrides:
            continue
        if name in given:
            found[name] = "a Python object"
        elif unknown and not os.path.exists(name):  # noqa: PTH110
            found[name] = "a Python object, or a plugin that is not installed here"
    return found


def left_out(lost: Mapping[str, str], where: str) -> str:
    """What is said where panels are made without them.

    Args:
        lost: from `unresolvable_restorers`.
        where: in which panels.
    """
    listed = [f"{name} ({what})" for name, what in lost.items()]
    return f"Left out of {where}: {', '.join(listed)}. {_how(len(lost) > 1)}"


def refused(name: str, what: str) -> str:
    """What is said where one is asked for; arguments as `unresolvable_restorers` gives them."""
    return f"{name} was {what}, so it cannot be shown. {_how(False)}"


def _how(several: bool) -> str:
    them = "them" if several else "it"
    return (
        f"No run directory holds objects: to see {them}, hand {them} to harness.evaluate as "
        "before, and call run.panels() on what it returns."
    )
