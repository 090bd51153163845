"""What programs hand in, checked: a wrong type is a sentence."""

from __future__ import annotations

import operator
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from harness.errors import UserError, nearest_hint

LONGEST_NAME = 100
"""Characters; names become file names."""


def to_path(value: object, what: str) -> Path:
    """A path, ``~`` resolved.

    Raises:
        UserError: it is none.
    """
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        return Path(value).expanduser()
    raise UserError(f"Bad value for {what}: {value!r} is no path.")


def whole(value: Any, what: str, least: int) -> int:
    """A whole number of any type that is one, numpy's too.

    Raises:
        UserError: it is none, or less than ``least``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise UserError(f"Bad value for {what}: {value!r} is not a whole number.") from None
    if number < least:
        raise UserError(f"Bad value for {what}: {number} is less than {least}.")
    return number


def to_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Several names; a text is one."""
    return (value,) if isinstance(value, str) else tuple(value)


def check_fields(given: Iterable[str], fields: Collection[str], others: Collection[str]) -> None:
    """Refuse a keyword that is no field of a study; ``others``: what else could have been meant.

    Raises:
        UserError: one is no field, with the nearest name.
    """
    for name in given:
        if name not in fields:
            hint = nearest_hint(name, [*fields, *others])
            raise UserError(f"A study has no field '{name}'.{hint} Fields: {', '.join(fields)}.")


def check_name(name: object, forbidden: str) -> str:
    """A name that can stand in a study's list, in a table's head and in a file's name.

    Raises:
        UserError: it cannot.
    """
    forbidden += ",<>"
    problem = ""
    if not isinstance(name, str) or not name or name != name.strip():
        problem = "it is empty or padded"
    elif len(name) > LONGEST_NAME or not name.isprintable():
        problem = f"it has more than {LONGEST_NAME} characters, or some that cannot be printed"
    elif any(letter in name for letter in forbidden):
        problem = f"it has one of {' '.join(forbidden)}"
    if problem:
        raise UserError(
            f"{name!r} cannot be a restorer's name: {problem}. Name it with "
            "harness.restorer(..., name='my-name')."
        )
    return str(name)
