"""Names of any origin as text that a page can show."""

from __future__ import annotations

import unicodedata
from typing import Any


def printable(text: str) -> str:
    r"""``text`` with what is no visible character as an escape: ``\x00``, ``\udc80``, ``\u202e``.

    File names, and so image ids, need not be valid Unicode, and a mark that turns the direction
    of writing would reorder what stands beside it. Line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _hidden(c) else _escape(c) for c in text)


def printable_json(value: Any) -> Any:
    """The same for every string in a JSON-serialisable value, keys too."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): printable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable_json(item) for item in value]
    return value


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
