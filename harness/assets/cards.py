"""Cards: what is known about an asset (weights, data set), and the check that it is that asset."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, model_validator

from harness.assets.disk import writing
from harness.assets.reading import load_yaml, open_regular
from harness.errors import UserError


def cache_root() -> Path:
    """The folder of downloads and rendered data; looking makes none.

    ``$HARNESS_CACHE``, or ``~/.cache/restoration-harness``.
    """
    chosen = os.environ.get("HARNESS_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "restoration-harness"


def data_root() -> Path:
    """The folder below which data sets are, each in a folder of its own; looking makes none.

    ``$HARNESS_DATA`` (``--data-root``), else ``data_root`` of the settings file, else ``data`` in
    the cache.
    """
    chosen = os.environ.get("HARNESS_DATA") or settings().get("data_root")
    return Path(chosen).expanduser() if chosen else cache_root() / "data"


def settings_path() -> Path:
    """The settings file: ``$XDG_CONFIG_HOME/restoration-harness.yaml``, usually in ~/.config."""
    chosen = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(chosen).expanduser() if chosen else Path.home() / ".config"
    return folder / "restoration-harness.yaml"


def settings() -> dict[str, str]:
    """The settings file, a YAML mapping with ``data_root``; empty where there is none.

    Raises:
        UserError: it cannot be read, or holds anything else.
    """
    path = settings_path()
    try:
        found = load_yaml(path)
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"Cannot read the settings {path}: {reason}.") from error
    if found is None:  # an empty file
        return {}
    known = isinstance(found, dict) and set(found) <= {"data_root"}
    if not known or not all(isinstance(value, str) for value in found.values()):
        raise UserError(f"The settings {path} may hold one line, 'data_root: FOLDER'.")
    return dict(found)


@dataclass(frozen=True)
class Download:
    """One file of a data set on the web.

    Attributes:
        url: http or https.
        file: where it goes, or is kept until it is unpacked, relative to `data_root`.
        size: bytes, if known.
        sha256: lower-case hex, or empty.
        md5: lower-case hex, or empty: some publishers give no other.
        unpack: folder below `data_root` that the archive is unpacked into, and then deleted;
            None: the file is kept as it is.
        members: only archive members that begin with one of these; all by default.
        licence: said before the download.
    """

    url: str
    file: str
    size: int | None = None
    sha256: str = ""
    md5: str = ""
    unpack: str | None = None
    members: tuple[str, ...] = ()
    licence: str = ""


class Card(BaseModel):
    """Data about one asset, kept beside it as YAML.

    An asset with a ``url`` does not come with the project: ``harness fetch`` puts it into the
    cache.

    Attributes:
        name: the asset's name, as ``harness show`` takes it.
        kind: ``weights`` or ``dataset``.
        file: file name, relative to the card; with a ``url``, relative to the cache's ``weights``.
        sha256: of the whole file, lower-case hex, or its first 8 digits or more where no more is
            published; empty where a remote file's is not published at all.
        url: where the file is downloaded from; empty: it comes with the card.
        by_hand: only a person can get the file there: ``harness fetch`` says so.
        size: of the file, bytes; None: unknown.
        source: where it came from (a URL, or how it was made).
        licence: SPDX name or a sentence.
        paper: citation of the method.
        recipe: the training recipe, as trained.
        published: figures its authors publish, by metric; a vision model's in percent.
        published_on: the data set of ``published``, by its name here.
        published_images: number of images that ``published`` is of, so that no other data set of
            that name is taken for it; None: unknown.
        tolerance: points by which a measurement may differ from ``published``.
        measured: figures measured by this harness, by metric.
        notes: anything a user should know before citing a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: str = "weights"
    file: str
    sha256: str
    url: str = ""
    by_hand: bool = False
    size: NonNegativeInt | None = None
    source: str
    licence: str
    paper: str = ""
    recipe: dict[str, Any] = {}
    published: dict[str, float] = {}
    published_on: str = ""
    published_images: PositiveInt | None = None
    tolerance: float = 0.5
    measured: dict[str, float | str] = {}
    notes: str = ""

    @model_validator(mode="after")
    def _identified(self) -> Card:
        if not self.sha256 and not self.url:
            raise ValueError("sha256 may be empty only where there is a url")
        return self


def read_card(path: Path) -> Card:
    """Read a card.

    Raises:
        UserError: the file is missing, is no YAML, or does not fit the schema.
    """
    try:
        return Card.model_validate(load_yaml(path))
    except OSError as error:
        raise UserError(
            f"No card at {path}: {error.strerror}. Restore the file, or train it again "
            "with 'harness train'."
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # pydantic's error is a ValueError
        first = str(error).splitlines()
        raise UserError(f"The card {path} is not valid: {' '.join(first[:3])}.") from error


def card_yaml(card: Card) -> str:
    """A card as YAML, fields in the order of the schema."""
    fields = card.model_dump()
    if not card.url:  # a file that comes with its card
        del fields["url"], fields["size"]
    if not card.by_hand:
        del fields["by_hand"]
    if not card.published_on:
        del fields["published_on"], fields["published_images"], fields["tolerance"]
    text: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    return text


def write_card(card: Card, path: Path) -> None:
    """Write a card as YAML; raises a HarnessError where the disk is full."""
    with writing(path):
        path.write_text(card_yaml(card), encoding="utf-8")


def file_sha256(path: Path) -> str:
    """The sha256 of a file, lower-case hex.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def locate_file(card_path: Path, card: Card) -> Path:
    """Where a card's file is, or would be: beside the card, or in the cache if it is remote."""
    beside = card_path.parent / card.file
    return beside if beside.is_file() or not card.url else cache_root() / "weights" / card.file


def checked_file(card_path: Path) -> tuple[Card, Path]:
    """The card and its file, after comparing the file's size and sha256 with the card's.

    Nothing is downloaded.

    Raises:
        UserError: the file is missing or is another file than the card describes.
    """
    card = read_card(card_path)
    path = locate_file(card_path, card)
    if path.is_file():
        check_file(path, card)
        return card, path
    if not card.url:
        raise UserError(f"The weights of {card.name} are missing: no file {path}.")
    if card.by_hand:
        raise UserError(f"The weights {card.name} are not on this machine. {by_hand(card, path)}")
    size = f", {megabytes(card.size)}" if card.size else ""
    raise UserError(
        f"The weights {card.name} are not on this machine: `harness fetch {card.name}` downloads "
        f"them, or put the file (from {card.url}{size}) at {path}."
    )


def by_hand(card: Card, path: Path) -> str:
    """How a person gets a file that no program can download.

    Args:
        card: of the file.
        path: where it belongs.
    """
    return f"No program can download them: get {card.file} from {card.url} and put it at {path}."


def check_file(path: Path, card: Card) -> None:
    """Compare a file's size and sha256 with what its card says of them.

    Raises:
        UserError: it is another file, or cannot be read.
    """
    again = (
        f"Delete it and `harness fetch {card.name}`."
        if card.url
        else "Restore the file, or write a card of its own for it."
    )
    try:
        size = path.stat().st_size
        found = file_sha256(path) if card.sha256 else ""
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    if card.size is not None and size != card.size:
        raise UserError(
            f"{path} is not the file its card describes: {size} bytes, expected {card.size}. "
            f"{again}"
        )
    if not found.startswith(card.sha256):
        raise UserError(
            f"{path} is not the file its card describes: sha256 {found[:12]}…, "
            f"expected {card.sha256[:12]}…. {again}"
        )


def megabytes(size: int) -> str:
    """A size in bytes for people."""
    return f"{size / 1e6:.1f} MB"
