"""What is written in the picture of a panel, in lines that fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.analysis.metrics import printed
from harness.panels.labels import extent, shortened, wrapped
from harness.panels.palette import KINDS
from harness.plugins import registry
from harness.report.panel_index import Panel, View


@dataclass(frozen=True)
class CaptionGrid:
    """Sizes in pixels."""

    width: int
    columns: int
    margin: int
    tile: int
    shown: tuple[int, int]  # a whole picture
    detail: tuple[int, int] | None

    @property
    def size(self) -> int:
        """Of the text: about 6 points where the panel is as wide as a page."""
        return max(self.tile // 19, 8)


def view_texts(panel: Panel, view: View, grid: CaptionGrid) -> list[tuple[str, bool]]:
    """What stands under a view, in lines that fit, and whether they are bold."""
    task = registry.tasks().get(panel.task)
    marks = "*" * (not view.same) + "°" * bool(view.note)
    name = shortened(view.label, grid.size, grid.tile - extent(marks, grid.size, True)[0], True)
    lines = [(name + marks, True)]
    figures = [] if view.psnr is None else [f"{view.psnr:.2f} dB"]
    figures += [] if view.ssim is None else [f"{view.ssim:.3f}"]
    if view.score is not None and task.needs_model:
        digits = task.digits.get(task.metric, 1)
        figures.append(f"{task.metric} {printed(view.score, digits)}".replace(" ", "\u00a0"))
    for text in (" | ".join(figures), view.caption):
        lines += [(line, False) for line in wrapped(text, grid.size, grid.tile)]
    return lines


def panel_heading(panel: Panel, grid: CaptionGrid) -> list[tuple[str, bool]]:
    """What stands over the views, in lines that fit, and whether they are bold."""
    wide = grid.width - 2 * grid.margin
    condition = f"QF {panel.qf}" if panel.codec == "jpeg" else f"{panel.codec} {panel.qf}"
    title = f"{panel.image} · {panel.task}, {condition}"
    return [
        (shortened(title, grid.size, wide, True), True),
        *((text, False) for text in wrapped(panel.reason, grid.size, wide)),
    ]


def small_print(panel: Panel, grid: CaptionGrid) -> list[str]:
    """The small print."""
    what = "PSNR | SSIM"
    task = registry.tasks().get(panel.task)
    if task.needs_model and any(view.score is not None for view in panel.views):
        what += f" | the image's own {task.metric}"
    said = [f"Under each: {what}."]
    if not all(view.same for view in panel.views):
        said.append("* What the model says now is not what the run recorded.")
    said += [f"° {note}." for note in dict.fromkeys(_noted(panel))]
    said += panel.notes
    wide = grid.width - 2 * grid.margin
    return [text for note in said for text in wrapped(note, grid.size, wide)]


def _noted(panel: Panel) -> list[str]:
    return [f"{view.label}: {view.note}" for view in panel.views if view.note]


Key = tuple[str, Any]
"""A text and what stands before it: the kind of a box, or a colour."""


def legend_lines(panel: Panel, grid: CaptionGrid) -> list[list[Key]]:
    """The legend, in lines that fit."""
    classes = dict.fromkeys(pair for view in panel.views for pair in view.legend)
    keys: list[Key] = list(classes)
    if keys:
        keys.append(("hatched: wrong", None))
    elif any(view.overlay is not None for view in panel.views):
        texts = ("found (solid)", "missed (dotted)", "false (dashed)")
        keys = list(zip(texts, KINDS, strict=True))
    lines: list[list[Key]] = []
    room = 0
    for key in keys:
        needed = key_width(key, grid)
        if not lines or needed > room:
            lines.append([])
            room = grid.width - 2 * grid.margin
        lines[-1].append(key)
        room -= needed
    return lines


def key_width(key: Key, grid: CaptionGrid) -> int:
    """The room that a part of the legend takes, pixels."""
    return extent(key[0], grid.size)[0] + 4 * grid.size
