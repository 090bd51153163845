"""Text from strangers: names of images, classes and files, on a screen and in a file.

A name may hold anything but a slash: bytes that a terminal obeys, a line end that makes a line of
its own, a sign with which a spreadsheet begins a formula.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_STYLE = re.compile("(\x1b\\[[0-9;]*m)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    r"""``text`` with what is no visible character as an escape: ``\x00``, ``\udc80``, ``\u202e``.

    File names, and so image ids, need not be valid Unicode, and a mark that turns the direction
    of writing would reorder what stands beside it. Line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    hidden = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    hidden -= {"\n", "\t"}
    return "".join(c.encode("unicode_escape").decode() if c in hidden else c for c in text)


def one_line(text: str) -> str:
    r"""`printable`, line ends and tabs escaped as well: ``\n``."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def styled(text: str) -> str:
    """`printable`, but bold and colours stay, which a table has where it was asked for them."""
    parts = _STYLE.split(text)
    return "".join(part if at % 2 else printable(part) for at, part in enumerate(parts))


def markdown(text: str) -> str:
    """A name in Markdown: in a table's cell, and beside HTML."""
    return re.sub(r"<(?=[a-zA-Z/!])", "&lt;", one_line(text).replace("|", "\\|"))


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV in which no text is a formula: such a one begins with an apostrophe."""

    def harmless(value: object) -> object:
        if not isinstance(value, str):
            return value
        return "'" + one_line(value) if value.startswith(_FORMULA) else one_line(value)

    words = frame.select_dtypes(exclude="number").columns
    return str(
        frame.assign(**{name: frame[name].map(harmless) for name in words}).to_csv(index=False)
    )
