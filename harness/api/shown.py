"""Pandas frames that show themselves as the harness prints them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd


class ShownFrame(pd.DataFrame):
    """A frame of full-precision values that shows itself as a text or a piece of HTML.

    What is made of it (a slice, a sum, a copy) is a plain frame, and one that was changed shows
    itself as pandas does.
    """

    if not TYPE_CHECKING:  # pandas would take an attribute for a column
        _text = ""
        _html = ""
        _first = None

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        """The text."""
        return self._text if self._unchanged() else super().__repr__()

    def _repr_html_(self) -> str:
        return self._html if self._unchanged() else str(self.to_html(notebook=True))

    def _unchanged(self) -> bool:
        return self._first is not None and self.equals(self._first)

    if TYPE_CHECKING:
        _text: str
        _html: str
        _first: pd.DataFrame | None


def shown(frame: pd.DataFrame, text: str, html: str | None = None) -> ShownFrame:
    """A frame with what it shows.

    Args:
        frame: the values.
        text: what ``print`` shows.
        html: what a notebook shows; the text by default.
    """
    found = ShownFrame(frame)
    text = text.rstrip("\n")
    html = f"<pre>{escape(text)}</pre>" if html is None else html
    for name, value in (("_text", text), ("_html", html), ("_first", frame.copy())):
        object.__setattr__(found, name, value)
    return found
