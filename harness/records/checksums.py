"""What tells a record that was changed, cut or put into another cell's file.

A plain line ends in ``"check"``, a hash of the line before it and of the cell's fingerprint; a
compact file's first line holds one of all lines after it. Against accidents and carelessness, not
against forgery: who can write the file can write the hash.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from harness.assets.reading import load_json
from harness.plugins.types import Json

_STAMP = re.compile(rb',"check":"([0-9a-f]{16})"\}$')


def checksum(data: bytes, cell: str) -> str:
    """A hash of 16 hexadecimal digits.

    Args:
        data: what is kept.
        cell: the fingerprint of the cell it belongs to.
    """
    return blake2b(data + b"\0" + cell.encode(), digest_size=8).hexdigest()


def stamped(record: bytes, cell: str) -> bytes:
    """A JSON object with its checksum as the last key."""
    return record[:-1] + f',"check":"{checksum(record, cell)}"}}'.encode()


def read_stamped(line: bytes, cell: str) -> Json:
    """The JSON object of a line that `stamped` made, or of one from before there were checksums.

    Raises:
        ValueError: it is no JSON object, was changed, or is of another cell.
    """
    stamp = _STAMP.search(line)
    if stamp:
        line = line[: stamp.start()] + b"}"
        if checksum(line, cell) != stamp[1].decode():
            raise ValueError("its checksum is another one: changed, or of another cell")
    value = load_json(line)
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return value


def has_stamp(line: bytes) -> bool:
    """Whether a line has a checksum: those of earlier versions have none."""
    return _STAMP.search(line) is not None
