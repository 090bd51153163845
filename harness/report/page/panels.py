"""The panels of a page: their pictures as ``data:`` addresses, within a budget of bytes."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.metrics import printed
from harness.errors import HarnessError
from harness.plugins import registry
from harness.report.panel_index import Panel, View
from harness.study.study import Study

Key = tuple[str, str, str, int]
"""Task, image, codec and QF of a panel."""

LOSSY_QUALITY = 92
"""Of WebP, where lossless pictures would make the page too large."""


@dataclass(frozen=True)
class PageView:
    """What a panel shows of one restorer.

    Attributes:
        label: the restorer, as a reader knows it.
        picture: its pixels, a ``data:`` address.
        overlay: boxes or masks on nothing, likewise; empty without any.
        figures: PSNR, SSIM, the image's own score: name and number as printed.
        score: the image's own, in the unit tables print; None without one.
        captions: what the vision model made of it, and what to know of the picture.
    """

    label: str
    picture: str
    overlay: str
    figures: tuple[tuple[str, str], ...]
    score: float | None
    captions: tuple[str, ...]


@dataclass(frozen=True)
class PagePanel:
    """An image seen through every restorer.

    Attributes:
        task, image, qf: what of; ``qf`` as printed.
        width, height: pixels.
        reason: why this image was chosen.
        notes: what to know of the panel.
        legend: class and ``#rrggbb`` of every class in its masks.
        views: ``original``, then ``jpeg``, then the restorers.
    """

    task: str
    image: str
    qf: str
    width: int
    height: int
    reason: str
    notes: tuple[str, ...]
    legend: tuple[tuple[str, str], ...]
    views: tuple[PageView, ...]


def data_uri(kind: str, data: bytes) -> str:
    """``data:KIND;base64,…``."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def chosen_panels(
    index: Sequence[Panel], fingerprints: Collection[str], first: Collection[Key], count: int
) -> tuple[list[Panel], str]:
    """Which panels of a run directory a page shows, and a sentence on those it must not.

    Args:
        index: the panels there are.
        fingerprints: of the run's cells; a picture that was made for another one is outdated.
        first: keys of panels that come before all others.
        count: the most to show.
    """
    fresh = [one for one in index if _fresh(one, fingerprints)]
    fresh.sort(key=lambda one: one.key not in first)
    old = len(index) - len(fresh)
    note = (
        "" if not old else f"{old} panel{'s' * (old > 1)} of an earlier state of the run left out."
    )
    return fresh[:count], note


def panels_within(
    folder: Path, entries: Sequence[Panel], budget: int
) -> tuple[tuple[PagePanel, ...], str]:
    """The panels that fit, and a sentence where they are not whole.

    Pictures are kept without loss if all of them fit, else as WebP at `LOSSY_QUALITY`; if that is
    still too much, the last panels are left out.

    Args:
        folder: that the paths of the panels are relative to.
        entries: the panels wanted.
        budget: bytes of all pictures in the page.

    Raises:
        HarnessError: a picture is missing or cannot be read.
    """
    for quality in (None, LOSSY_QUALITY):
        store = _Store(folder, quality)
        sizes = [store.add(_paths(entry)) for entry in entries]
        if sum(sizes) <= budget:
            break
    count, total = 0, 0
    while count < len(entries) and total + sizes[count] <= budget:
        total += sizes[count]
        count += 1
    said = []
    if count and quality is not None:
        said.append(
            f"To keep the page small, its pictures are WebP at quality {quality}; those in the run "
            "directory are without loss."
        )
    if count < len(entries):
        left = len(entries) - count
        said.append(f"{left} more panel{'s' * (left > 1)} did not fit into the page.")
    return tuple(_panel(entry, store) for entry in entries[:count]), " ".join(said)


def _fresh(entry: Panel, fingerprints: Collection[str]) -> bool:
    return all(not view.fingerprint or view.fingerprint in fingerprints for view in entry.views)


class _Store:
    """Encoded pictures; one that several panels share is encoded once."""

    def __init__(self, folder: Path, quality: int | None) -> None:
        self._folder = folder
        self._quality = quality
        self._held: dict[tuple[str, bool], str] = {}

    def add(self, paths: Iterable[tuple[str, bool]]) -> int:
        """Encode what is new; the bytes that they take in the page."""
        size = 0
        for path, exact in paths:
            if (path, exact) not in self._held:
                self._held[path, exact] = self._encode(path, None if exact else self._quality)
            size += len(self._held[path, exact])
        return size

    def uri(self, path: str, exact: bool) -> str:
        return self._held[path, exact]

    def _encode(self, path: str, quality: int | None) -> str:
        from PIL import Image, UnidentifiedImageError, features

        condition = self._folder / path
        try:
            data = condition.read_bytes()
            if not features.check("webp"):
                return data_uri("image/png", data)
            buffer = io.BytesIO()
            with Image.open(io.BytesIO(data)) as picture:
                if quality is None:
                    picture.save(buffer, "WEBP", lossless=True, exact=False, method=3)
                else:
                    picture.save(buffer, "WEBP", quality=quality, method=4)
        except (OSError, UnidentifiedImageError) as error:
            raise HarnessError(
                f"The panel picture {condition} cannot be read: {error}. "
                "Make the panels again, or leave them out with --no-panels."
            ) from error
        return data_uri("image/webp", buffer.getvalue())


def _paths(entry: Panel) -> Iterable[tuple[str, bool]]:
    for view in entry.views:
        yield view.picture, False
        if view.overlay:
            yield view.overlay, True


def _panel(entry: Panel, store: _Store) -> PagePanel:
    kind = registry.tasks().get(entry.task)
    plain = entry.codec in Study.model_fields["codec"].default
    return PagePanel(
        entry.task,
        entry.image,
        str(entry.qf) if plain else f"{entry.codec} {entry.qf}",
        entry.width,
        entry.height,
        entry.reason,
        entry.notes,
        tuple(dict.fromkeys(pair for view in entry.views for pair in view.legend)),
        tuple(_view(view, kind, store) for view in entry.views),
    )


def _view(view: View, kind: Any, store: _Store) -> PageView:
    figures = (
        ("PSNR", _figure(view.psnr, 2, " dB")),
        ("SSIM", _figure(view.ssim, 3)),
        (kind.metric, _figure(view.score, kind.digits.get(kind.metric, 1))),
    )
    said = [view.caption, view.note]
    said += [] if view.same else ["Made again, this picture does not give the recorded outcome."]
    return PageView(
        view.label,
        store.uri(view.picture, False),
        store.uri(view.overlay, True) if view.overlay else "",
        tuple((name, text) for name, text in figures if text),
        view.score,
        tuple(filter(None, said)),
    )


def _figure(value: float | None, digits: int, unit: str = "") -> str:
    return "" if value is None or math.isnan(value) else printed(value, digits) + unit
