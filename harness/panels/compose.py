"""One picture of a panel: every view with what was found, a detail enlarged, and its figures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.panels.captions import (
    CaptionGrid,
    Key,
    key_width,
    legend_lines,
    panel_heading,
    small_print,
    view_texts,
)
from harness.panels.labels import extent, font
from harness.panels.overlay import line, mark_area
from harness.panels.palette import KINDS
from harness.records.atomic import write_atomic
from harness.report.panel_index import Panel, View

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

DPI = 300
"""At which the usual width fills two columns of a page (7.16 inches)."""

_MOST_COLUMNS = 5
_TALLEST, _TALLEST_DETAIL = 1.2, 0.75  # in a tile, in its widths
_INK, _PALE = (0, 0, 0), (90, 90, 90)


@dataclass(frozen=True)
class PanelLayout:
    """How large.

    Attributes:
        width: of the composed picture, pixels.
        pdf: write a PDF beside the PNG.
    """

    width: int = 2150
    pdf: bool = False


def compose(panel: Panel, folder: Path, layout: PanelLayout) -> None:
    """Write the picture of a panel to where its ``file`` says.

    Args:
        panel: with its views' pictures in ``folder``.
        folder: of the index.
        layout: how large.

    Raises:
        HarnessError: it cannot be written.
    """
    from PIL import Image, ImageDraw

    grid = _grid(panel, layout.width)
    texts = [view_texts(panel, view, grid) for view in panel.views]
    lines = max(len(text) for text in texts)
    head, foot = panel_heading(panel, grid), small_print(panel, grid)
    step = extent("X", grid.size)[1]
    row = grid.shown[1] + (grid.detail[1] + grid.margin // 2 if grid.detail else 0)
    row += lines * step + 2 * grid.margin
    rows = -(-len(panel.views) // grid.columns)
    top = 2 * grid.margin + len(head) * round(1.2 * step)
    keys = legend_lines(panel, grid)
    height = top + rows * row + (len(keys) + len(foot)) * round(1.3 * step) + grid.margin
    canvas = Image.new("RGB", (grid.width, height), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for number, (text, bold) in enumerate(head):
        at = (grid.margin, grid.margin + number * round(1.2 * step))
        draw.text(at, text, fill=_INK, font=font(grid.size, bold))
    for number, view in enumerate(panel.views):
        x = grid.margin + (number % grid.columns) * (grid.tile + grid.margin)
        y = top + (number // grid.columns) * row
        _tile(canvas, panel, view, folder, grid, (x, y))
        _write(draw, texts[number], grid, (x, y + row - lines * step - 3 * grid.margin // 2))
    y = top + rows * row
    for key in keys:
        _key(draw, key, grid, y)
        y += round(1.3 * step)
    for text in foot:
        draw.text((grid.margin, y), text, fill=_PALE, font=font(grid.size))
        y += round(1.3 * step)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", dpi=(DPI, DPI))
    write_atomic(folder / panel.file, buffer.getvalue())
    if layout.pdf:
        write_atomic((folder / panel.file).with_suffix(".pdf"), _pdf(canvas))


def _grid(panel: Panel, width: int) -> CaptionGrid:
    rows = -(-len(panel.views) // _MOST_COLUMNS)
    columns = -(-len(panel.views) // rows)
    margin = max(width // 130, 4)
    tile = (width - (columns + 1) * margin) // columns
    shown = _fitted(panel.width, panel.height, tile, round(_TALLEST * tile))
    detail = None
    if panel.crop is not None:
        detail = _fitted(*panel.crop[2:], tile, round(_TALLEST_DETAIL * tile))
    return CaptionGrid(width, columns, margin, tile, shown, detail)


def _fitted(width: int, height: int, wide: int, high: int) -> tuple[int, int]:
    """The largest size of the same proportions that fits."""
    scale = min(wide / width, high / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _tile(
    canvas: Image, panel: Panel, view: View, folder: Path, grid: CaptionGrid, at: tuple[int, int]
) -> None:
    """A view's picture with what is drawn on it, and under it the detail."""
    from PIL import Image, ImageDraw

    with Image.open(folder / view.picture) as opened:
        picture = opened.convert("RGB")
    whole = picture.resize(grid.shown, Image.Resampling.LANCZOS)
    if panel.crop is not None:
        x, y, wide, high = panel.crop
        across, down = grid.shown[0] / panel.width, grid.shown[1] / panel.height
        area = (
            *(round(x * across), round(y * down)),
            *(round((x + wide) * across), round((y + high) * down)),
        )
        mark_area(ImageDraw.Draw(whole), area, max(grid.tile // 220, 1))
    if view.overlay is not None:
        with Image.open(folder / view.overlay) as opened:
            sheet = opened.convert("RGBA").resize(grid.shown, Image.Resampling.LANCZOS)
        whole.paste(sheet, (0, 0), sheet)
    left = at[0] + (grid.tile - grid.shown[0]) // 2
    canvas.paste(whole, (left, at[1]))
    if panel.crop is not None and grid.detail is not None:
        x, y, wide, high = panel.crop
        # Pixels as they are: nothing is smoothed that is to be looked at closely.
        detail = picture.crop((x, y, x + wide, y + high))
        detail = detail.resize(grid.detail, Image.Resampling.NEAREST)
        left = at[0] + (grid.tile - grid.detail[0]) // 2
        canvas.paste(detail, (left, at[1] + grid.shown[1] + grid.margin // 2))


def _write(
    draw: ImageDraw, lines: list[tuple[str, bool]], grid: CaptionGrid, at: tuple[int, int]
) -> None:
    step = extent("X", grid.size)[1]
    for number, (text, bold) in enumerate(lines):
        middle = at[0] + (grid.tile - extent(text, grid.size, bold)[0]) // 2
        condition = (middle, at[1] + number * step)
        draw.text(condition, text, fill=_INK, font=font(grid.size, bold))


def _key(draw: ImageDraw, keys: list[Key], grid: CaptionGrid, y: int) -> None:
    x = grid.margin
    step = extent("X", grid.size)[1]
    for key in keys:
        text, sign = key
        area = (x, y + 2, x + 2 * grid.size, y + step - 2)
        if sign in KINDS:
            line(draw, area, sign, max(grid.size // 8, 2))
        elif sign is not None:
            draw.rectangle(area, fill=sign, outline=_PALE)
        else:
            _hatched(draw, area, max(grid.size // 8, 2))
        draw.text((x + round(2.5 * grid.size), y), text, fill=_INK, font=font(grid.size))
        x += key_width(key, grid)


def _hatched(draw: ImageDraw, area: tuple[int, int, int, int], width: int) -> None:
    left, top, right, bottom = area
    draw.rectangle(area, fill=(190, 190, 190), outline=_PALE)
    for y in range(top, bottom):
        for x in range(left, right):
            stripe = (x + y) // width % 6
            if stripe < 2:
                draw.point((x, y), (255, 255, 255) if stripe == 0 else (0, 0, 0))


def _pdf(canvas: Image) -> bytes:
    """The picture as a page, without loss (Pillow's own PDF would hold a JPEG)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide, high = canvas.size
    figure = Figure(figsize=(wide / DPI, high / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(canvas, interpolation="none", aspect="auto")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", dpi=DPI, metadata={"CreationDate": None})
    return buffer.getvalue()
