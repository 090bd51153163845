"""Failures of images: what they are called, what is none of theirs, and when a cell has had enough.

A plugin may fail on any image in any way. That is recorded in one sentence and the others go on,
until so many images in a row have failed alike that the rest would fail too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from harness.errors import HarnessError, ImageError, UserError
from harness.plugins import RGB, ImageRef, Record, Restored
from harness.study.study import Cell

_NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")
"""Sizes of images, counts and values, which differ where the reason does not."""


def raise_if_general(error: BaseException) -> None:
    """Raise what is not about one image: every other one would fail too."""
    if isinstance(error, UserError) and not isinstance(error, ImageError):
        raise error


def failure_sentence(who: str, image_id: str, error: BaseException) -> str:
    """What is recorded of an image that failed."""
    if isinstance(error, SystemExit):
        return f"{who} failed on {image_id}: it called sys.exit({error.code!r:.80})"
    kind = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
    reason = " ".join(str(error).split())  # torch's messages have several lines
    if isinstance(error, MemoryError) and not reason:
        reason = "memory ran out; --workers 1 needs the least"
    return f"{who} failed on {image_id}: {kind}{reason}"


def check_restored(name: str, original: RGB, restored: Restored) -> None:
    """See that a restorer returned an image like the one it was given.

    Args:
        name: of the restorer.
        original: the uncompressed image.
        restored: what it returned, by `as_restored`.

    Raises:
        HarnessError: it is no uint8 array of the same size, or the predicted QF is no finite
            number.
    """
    pixels: object = restored.pixels  # whatever the interface says
    if not isinstance(pixels, np.ndarray):
        raise HarnessError(
            f"{name} gave {type(pixels).__name__}; a restorer must return a uint8 RGB array of the "
            "same size, or a harness.plugins.Restored with one"
        )
    if pixels.shape != original.shape or pixels.dtype != np.uint8:
        raise HarnessError(
            f"{name} gave {pixels.dtype} {pixels.shape} for an image of {original.shape}; "
            "a restorer must return uint8 RGB of the same size"
        )
    qf: object = restored.predicted_qf
    if qf is not None and not (isinstance(qf, Real) and math.isfinite(qf)):
        raise HarnessError(
            f"{name} predicted the QF {qf!r:.80}; a restorer must predict a number, or None"
        )


def allowed_failures(most: str | None, images: int) -> int | None:
    """The images that may fail; None: all.

    Args:
        most: a number, or a share of the images such as ``5%``.
        images: how many there are.

    Raises:
        UserError: it is neither.
    """
    if most is None:
        return None
    try:
        if most.endswith("%"):
            share = float(most[:-1]) / 100
            if 0 <= share <= 1:
                return math.floor(share * images)
        elif (number := int(most)) >= 0:
            return number
    except ValueError:
        pass
    raise UserError(
        f"--max-failures {most!r:.40} is neither a number of images nor a share of them: 10, or 5%."
    )


class Failures:
    """Why images failed: of each all reasons, one for every restorer and every kind of failure.

    Attributes:
        last: the sentence that came last.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, dict[tuple[str, str], str]] = {}
        self.last = ""

    @property
    def images(self) -> int:
        """How many failed."""
        return len(self._reasons)

    def add(self, cell: Cell, record: Record) -> None:
        """Take notice of a record; of one that did not fail there is nothing to say."""
        if record.error is None:
            return
        self.last = record.error
        reasons = self._reasons.setdefault(record.image, {})
        if record.error not in reasons.values():
            # The same at several QFs is said once.
            reasons.setdefault((cell.restorer, _NUMBER.sub("", record.error)), record.error)

    def sentences(self) -> dict[str, tuple[str, ...]]:
        """By image, what is said of it."""
        return {image: tuple(of.values()) for image, of in self._reasons.items()}


@dataclass
class EqualFailures:
    """Counts the failures in a row that are alike but for the image and numbers, cell by cell.

    Images come in no particular order, so a row is of records as they come.

    Attributes:
        most: so many stop a cell; 0: none is ever stopped.
        stopped: the cells that had enough, with the sentence of their last failure.
    """

    most: int
    stopped: dict[Cell, str] = field(default_factory=dict)
    _rows: dict[Cell, tuple[str, int]] = field(default_factory=dict)

    def count(self, cell: Cell, record: Record, image: ImageRef) -> None:
        """Take notice of a record, in the order in which they come."""
        if record.error is None:
            self.end_row(cell)
            return
        sentence = record.error.replace(str(image.path), "").replace(image.id, "")
        sentence = _NUMBER.sub("", sentence)
        before, length = self._rows.get(cell, ("", 0))
        length = length + 1 if sentence == before else 1
        self._rows[cell] = sentence, length
        if length == self.most:
            self.stopped[cell] = record.error

    def end_row(self, cell: Cell) -> None:
        """An image went through."""
        self._rows.pop(cell, None)

    def sentence(self, cell: Cell, left: int) -> str:
        """What the user must know of a cell that was stopped.

        Args:
            cell: one of `stopped`.
            left: images that it still lacks.
        """
        return (
            f"{cell.key} was stopped after {self.most} equal failures in a row, with {left} images "
            f"left: {self.stopped[cell].rstrip('.')}. The same command tries those that are left "
            "when it is mended; --max-equal-failures 0 never stops."
        )
