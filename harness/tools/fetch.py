"""What a name stands for that can be downloaded: ``harness fetch``."""

from __future__ import annotations

import contextlib
import difflib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets.archives import unpack
from harness.assets.cards import (
    Card,
    Download,
    by_hand,
    data_root,
    locate_file,
    megabytes,
    read_card,
)
from harness.assets.download import fetch
from harness.assets.transfer import Progress
from harness.errors import HarnessError, UserError
from harness.plugins import registry

if TYPE_CHECKING:
    from harness.plugins import DataSet, Restorer, VisionModel
    from harness.plugins.registry import Registry

SECONDS_BETWEEN_LINES = 5.0

DATA_SETTING = "--data-root"
"""What names another place for data sets."""


def download(name: str, say: Callable[[str], None], limit: int | None = None) -> Iterator[str]:
    """Download everything that a name stands for, where it is not here yet.

    Args:
        name: a data set's; a card's (``swinir-official-q10``), a name with a variant
            (``swinir:official``, all its cards), a name (``swinir``), or a model card's path.
        say: receives lines of progress.
        limit: of a data set, only the first images; weights come whole.

    Yields:
        For each file its name, path and sha256; for a data set, that it is complete.

    Raises:
        UserError: the name stands for nothing that is downloaded, or for a data set that does not
            come in parts; the cache or the data root cannot be written; something is not here and
            the user wants no network.
        HarnessError: a download failed.
    """
    if name in registry.datasets():
        yield from _data_set(name, registry.datasets().get(name), say, limit)
        return
    cards = remote_cards(name)
    if limit is not None:
        say(f"{name} comes whole: --limit is for data sets.")
    for path, card in cards:
        target = locate_file(path, card)
        if card.by_hand and not target.is_file():
            raise UserError(by_hand(card, target))
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
    path = Path(name)
    if path.is_file():
        return [(path, _card_at(path))]
    known: list[tuple[Path, Card]] = []
    for path in _all_cards():
        with contextlib.suppress(UserError):  # another's bad card is no reason to stop
            card = read_card(path)
            known += [(path, card)] if card.url else []
    stem = re.escape(name.replace(":", "-"))
    fitting = [pair for pair in known if re.fullmatch(rf"{stem}(-q\d+)?", pair[1].name)]
    if not fitting and name in registry.restorers():
        fitting = [pair for pair in known if pair[1].name.startswith(f"{name}-")]
    if not fitting:
        listed = [card.name for _, card in known]
        data_sets = list(registry.datasets())
        near = difflib.get_close_matches(name.lower(), [*listed, *data_sets], n=1, cutoff=0.5)
        raise UserError(
            f"Nothing is downloaded under the name '{name}'."
            + (f" Did you mean '{near[0]}'?" if near else "")
            + f" Downloads: {', '.join(listed) or 'none'}."
            + (f" Data sets: {', '.join(data_sets)}." if data_sets else "")
        )
    return fitting


def _card_at(path: Path) -> Card:
    """What a model's card, named by its path, says of its file.

    Raises:
        UserError: it is no model's card, or says no address.
    """
    kinds = registry.model_formats()
    for kind in kinds:
        opener = kinds.get(kind)
        if opener.accepts(path):
            card = opener.open(path, None).card
            if card is not None and card.url:
                return card
    raise UserError(f"{path} names no address that its file can be downloaded from (url).")


def _data_set(
    name: str, kind: type[DataSet], say: Callable[[str], None], limit: int | None
) -> Iterator[str]:
    """Bring what a data set lacks."""
    root = data_root()
    licences: set[str] = set()
    singles = _Count(name, say)
    brought = False
    for item in kind.downloads(limit):
        brought = True
        if item.licence and item.licence not in licences:
            say(f"{name}: {item.url}, licence: {item.licence}")
            licences.add(item.licence)
        if item.unpack is None:
            singles.add(_kept(item, root))
        else:
            yield _unpacked(item, root, say)
    if singles.files:
        yield f"{name}: {singles.files} files, {megabytes(singles.size)}, in {singles.folder}"
    if limit is None and not kind.prepared():
        raise HarnessError(
            f"{name} was fetched and is still not complete under {root}: files that the data set "
            "lists are not in its archives. Look at what is there, or delete it and fetch again."
        )
    part = "" if limit is None else f"the first {limit} images are "
    done = "complete" if brought else "complete already, nothing to download"
    yield f"{name}: {part}{done} under {root}"


class _Count:
    """How many single files came, said now and then."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self.files, self.size, self.folder = 0, 0, Path()
        self._told = told(name, lambda line: say(f"{line}, {self.files} files"))

    def add(self, path: Path) -> None:
        self.files += 1
        self.size += path.stat().st_size
        self.folder = path.parent
        self._told(self.size, None)


def _kept(item: Download, root: Path) -> Path:
    """Fetch a file that stays as it is.

    Raises:
        HarnessError: its place is not below the data root.
    """
    target = root / item.file
    if not target.resolve().is_relative_to(root.resolve()):
        raise HarnessError(f"{item.url} is not fetched: {item.file} leads out of {root}.")
    fetch(item.url, target, item.size, item.sha256, md5=item.md5, setting=DATA_SETTING)
    return target


def _unpacked(item: Download, root: Path, say: Callable[[str], None]) -> str:
    """Fetch an archive, unpack it, and delete it."""
    archive, folder = root / item.file, root / (item.unpack or ".")
    _check_room(item, archive)
    sha256 = fetch(
        item.url,
        archive,
        item.size,
        item.sha256,
        told(item.file, say),
        md5=item.md5,
        setting=DATA_SETTING,
    )
    say(f"{item.file}: unpacking into {folder}")
    progress = told(f"unpacking {item.file}", say)
    files = unpack(archive, folder, item.members, progress, DATA_SETTING)
    archive.unlink()
    return f"{item.file}: {files} files unpacked into {folder}\n  sha256 {sha256}"


def _check_room(item: Download, archive: Path) -> None:
    """Refuse a download for which the disk is too small; what is in an archive is as much again.

    Raises:
        HarnessError: it is.
    """
    part = archive.with_name(archive.name + ".part")
    have = next((path.stat().st_size for path in (archive, part) if path.is_file()), 0)
    needed = 2 * (item.size or 0) - have
    place = next(path for path in archive.parents if path.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise HarnessError(
            f"The disk is full: {item.file} and what is in it need {megabytes(needed)} in "
            f"{archive.parent}, and {megabytes(free)} are free. Free some space, or set "
            f"{DATA_SETTING} to another disk."
        )


def _all_cards() -> list[Path]:
    """Every card that something in a registry shows, without what cannot be imported."""
    groups: list[Registry[type[Restorer | DataSet | VisionModel]]]
    groups = [registry.restorers(), registry.datasets()]
    groups += [registry.models(task) for task in registry.tasks()]
    cards: list[Path] = []
    for group in groups:
        for name in group:
            with contextlib.suppress(UserError):
                cards += [path for path in group.get(name).cards() if path not in cards]
    return cards


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
