"""Files of strangers, read within bounds: regular files alone, and no more bytes than stated."""

from __future__ import annotations

import errno
import gzip
import json
import lzma
import os
import stat
from pathlib import Path
from typing import IO, Any, BinaryIO

import yaml

from harness.errors import UserError

MOST_PIXELS = 178_956_970
"""Of an image, where ``--max-pixels`` says nothing else: where Pillow's own check raises."""

PIXELS_VARIABLE = "HARNESS_MAX_PIXELS"

_DIGITS = 18

MOST_YAML = 4 << 20
"""Bytes of a study, a card, a recipe."""

DEEPEST = 30
"""Lists and mappings of YAML in one another; of JSON, as many as Python reads (hundreds)."""

MOST_ALIASES = 20
"""Of a YAML file. Each may stand for as much as all before it together: so many are read at once,
whatever then prints or compares what was read."""

MOST_INFLATED = 1 << 30
"""Bytes that a compressed file of a run directory may inflate to: 12 million boxes, say."""

MOST_VALUES = 100_000_000
"""Values of JSON that was compressed: they take some 50 bytes each, the text as few as two."""

_DICTIONARY = 128 << 20
"""Bytes of memory that reading xz may take: twice what its highest preset needs."""

IRREGULAR = "it is no regular file, but a pipe, a device or a socket"


def check_regular(path: Path) -> None:
    """Refuse what is no regular file, which may have no end, or wait for ever.

    Links are followed: one that leads to a regular file is one.

    Raises:
        OSError: it is none, is a folder, or is not there; `strerror` says which.
    """
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, IRREGULAR, str(path))


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened to be read.

    Raises:
        OSError: see `check_regular`; it cannot be opened.
    """
    check_regular(path)
    return path.open("rb")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file.
        most: bytes that it may have; None: any number.

    Raises:
        OSError: see `open_regular`; it has more bytes.
    """
    with open_regular(path) as file:
        if most is None:
            return file.read()
        size = os.fstat(file.fileno()).st_size
        data = _read_pieces(file, most, size + 1) if size <= most else None
    if data is None or len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most} bytes, which is all that is read")
    return data


def _read_pieces(file: IO[bytes] | gzip.GzipFile, most: int, piece: int = 1 << 20) -> bytes:
    """What a file has, or a little more than ``most`` bytes of it.

    A piece at a time, for `read` has memory for all that it is asked for before there is anything.
    """
    pieces = [file.read(piece)]
    total = len(pieces[0])
    while pieces[-1] and total <= most:
        pieces.append(file.read(1 << 20))
        total += len(pieces[-1])
    return b"".join(pieces)


def max_pixels() -> int | None:
    """How many pixels an image may have; None: any number (``--max-pixels 0``).

    Raises:
        UserError: ``HARNESS_MAX_PIXELS`` is no whole number.
    """
    text = os.environ.get(PIXELS_VARIABLE, "") or str(MOST_PIXELS)
    if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS:
        raise UserError(f"--max-pixels {text}: it takes a whole number of pixels; 0 is any number.")
    return int(text) or None


def load_json(data: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, or is nested more deeply than Python reads.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_gzip(path: Path) -> bytes:
    """What a gzip file of ours inflates to, `MOST_INFLATED` at most.

    Raises:
        OSError: it cannot be read, or is no such file.
        EOFError: it was cut.
        zlib.error: it is damaged.
        ValueError: it inflates to more.
    """
    with open_regular(path) as raw, gzip.open(raw) as file:
        data = _read_pieces(file, MOST_INFLATED)
    return within_bounds(data)


def inflate_xz(data: bytes, most: int | None = None) -> bytes:
    """What one stream of xz inflates to, `MOST_INFLATED` at most.

    Args:
        data: the stream.
        most: bytes of which no more than the first are wanted; ``data`` may then be a beginning.

    Raises:
        lzma.LZMAError: it is none, is damaged, or takes more memory than any that we write.
        EOFError: it was cut.
        ValueError: it inflates to more.
    """
    inflater = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY)
    text = inflater.decompress(data, MOST_INFLATED + 1 if most is None else most)
    if most is None and len(text) <= MOST_INFLATED and not inflater.eof:
        raise EOFError("it was cut")
    return within_bounds(text)


def within_bounds(data: bytes) -> bytes:
    """JSON that was compressed or is to be, if so much of it is read.

    Raises:
        ValueError: it has more bytes than `MOST_INFLATED`, or more values than `MOST_VALUES`.
    """
    if len(data) > MOST_INFLATED:
        raise ValueError(f"inflated, it has more than {MOST_INFLATED} bytes: no more are read")
    # Every value but the first of a list has a comma before it, every list and mapping a bracket.
    if len(data) > MOST_VALUES and sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES} values: no more are read")
    return data


def load_yaml(path: Path) -> Any:
    """The value of a YAML file: of plain types, `MOST_YAML`, `DEEPEST` and `MOST_ALIASES` at most.

    A pipe may be read: whoever names one means it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text in UTF-8, or larger, deeper, or of more aliases.
        yaml.YAMLError: it is no YAML.
    """
    with path.open("rb") as file:
        data = file.read(MOST_YAML + 1)
    if len(data) > MOST_YAML:
        raise ValueError(f"it has more than {MOST_YAML} bytes, which is all that is read")
    return yaml.load(data.decode("utf-8"), _BoundedLoader)


class _BoundedLoader(yaml.SafeLoader):
    """Counts as it goes: nothing is built of a file that is too deep."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._aliases = 0
        self._open: list[str] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """See yaml's."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MOST_ALIASES:
                raise ValueError(f"it has more than {MOST_ALIASES} aliases (line {line})")
            if event.anchor in self._open:
                raise ValueError(f"'*{event.anchor}' in line {line} holds itself")
        if self._depth == DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep (line {line})")
        anchor = getattr(event, "anchor", None)
        self._open.append(anchor or "")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1
            self._open.pop()
