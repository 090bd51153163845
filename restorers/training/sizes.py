"""The size of the network that a recipe wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from harness.errors import UserError
from restorers.common.pretrained import PretrainedRestorer


def sized(restorer: type[PretrainedRestorer], size: str | Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a network's config.

    Args:
        restorer: whose sizes are meant.
        size: one of its presets by name, or the numbers in which it differs from ``published``.

    Raises:
        UserError: there is no such preset or number.
    """
    presets = {name: asdict(config) for name, config in restorer.presets().items()}
    if not isinstance(size, str):
        return _changed(presets["published"], size, restorer.name)
    if size not in presets:
        raise UserError(f"{restorer.name} has no size '{size}'; it has: {', '.join(presets)}.")
    return presets[size]


def _changed(numbers: Mapping[str, Any], changes: Mapping[str, Any], what: str) -> dict[str, Any]:
    if unknown := changes.keys() - numbers.keys():
        raise UserError(
            f"The size of {what} has no {', '.join(sorted(map(str, unknown)))}; "
            f"it has: {', '.join(numbers)}."
        )
    changed = dict(numbers)
    for key, value in changes.items():
        inner = isinstance(value, Mapping) and isinstance(numbers[key], Mapping)
        changed[key] = _changed(numbers[key], value, f"{what}'s {key}") if inner else value
    return changed


def built(restorer: type[PretrainedRestorer], numbers: dict[str, Any]) -> nn.Module:
    """An untrained network, channels last: the layout convolutions are fastest with.

    Raises:
        UserError: the numbers do not make a network.
    """
    try:
        network = restorer.build(numbers)
    except (TypeError, ValueError, LookupError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()) or "they contradict each other"
        raise UserError(f"The size {numbers} makes no {restorer.name}: {reason}.") from error
    return network.to(memory_format=torch.channels_last)
