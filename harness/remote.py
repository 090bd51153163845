"""What a name stands for that can be downloaded: ``harness fetch``."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import registry
from harness.assets import Card, file_of, megabytes, read_card
from harness.download import fetch
from harness.errors import UserError
from harness.registry import Registry
from harness.transfer import Progress

SECONDS_BETWEEN_LINES = 5.0


def download(name: str, say: Callable[[str], None]) -> Iterator[str]:
    """Download everything that a name stands for, where it is not here yet.

    Args:
        name: a card's (``swinir-official-q10``), a name with a variant (``swinir:official``, all
            its cards), or a name (``swinir``).
        say: receives lines of progress.

    Yields:
        For each file its card's name, path and sha256.

    Raises:
        UserError: the name stands for nothing that is downloaded; the cache cannot be written.
        HarnessError: a download failed.
    """
    for path, card in remote_cards(name):
        target = file_of(path, card)
        if not target.is_file():
            say(f"{card.name}: {card.url}, licence: {card.licence}")
        sha256 = fetch(card.url, target, card.size, card.sha256, told(card.file, say))
        unknown = "" if card.sha256 else " (no checksum is published to compare it with)"
        yield f"{card.name}: {target}\n  sha256 {sha256}{unknown}"


def remote_cards(name: str) -> list[tuple[Path, Card]]:
    """The cards with a URL that a name stands for; see `download`.

    Raises:
        UserError: there are none.
    """
    known = [(path, card) for path in _all_cards() if (card := read_card(path)).url]
    stem = re.escape(name.replace(":", "-"))
    fitting = [pair for pair in known if re.fullmatch(rf"{stem}(-q\d+)?", pair[1].name)]
    if not fitting and name in registry.restorers():
        fitting = [pair for pair in known if pair[1].name.startswith(f"{name}-")]
    if not fitting:
        listed = ", ".join(card.name for _, card in known) or "none"
        raise UserError(f"Nothing is downloaded under the name '{name}'. Downloads: {listed}.")
    return fitting


def _all_cards() -> list[Path]:
    """Every card that something in a registry shows, without what cannot be imported."""
    kinds: list[Registry] = [registry.restorers(), registry.datasets()]
    kinds += [registry.models(task) for task in registry.tasks()]
    found: list[Path] = []
    for kind in kinds:
        for name in kind:
            with contextlib.suppress(UserError):
                cards = getattr(kind.get(name), "cards", None)
                found += [path for path in cards() if path not in found] if cards else []
    return found


def told(what: str, say: Callable[[str], None]) -> Progress:
    """A `Progress` that says a line now and then.

    Args:
        what: is downloaded.
        say: receives the lines.
    """
    last = time.monotonic()

    def progress(here: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{what}: {megabytes(here)}" + (f" of {megabytes(total)}" if total else ""))

    return progress
