"""Where a restorer's weights come from: cards, or a file of the user's."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from glob import escape
from pathlib import Path
from typing import NamedTuple

from harness.assets.cards import checked_file, file_sha256
from harness.errors import UserError

SHIPPED = Path(__file__).parents[1] / "weights"
"""The checkpoints that come with the project, each with its card."""

PUBLISHED = Path(__file__).parents[1] / "cards"
"""Cards of checkpoints that their authors publish; the files are downloaded when asked for."""

SUFFIXES = (".safetensors", ".pth", ".pt", ".mat")
_QUALITY = re.compile(r"(?:q|qf|jpeg)_?(\d{1,3})$")


class File(NamedTuple):
    """A weights file and its sha256."""

    path: Path
    sha256: str


class CheckpointSource(ABC):
    """The weights of one restorer."""

    @abstractmethod
    def qualities(self) -> list[int] | None:
        """The quality factors there is a file for; None: one file for all."""

    @abstractmethod
    def file(self, qf: int | None) -> File:
        """The file for a quality factor of `qualities`, or the one for all.

        Raises:
            UserError: it is missing, or not the file its card describes.
        """


class Cards(CheckpointSource):
    """Cards ``<stem>.yaml`` or ``<stem>-q<QF>.yaml``.

    Args:
        stem: what their names begin with.
        folders: where they lie; the first folder that has any counts.
    """

    def __init__(self, stem: str, *folders: Path) -> None:
        folders = folders or (SHIPPED, PUBLISHED)
        self._stem = stem
        self._folder = next((folder for folder in folders if self._in(folder)), folders[0])

    def paths(self) -> list[Path]:
        """The cards."""
        return self._in(self._folder)

    def qualities(self) -> list[int] | None:
        """See `CheckpointSource`."""
        if self._card(None).is_file():
            return None
        return sorted(int(card.stem.rpartition("-q")[2]) for card in self.paths())

    def file(self, qf: int | None) -> File:
        """See `CheckpointSource`."""
        card, path = checked_file(self._card(qf))
        return File(path, card.sha256 or file_sha256(path))

    def _in(self, folder: Path) -> list[Path]:
        """The cards in a folder: the one for all, or those for a quality factor."""
        for_all, start = folder / f"{self._stem}.yaml", f"{self._stem}-q"
        if for_all.is_file():
            return [for_all]
        cards = sorted(folder.glob(f"{escape(start)}*.yaml"))  # a name, whatever is in it
        return [card for card in cards if card.stem.removeprefix(start).isdecimal()]

    def _card(self, qf: int | None) -> Path:
        return self._folder / (f"{self._stem}.yaml" if qf is None else f"{self._stem}-q{qf}.yaml")


class Files(CheckpointSource):
    """Files of the user's: one, or a folder with one a quality factor.

    A name that ends with ``q10``, ``qf10`` or ``jpeg10`` says what QF the file is for; a single
    file whose name says nothing is for all.

    Args:
        path: of the file or the folder.

    Raises:
        UserError: there is nothing, or nothing that says its quality factor in a folder, or two
            files for the same one.
    """

    def __init__(self, path: Path) -> None:
        self._by_quality: dict[int | None, Path] = {}
        if path.is_file():
            self._by_quality[qf_from_name(path)] = path
        elif path.is_dir():
            for file in sorted(path.iterdir()):
                quality = qf_from_name(file) if file.suffix in SUFFIXES else None
                if quality is None:
                    continue
                other = self._by_quality.setdefault(quality, file)
                if other != file:
                    raise UserError(
                        f"In {path}, {other.name} and {file.name} are both for QF {quality}: "
                        "leave one of them there."
                    )
            if not self._by_quality:
                raise UserError(
                    f"The folder {path} has no weights whose names end with a QF, such as q10.pth."
                )
        else:
            raise UserError(f"There are no weights at {path}.")
        self._sha256: dict[Path, str] = {}

    def qualities(self) -> list[int] | None:
        """See `CheckpointSource`."""
        if None in self._by_quality:
            return None
        return sorted(quality for quality in self._by_quality if quality is not None)

    def file(self, qf: int | None) -> File:
        """See `CheckpointSource`."""
        path = self._by_quality[qf]
        if path not in self._sha256:
            self._sha256[path] = readable_sha256(path)
        return File(path, self._sha256[path])


class OneFile(CheckpointSource):
    """One file for every quality factor, whatever its name says.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def qualities(self) -> None:
        """See `CheckpointSource`."""

    def file(self, qf: int | None) -> File:
        """See `CheckpointSource`."""
        return File(self._path, readable_sha256(self._path))


def readable_sha256(path: Path) -> str:
    """The sha256 of a weights file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error


def qf_from_name(path: Path) -> int | None:
    """The quality factor that a file's name says it is for."""
    quality = _QUALITY.search(path.stem)
    return int(quality[1]) if quality and 1 <= int(quality[1]) <= 100 else None
