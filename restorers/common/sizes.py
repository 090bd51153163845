"""Networks' sizes between dataclasses and what checkpoints and recipes say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def configured(like: Any, numbers: Mapping[str, Any]) -> Any:
    """A size from its fields, as JSON and YAML have them: lists for tuples, mappings for parts.

    Args:
        like: a size of the same kind.
        numbers: its fields; those left out are the published ones, which are the defaults.

    Raises:
        TypeError: it has no such field.
    """
    fields = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            value = configured(getattr(like, name), value)
        fields[name] = tuple(value) if isinstance(value, list) else value
    return type(like)(**fields)
