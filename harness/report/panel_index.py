"""What panels a run directory holds: ``panels/index.json``, written by ``harness panels``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.assets.reading import load_json
from harness.errors import HarnessError
from harness.plugins.types import Json
from harness.records.atomic import write_atomic

FORMAT = 1
NAME = "index.json"

PanelKey = tuple[str, str, str, int]
"""Task, image, codec and QF of a panel."""


@dataclass(frozen=True)
class View:
    """One column of a panel.

    Attributes:
        restorer: its name in the run.
        label: what to print over the picture.
        picture: lossless PNG of the pixels, relative to the index.
        overlay: transparent RGBA PNG of the same proportions and as large or larger, what the
            vision model says drawn on nothing; None where there is nothing to draw.
        psnr: dB; None for the uncompressed image itself.
        ssim: -1..1; None likewise, and for images too small for it.
        score: the image's own headline metric, in the unit tables print; None without one.
        caption: what the vision model says in one line, or nothing.
        same: whether the outcome computed again equals the recorded one up to rounding; True too
            where the run recorded none.
        fingerprint: of the cell the picture was made for; empty where the run has no such cell.
        note: a sentence where the picture is not made as the run's was.
        legend: classes of a class map with their colours ``#rrggbb``.
        drawn: the version of the drawing, see `harness.panels.overlay`.
    """

    restorer: str
    label: str
    picture: str
    overlay: str | None
    psnr: float | None
    ssim: float | None
    score: float | None
    caption: str
    same: bool
    fingerprint: str = ""
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    drawn: str = ""


@dataclass(frozen=True)
class Panel:
    """One image at one codec and QF, seen through several restorers.

    Attributes:
        task: task name.
        image: image id.
        codec: codec name.
        qf: quality factor.
        width: of the image, pixels.
        height: likewise.
        reason: why this image was chosen.
        file: the composed picture, relative to the index.
        views: original, then jpeg, then the restorers.
        crop: x, y, width, height of the enlarged detail in pixels, or None.
        notes: sentences the reader of the panel should know.
    """

    task: str
    image: str
    codec: str
    qf: int
    width: int
    height: int
    reason: str
    file: str
    views: tuple[View, ...]
    crop: tuple[int, int, int, int] | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def key(self) -> PanelKey:
        """Of two panels with the same key the later one replaces the earlier."""
        return (self.task, self.image, self.codec, self.qf)


_VIEW, _PANEL = TypeAdapter(View), TypeAdapter(Panel)


def view_from_json(written: Json) -> View:
    """A view from its JSON; unknown keys are passed over.

    Raises:
        ValueError: a key is missing, or its value is of another type.
    """
    return _VIEW.validate_python(written)


def view_to_json(view: View) -> Json:
    """A view as JSON, in which a number that is not finite is null."""
    return dict(json.loads(_VIEW.dump_json(view)))


def read_index(folder: Path) -> tuple[Panel, ...]:
    """The panels of a folder, in the order they were first made; none where there is no index.

    Args:
        folder: ``RUN/panels``.

    Raises:
        HarnessError: the index is damaged, or of another format.
    """
    path = folder / NAME
    try:
        index = load_json(path.read_text(encoding="utf-8"))
        if not isinstance(index, dict) or index.get("format") != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        return tuple(_PANEL.validate_python(panel) for panel in index["panels"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise HarnessError(_damaged(path, error)) from error


def write_index(folder: Path, panels: Sequence[Panel]) -> None:
    """Replace the index of a folder in one step.

    Raises:
        HarnessError: it cannot be written.
    """
    written = [json.loads(_PANEL.dump_json(panel)) for panel in panels]
    text = json.dumps({"format": FORMAT, "panels": written}, indent=1)
    write_atomic(folder / NAME, (text + "\n").encode())


def _damaged(path: Path, error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    return (
        f"{path} cannot be read: {reason}. Delete the folder {path.parent} and run "
        "'harness panels' again."
    )
