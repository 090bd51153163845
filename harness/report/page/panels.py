"""The panels of a page: their pictures as ``data:`` addresses, within a budget of bytes."""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Collection, Sequence
from pathlib import Path

from harness.analysis.metrics import printed
from harness.errors import HarnessError, ImageError
from harness.plugins import registry
from harness.report.page.prose import plural
from harness.report.panel_index import Panel, PanelKey, View
from harness.study.study import Study

LOSSY_QUALITY = 92
"""Of WebP, where lossless pictures would make the page too large."""


def data_uri(kind: str, data: bytes) -> str:
    """``data:KIND;base64,…``."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def choose_panels(
    index: Sequence[Panel], fingerprints: Collection[str], first: Collection[PanelKey], count: int
) -> tuple[list[Panel], str]:
    """Which panels of a run directory a page shows, and a sentence on those it must not.

    Args:
        index: the panels there are.
        fingerprints: of the run's cells; a picture that was made for another one is outdated.
        first: keys of panels that come before all others.
        count: the most to show.
    """
    current = {"", *fingerprints}
    fresh = [p for p in index if all(view.fingerprint in current for view in p.views)]
    fresh.sort(key=lambda panel: panel.key not in first)
    outdated = len(index) - len(fresh)
    note = f"{plural(outdated, 'panel')} of an earlier state of the run left out."
    return fresh[:count], note if outdated else ""


def embed_panels(
    folder: Path, panels: Sequence[Panel], budget: int
) -> tuple[Sequence[Panel], dict[str, str], str]:
    """The panels that fit, their pictures, and a sentence where they are not whole.

    Pictures are kept without loss if all of them fit, else as WebP at `LOSSY_QUALITY`; if that is
    still too much, the last panels are left out.

    Args:
        folder: that the paths of the panels are relative to.
        panels: those wanted.
        budget: bytes of all pictures in the page.

    Returns:
        Panels; ``data:`` addresses by path; the sentence or nothing.

    Raises:
        HarnessError: a picture is missing or cannot be read.
    """
    quality: int | None = None
    pictures, sizes = _encode(folder, panels, quality)
    if sum(sizes) > budget:
        quality = LOSSY_QUALITY
        pictures, sizes = _encode(folder, panels, quality)
    count = sum(total <= budget for total in itertools.accumulate(sizes))
    notes = []
    if count and quality is not None:
        notes.append(
            f"To keep the page small, its pictures are WebP at quality {quality}; those in the run "
            "directory are without loss."
        )
    if count < len(panels):
        notes.append(f"{plural(len(panels) - count, 'more panel')} did not fit into the page.")
    return panels[:count], pictures, " ".join(notes)


def _encode(
    folder: Path, panels: Sequence[Panel], quality: int | None
) -> tuple[dict[str, str], list[int]]:
    """The pictures by path, each once, overlays without loss; and the bytes each panel adds."""
    pictures: dict[str, str] = {}
    sizes = []
    for panel in panels:
        qualities = {view.picture: quality for view in panel.views}
        qualities |= {view.overlay: None for view in panel.views if view.overlay}
        new = {p: _encode_picture(folder / p, q) for p, q in qualities.items() if p not in pictures}
        pictures |= new
        sizes.append(sum(map(len, new.values())))
    return pictures, sizes


def _encode_picture(path: Path, quality: int | None) -> str:
    from PIL import UnidentifiedImageError, features

    from harness.plugins.opening import load_image

    try:
        data = path.read_bytes()
        if not features.check("webp"):
            return data_uri("image/png", data)
        buffer = io.BytesIO()
        with load_image(data) as picture:
            if quality is None:
                picture.save(buffer, "WEBP", lossless=True, exact=False, method=3)
            else:
                picture.save(buffer, "WEBP", quality=quality, method=4)
    except (OSError, UnidentifiedImageError, ImageError) as error:
        raise HarnessError(
            f"The panel picture {path} cannot be read: {error}. "
            "Make the panels again, or leave them out with --no-panels."
        ) from error
    return data_uri("image/webp", buffer.getvalue())


def qf_text(panel: Panel) -> str:
    """The QF of a panel as printed, with the codec where it is another than usual."""
    plain = panel.codec in Study.model_fields["codec"].default
    return str(panel.qf) if plain else f"{panel.codec} {panel.qf}"


def legend(panel: Panel) -> list[tuple[str, str]]:
    """Class and ``#rrggbb`` of every class in the masks of a panel."""
    return list(dict.fromkeys(pair for view in panel.views for pair in view.legend))


def figures(panel: Panel, view: View) -> list[tuple[str, str]]:
    """PSNR, SSIM and the image's own score: name and number as printed, of those there are."""
    task = registry.tasks().get(panel.task)
    texts = {
        "PSNR": _figure(view.psnr, 2, " dB"),
        "SSIM": _figure(view.ssim, 3),
        task.metric: _figure(view.score, task.digits.get(task.metric, 1)),
    }
    return [(name, text) for name, text in texts.items() if text]


def captions(view: View) -> list[str]:
    """What the vision model made of a view, and what to know of the picture."""
    unlike = "Made again, this picture does not give the recorded outcome."
    return list(filter(None, [view.caption, view.note, "" if view.same else unlike]))


def _figure(value: float | None, digits: int, unit: str = "") -> str:
    return "" if value is None or math.isnan(value) else printed(value, digits) + unit
