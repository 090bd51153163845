"""Figures as files: one a format, and their captions."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.records.atomic import write_atomic
from harness.report.figures.figure import FORMATS, Figure, to_bytes
from harness.report.figures.style import WIDTHS

CAPTIONS = "captions.md"

ELSEWHERE = Path("results") / "figures"
"""Where the figures of a run go whose directory cannot be written to, a folder a run."""


def parse_formats(text: str) -> list[str]:
    """The formats of ``pdf,png``.

    Raises:
        UserError: there is no such format.
    """
    found = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in found:
        if name not in FORMATS:
            raise UserError(f"Unknown format '{name}'. Available: {', '.join(FORMATS)}.")
    if not found:
        raise UserError(f"--format names no format. Available: {', '.join(FORMATS)}.")
    return list(dict.fromkeys(found))


def parse_width(name: str) -> float:
    """The width of ``single`` or ``double``, inches.

    Raises:
        UserError: there is no such width.
    """
    if name not in WIDTHS:
        raise UserError(f"Unknown width '{name}'. Available: {', '.join(WIDTHS)}.")
    return WIDTHS[name]


def folder_for(directory: Path) -> Path:
    """Where the figures of a directory go: into it, or elsewhere where that cannot be done."""
    inside = directory / "figures"
    if writable(inside if inside.exists() else directory):
        return inside
    return ELSEWHERE / directory.resolve().name


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def write_figures(
    figures: Sequence[Figure], folder: Path, formats: Sequence[str], width: float
) -> list[Path]:
    """Write figures and their captions; captions of others that lie there are kept.

    Args:
        figures: to be drawn.
        folder: made if need be.
        formats: of `FORMATS`.
        width: inches.

    Returns:
        The files.

    Raises:
        UserError: the folder cannot be written to.
        HarnessError: the disk is full.
    """
    written = []
    for figure in figures:
        for format in formats:
            path = folder / f"{figure.name}.{format}"
            write_atomic(path, to_bytes(figure, format, width))
            written.append(path)
    captions = folder / CAPTIONS
    write_atomic(captions, _captions(captions, figures).encode())
    return [*written, captions]


def _captions(path: Path, figures: Sequence[Figure]) -> str:
    """The captions, a heading each, by name: those of ``figures`` and of what else lies there."""
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    parts = re.split(r"^## (.+)\n\n", old, flags=re.M)[1:]
    held = dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))
    kept = {
        name: text
        for name, text in held.items()
        if any((path.parent / f"{name}.{format}").is_file() for format in FORMATS)
    }
    kept |= {figure.name: f"**{figure.title}.** {figure.caption}" for figure in figures}
    return "\n".join(f"## {name}\n\n{kept[name]}\n" for name in sorted(kept))
