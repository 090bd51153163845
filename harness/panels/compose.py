"""One picture of a panel: every view with what was found, a detail enlarged, and its figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.metrics import printed
from harness.panels.labels import KINDS, PALE, extent, font, shorten, wrap
from harness.panels.overlay import draw_sign, mark_area
from harness.plugins import registry
from harness.plugins.opening import open_image
from harness.records.atomic import write_atomic
from harness.report.panel_index import Panel, View

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

DPI = 300
"""At which the usual width fills two columns of a page (7.16 inches)."""

WIDTH = 2150
"""Of a composed picture, pixels, where nobody says otherwise."""

_MOST_COLUMNS = 5
_TALLEST, _TALLEST_DETAIL = 1.2, 0.75  # in a tile, in its widths
_INK = (0, 0, 0)

Text = tuple[str, bool]
"""A line, and whether it is bold."""

LegendKey = tuple[str, str | None]
"""A text and what stands before it: the kind of a box, a colour, or None for hatching."""


@dataclass(frozen=True)
class _Grid:
    """Sizes in pixels; `picture` is that of a whole picture, `detail` that of an enlarged one."""

    width: int
    columns: int
    margin: int
    tile: int
    picture: tuple[int, int]
    detail: tuple[int, int] | None

    @property
    def size(self) -> int:
        """Of the text: about 6 points where the panel is as wide as a page."""
        return max(self.tile // 19, 8)

    @property
    def line(self) -> int:
        """The height of a line of text."""
        return extent("X", self.size)[1]

    @property
    def text_width(self) -> int:
        """Between the margins."""
        return self.width - 2 * self.margin


def compose(panel: Panel, folder: Path, width: int = WIDTH, pdf: bool = False) -> None:
    """Write the picture of a panel to where its ``file`` says.

    Args:
        panel: with its views' pictures in ``folder``.
        folder: of the index.
        width: of the composed picture, pixels.
        pdf: write a PDF beside the PNG.

    Raises:
        HarnessError: it cannot be written.
    """
    from PIL import Image, ImageDraw

    grid = _grid(panel, width)
    texts = [_view_texts(panel, view, grid) for view in panel.views]
    heading, keys, notes = _heading(panel, grid), _legend(panel, grid), _small_print(panel, grid)
    captions = max(len(text) for text in texts) * grid.line
    row = grid.picture[1] + (grid.detail[1] + grid.margin // 2 if grid.detail else 0)
    row += captions + 2 * grid.margin
    top = 2 * grid.margin + len(heading) * round(1.2 * grid.line)
    below = top + -(-len(panel.views) // grid.columns) * row
    step = round(1.3 * grid.line)
    height = below + (len(keys) + len(notes)) * step + grid.margin
    canvas = Image.new("RGB", (grid.width, height), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for number, (text, bold) in enumerate(heading):
        at = (grid.margin, grid.margin + number * round(1.2 * grid.line))
        draw.text(at, text, fill=_INK, font=font(grid.size, bold))
    for number, view in enumerate(panel.views):
        x = grid.margin + (number % grid.columns) * (grid.tile + grid.margin)
        y = top + (number // grid.columns) * row
        _draw_view(canvas, panel, view, folder, grid, (x, y))
        _draw_texts(draw, texts[number], grid, (x, y + row - captions - 3 * grid.margin // 2))
    for number, line_keys in enumerate(keys):
        _draw_keys(draw, line_keys, grid, below + number * step)
    for number, note in enumerate(notes, start=len(keys)):
        at = (grid.margin, below + number * step)
        draw.text(at, note, fill=PALE, font=font(grid.size))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", dpi=(DPI, DPI))
    write_atomic(folder / panel.file, buffer.getvalue())
    if pdf:
        write_atomic((folder / panel.file).with_suffix(".pdf"), _pdf(canvas))


def _grid(panel: Panel, width: int) -> _Grid:
    rows = -(-len(panel.views) // _MOST_COLUMNS)
    columns = -(-len(panel.views) // rows)
    margin = max(width // 130, 4)
    tile = (width - (columns + 1) * margin) // columns
    picture = _fitted(panel.width, panel.height, tile, round(_TALLEST * tile))
    detail = None
    if panel.crop is not None:
        detail = _fitted(*panel.crop[2:], tile, round(_TALLEST_DETAIL * tile))
    return _Grid(
        width=width, columns=columns, margin=margin, tile=tile, picture=picture, detail=detail
    )


def _fitted(width: int, height: int, wide: int, high: int) -> tuple[int, int]:
    """The largest size of the same proportions that fits."""
    scale = min(wide / width, high / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _heading(panel: Panel, grid: _Grid) -> list[Text]:
    condition = f"QF {panel.qf}" if panel.codec == "jpeg" else f"{panel.codec} {panel.qf}"
    title = f"{panel.image} · {panel.task}, {condition}"
    return [
        (shorten(title, grid.size, grid.text_width, True), True),
        *((text, False) for text in wrap(panel.reason, grid.size, grid.text_width)),
    ]


def _view_texts(panel: Panel, view: View, grid: _Grid) -> list[Text]:
    """What stands under a view, in lines that fit."""
    task = registry.tasks().get(panel.task)
    marks = ("" if view.same else "*") + ("°" if view.note else "")
    name = shorten(view.label, grid.size, grid.tile - extent(marks, grid.size, True)[0], True)
    figures = [] if view.psnr is None else [f"{view.psnr:.2f} dB"]
    figures += [] if view.ssim is None else [f"{view.ssim:.3f}"]
    if view.score is not None and task.needs_model:
        score = printed(view.score, task.digits.get(task.metric, 1))
        figures.append(f"{task.metric} {score}".replace(" ", "\u00a0"))
    texts = (" | ".join(figures), view.caption)
    lines = [line for text in texts for line in wrap(text, grid.size, grid.tile)]
    return [(name + marks, True), *((line, False) for line in lines)]


def _small_print(panel: Panel, grid: _Grid) -> list[str]:
    task = registry.tasks().get(panel.task)
    scored = task.needs_model and any(view.score is not None for view in panel.views)
    own = f" | the image's own {task.metric}" if scored else ""
    notes = [f"Under each: PSNR | SSIM{own}."]
    if not all(view.same for view in panel.views):
        notes.append("* What the model says now is not what the run recorded.")
    views = (f"{view.label}: {view.note}" for view in panel.views if view.note)
    notes += [f"° {note}." for note in dict.fromkeys(views)]
    notes += panel.notes
    return [text for note in notes for text in wrap(note, grid.size, grid.text_width)]


def _legend(panel: Panel, grid: _Grid) -> list[list[LegendKey]]:
    """The legend, in lines that fit."""
    keys: list[LegendKey] = [*dict.fromkeys(pair for view in panel.views for pair in view.legend)]
    if keys:
        keys.append(("hatched: wrong", None))
    elif any(view.overlay is not None for view in panel.views):
        texts = ("found (solid)", "missed (dotted)", "false (dashed)")
        keys = list(zip(texts, KINDS, strict=True))
    lines: list[list[LegendKey]] = []
    room = 0
    for key in keys:
        needed = _key_width(key, grid)
        if not lines or needed > room:
            lines.append([])
            room = grid.text_width
        lines[-1].append(key)
        room -= needed
    return lines


def _key_width(key: LegendKey, grid: _Grid) -> int:
    return extent(key[0], grid.size)[0] + 4 * grid.size


def _draw_view(
    canvas: Image, panel: Panel, view: View, folder: Path, grid: _Grid, at: tuple[int, int]
) -> None:
    """A view's picture with what is drawn on it, and under it the detail."""
    from PIL import Image, ImageDraw

    with open_image(folder / view.picture) as opened:
        picture = opened.convert("RGB")
    whole = picture.resize(grid.picture, Image.Resampling.LANCZOS)
    x, y, wide, high = panel.crop or (0, 0, 0, 0)
    if panel.crop is not None:
        across, down = grid.picture[0] / panel.width, grid.picture[1] / panel.height
        corner = (round((x + wide) * across), round((y + high) * down))
        area = (round(x * across), round(y * down), *corner)
        mark_area(ImageDraw.Draw(whole), area, max(grid.tile // 220, 1))
    if view.overlay is not None:
        with open_image(folder / view.overlay) as opened:
            overlay = opened.convert("RGBA").resize(grid.picture, Image.Resampling.LANCZOS)
        whole.paste(overlay, (0, 0), overlay)
    canvas.paste(whole, (at[0] + (grid.tile - grid.picture[0]) // 2, at[1]))
    if grid.detail is not None:
        # Pixels as they are: nothing is smoothed that is to be looked at closely.
        detail = picture.crop((x, y, x + wide, y + high))
        detail = detail.resize(grid.detail, Image.Resampling.NEAREST)
        left = at[0] + (grid.tile - grid.detail[0]) // 2
        canvas.paste(detail, (left, at[1] + grid.picture[1] + grid.margin // 2))


def _draw_texts(draw: ImageDraw, lines: Sequence[Text], grid: _Grid, at: tuple[int, int]) -> None:
    for number, (text, bold) in enumerate(lines):
        left = at[0] + (grid.tile - extent(text, grid.size, bold)[0]) // 2
        corner = (left, at[1] + number * grid.line)
        draw.text(corner, text, fill=_INK, font=font(grid.size, bold))


def _draw_keys(draw: ImageDraw, keys: Sequence[LegendKey], grid: _Grid, y: int) -> None:
    x = grid.margin
    for key in keys:
        text, sign = key
        area = (x, y + 2, x + 2 * grid.size, y + grid.line - 2)
        draw_sign(draw, area, sign, max(grid.size // 8, 2))
        draw.text((x + round(2.5 * grid.size), y), text, fill=_INK, font=font(grid.size))
        x += _key_width(key, grid)


def _pdf(canvas: Image) -> bytes:
    """The picture as a page, without loss (Pillow's own PDF would hold a JPEG)."""
    from matplotlib.figure import Figure

    wide, high = canvas.size
    figure = Figure(figsize=(wide / DPI, high / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(canvas, interpolation="none", aspect="auto")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", dpi=DPI, metadata={"CreationDate": None})
    return buffer.getvalue()
