"""What programs hand in, checked: a wrong type is a sentence."""

from __future__ import annotations

import difflib
import operator
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from harness.errors import UserError


def to_path(value: Any, what: str) -> Path:
    """A path, ``~`` resolved.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise UserError(f"Bad value for {what}: {value!r} is no path.")
    return Path(value).expanduser()


def whole(value: Any, what: str, least: int) -> int:
    """A whole number of any type that is one, numpy's too.

    Raises:
        UserError: it is none, or less than ``least``.
    """
    try:
        found = operator.index(value)
    except TypeError:
        raise UserError(f"Bad value for {what}: {value!r} is not a whole number.") from None
    if found < least:
        raise UserError(f"Bad value for {what}: {found} is less than {least}.")
    return found


def to_names(value: str | Iterable[Any]) -> tuple[Any, ...]:
    """Several names; a text is one."""
    return (value,) if isinstance(value, str) else tuple(value)


def check_fields(given: Iterable[str], fields: Collection[str], others: Collection[str]) -> None:
    """Refuse a keyword that nobody knows.

    Args:
        given: the keywords.
        fields: of a study.
        others: what else could have been meant.

    Raises:
        UserError: one is no field, with the nearest name.
    """
    for name in given:
        if name not in fields:
            near = difflib.get_close_matches(name, [*fields, *others], n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise UserError(f"A study has no field '{name}'.{hint} Fields: {', '.join(fields)}.")
