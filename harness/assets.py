"""Cards: what is known about an asset (weights, data set), and the check that it is that asset."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from harness.errors import UserError


class Card(BaseModel):
    """Data about one asset, kept beside it as YAML.

    Attributes:
        name: the asset's name, as ``harness show`` takes it.
        kind: ``weights`` or ``dataset``.
        file: file name, relative to the card.
        sha256: of the whole file, lower-case hex.
        source: where it came from (a URL, or how it was made).
        licence: SPDX name or a sentence.
        paper: citation of the method.
        recipe: the training recipe, as trained.
        published: figures its authors publish, by metric.
        measured: figures measured by this harness, by metric.
        notes: anything a user should know before citing a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: str = "weights"
    file: str
    sha256: str
    source: str
    licence: str
    paper: str = ""
    recipe: dict[str, Any] = {}
    published: dict[str, float] = {}
    measured: dict[str, float | str] = {}
    notes: str = ""


def read_card(path: Path) -> Card:
    """Read a card.

    Raises:
        UserError: the file is missing, is no YAML, or does not fit the schema.
    """
    try:
        return Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(
            f"No card at {path}: {error.strerror}. Restore the file, or train it again "
            "with 'harness train'."
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # pydantic's error is a ValueError
        first = str(error).splitlines()
        raise UserError(f"The card {path} is not valid: {' '.join(first[:3])}.") from error


def write_card(card: Card, path: Path) -> None:
    """Write a card as YAML, fields in the order of the schema."""
    text = yaml.safe_dump(card.model_dump(), sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def checked_file(card_path: Path) -> tuple[Card, Path]:
    """The card and its file, after comparing the file's sha256 with the card's.

    Raises:
        UserError: the file is missing or is another file than the card describes.
    """
    card = read_card(card_path)
    path = card_path.parent / card.file
    if not path.is_file():
        raise UserError(f"The weights of {card.name} are missing: no file {path}.")
    found = sha256_of(path)
    if found != card.sha256:
        raise UserError(
            f"{path} is not the file its card describes: sha256 {found[:12]}…, "
            f"expected {card.sha256[:12]}…. Restore the file, or write a card of its own for it."
        )
    return card, path
