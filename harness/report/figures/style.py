"""How figures look: a style a restorer, type sizes, axes of a printed page's width.

Colours are told apart with any colour vision and stand out from white paper (3:1, WCAG 2.2,
1.4.11); markers and dashes tell the restorers apart without any colour.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.analysis.significance import BASELINE
from harness.plugins import registry

REFERENCE = "original"
"""The restorer that returns the uncompressed image: a line, not a competitor."""

WIDTHS = {"single": 3.5, "double": 7.16}
"""Widths of a column and of a page of IEEE's transactions, inches."""

SMALLEST = 7.0
"""Points; nothing is written smaller."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#44208C", "#7A3E00", "#969630")
"""Okabe and Ito's (2008) that are dark enough, and three that are as far from them as can be."""

MARKERS = ("s", "^", "D", "v", "P", "X", "<", "h")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (1.5, 1.2), (5, 1.2, 1.2, 1.2))

BLACK, GREY = "#000000", "#6E6E6E"

_SALT = "89996"
"""Chosen so that the restorers of the paper prefer different colours and markers."""

_SETTINGS: dict[Any, Any] = {  # any of matplotlib's names
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # the first comes with matplotlib
    "font.size": SMALLEST,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "legend.fontsize": SMALLEST,
    "legend.title_fontsize": SMALLEST,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
    "figure.titlesize": SMALLEST,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "grid.linewidth": 0.4,
    "grid.color": "#D9D9D9",
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType: text stays text
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Style:
    """How a restorer is drawn, here and in the HTML page.

    Attributes:
        colour: ``#RRGGBB``.
        marker: matplotlib's; empty for none.
        dash: lengths of strokes and gaps in line widths, as SVG's ``stroke-dasharray``; () solid.
    """

    colour: str
    marker: str
    dash: tuple[float, ...]

    @property
    def line(self) -> tuple[float, tuple[float, ...] | None]:
        """The dash as matplotlib takes it."""
        return 0, self.dash or None

    def drawn(self) -> dict[str, Any]:
        """Keyword arguments of ``Axes.plot``."""
        return {"color": self.colour, "marker": self.marker or "None", "linestyle": self.line}


def assign_styles(names: Iterable[str]) -> dict[str, Style]:
    """A style a restorer, known to the registry or not, all different.

    A name prefers the same style wherever it stands. Where two names prefer one colour or one
    marker, those of this project and its plugins keep it, then the first in the alphabet; the
    other takes the next that is free. Give all the names of a run, then a restorer looks the same
    in each of its figures.
    """
    fixed = {BASELINE: Style(BLACK, "o", ()), REFERENCE: Style(GREY, "", (4, 2))}
    unique = list(dict.fromkeys(names))
    known = registry.restorers()
    free: dict[str, Style] = {}
    for name in sorted(set(unique) - set(fixed), key=lambda n: (n not in known, n)):
        free[name] = _free(name, list(free.values()))
    return {name: (fixed | free)[name] for name in unique}


def _free(name: str, taken: Sequence[Style]) -> Style:
    """The preferred style; the next colour and marker that the fewest have, never all the same."""
    digest = hashlib.sha256(f"{_SALT}/{name}".encode()).digest()
    colour = _next(COLOURS, digest[0], [style.colour for style in taken])
    marker = _next(MARKERS, digest[1], [style.marker for style in taken])
    first = Style(colour, marker, DASHES[digest[2] % len(DASHES)])
    # There are more combinations than any run has restorers.
    others = (Style(c, m, d) for d, m, c in itertools.product(DASHES, MARKERS, COLOURS))
    return next(style for style in (first, *others) if style not in taken)


def _next(choices: Sequence[str], start: int, taken: Sequence[str]) -> str:
    order = [choices[(start + step) % len(choices)] for step in range(len(choices))]
    return min(order, key=taken.count)


def luminance(colour: Sequence[float]) -> float:
    """The relative luminance of an sRGB colour in 0..1 a channel (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def readable_on(colour: Sequence[float]) -> str:
    """Black or white, whichever has the higher contrast on a colour; black on a clear one."""
    if len(colour) > 3 and colour[3] == 0:
        return "black"
    light = luminance(colour)
    return "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "black"


@contextmanager
def settings() -> Iterator[None]:
    """Draw with these settings, whatever the user's are. Not for several threads at once."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield
