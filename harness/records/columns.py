"""The file of a finished cell: its records by column, a quarter of the size of the plain lines.

Layout, xz over lines of JSON::

    {"records": 128, "content": "<sha256>", "check": "<hash>"}     how many, see `content_hash`
    {"path": ["image"], "values": ["a", "b", ...]}        one line a field, one value a record
    {"path": ["outcome", "boxes"], "lengths": [3, ...], "width": 4, "float32": "<base64>"}

A field that some records lack names its ``rows``. Lists of floats that come from float32 are
packed: column by column, and of those the first bytes of all numbers, then the second, third and
fourth (the last ones hold the exponents, which compress; the first ones are noise). Nothing is
lost: what would not come back exactly stays text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.assets.reading import DEEPEST, MOST_VALUES, inflate_xz, load_json, within_bounds
from harness.plugins.types import Json
from harness.records.checksums import checksum

_DIGITS = 9
"""Significant digits of a recorded float32, see `harness.plugins.predictions`."""

_POWERS = np.array([float(f"1e{power}") for power in range(23)])
"""Powers of ten that a double holds exactly: a quotient by one is what the decimal reads as."""


_HEADER = 4096
"""Bytes of the first line, at most, and of the stream that are enough to have it."""


def content_hash(lines: Iterable[bytes]) -> str:
    """The sha256 of a cell's records as plain lines, in whatever order they were written."""
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.rstrip(b"\n") + b"\n")
    return digest.hexdigest()


def compress(records: Sequence[Json], content: str, cell: str) -> bytes:
    """The compact file of a cell; the same records give the same bytes.

    Args:
        records: as `harness.plugins.Record.to_json` gives them, floats finite.
        content: the `content_hash` of the plain file they come from.
        cell: the fingerprint of the cell they belong to.

    Raises:
        ValueError: they are more than `decompress` reads.
    """
    body = within_bounds(b"".join(map(_line, _columns(records))))
    head = {"records": len(records), "content": content}
    head["check"] = checksum(_line(head) + body, cell)
    return lzma.compress(_line(head) + body, check=lzma.CHECK_CRC64, preset=6)


def _line(value: Json) -> bytes:
    return (json.dumps(value, separators=(",", ":")) + "\n").encode()


def decompress(data: bytes, cell: str) -> list[Json]:
    """The records that `compress` was given.

    Args:
        data: the file.
        cell: the fingerprint of the cell it is to belong to.

    Raises:
        ValueError: ``data`` is no such file, was cut or changed, or is of another cell. Files of
            earlier versions do not say what cell they are of.
    """
    try:
        text = inflate_xz(data)
        header, *columns = map(load_json, text.splitlines())
        check = header.pop("check", None)
        if check is not None:
            body = text[text.index(b"\n") + 1 :]
            if checksum(_line(header) + body, cell) != check:
                raise ValueError(
                    "its checksum is another one: it was changed, or is of another cell"
                )
        if not 0 <= header["records"] <= len(text):
            raise ValueError(f"it cannot hold {header['records']} records")
        records: list[Json] = [{} for _ in range(header["records"])]
        entries = 0
        for column in columns:
            *parents, name = column["path"]
            rows = column.get("rows", range(len(records)))
            entries += len(rows) * len(column["path"])
            if len(parents) > DEEPEST or entries > MOST_VALUES:
                raise ValueError(f"it holds more than {MOST_VALUES} values")
            for row, value in zip(rows, _values(column), strict=True):
                place = records[row]
                for parent in parents:
                    place = place.setdefault(parent, {})
                place[name] = value
    except (lzma.LZMAError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return records


def read_content_hash(path: Path) -> str:
    """The ``content`` that a compact file was written with, without reading the rest.

    Raises:
        ValueError: it is no compact file.
    """
    try:
        return str(load_json(read_header(path))["content"])
    except (lzma.LZMAError, EOFError, LookupError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def read_header(path: Path) -> bytes:
    """The first line of a compact file.

    Raises:
        lzma.LZMAError: it is no compact file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return inflate_xz(file.read(_HEADER), _HEADER).partition(b"\n")[0] + b"\n"


def _columns(records: Sequence[Json]) -> Iterator[Json]:
    found: dict[tuple[str, ...], dict[int, Any]] = {}
    for row, record in enumerate(records):
        for path, value in _leaves(record, ()):
            found.setdefault(path, {})[row] = value
    for path, values in found.items():
        column: Json = {"path": list(path)}
        if len(values) < len(records):
            column["rows"] = list(values)
        yield column | (_packed(list(values.values())) or {"values": list(values.values())})


def _leaves(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, item in value.items():
        if isinstance(item, dict) and item:
            yield from _leaves(item, (*path, name))
        else:
            yield (*path, name), item


def _packed(values: list[Any]) -> Json | None:
    """Lists of numbers, or of rows of equally many numbers, packed; None if they cannot be."""
    if not all(isinstance(value, list) for value in values):
        return None
    items = [item for value in values for item in value]
    width = len(items[0]) if items and isinstance(items[0], list) else 0
    if width and not all(isinstance(item, list) and len(item) == width for item in items):
        return None
    numbers = [number for item in items for number in item] if width else items
    if not numbers or not all(type(number) is float for number in numbers):
        return None
    exact = np.array(numbers)
    with np.errstate(over="ignore"):
        packed = exact.astype(np.float32)
    if not np.array_equal(_read_digits(packed), exact):
        return None
    by_column = np.ascontiguousarray(packed.reshape(-1, width or 1).T.astype("<f4"))
    planes = np.ascontiguousarray(by_column.reshape(-1).view(np.uint8).reshape(-1, 4).T)
    return {
        "lengths": [len(value) for value in values],
        "width": width,
        "float32": base64.b64encode(planes.tobytes()).decode(),
    }


def _values(column: Json) -> list[Any]:
    """The values of a column, unpacked if need be."""
    if "values" in column:
        return list(column["values"])
    planes = np.frombuffer(base64.b64decode(column["float32"]), np.uint8).reshape(4, -1)
    by_column = np.ascontiguousarray(planes.T).view("<f4").reshape(column["width"] or 1, -1)
    numbers = _read_digits(by_column.T)
    items = (numbers if column["width"] else numbers[:, 0]).tolist()
    if min(column["lengths"], default=0) < 0 or sum(column["lengths"]) != len(items):
        raise ValueError("its lists are not as long together as it says")
    ends = np.cumsum(column["lengths"]).tolist()
    return [items[end - length : end] for end, length in zip(ends, column["lengths"], strict=True)]


def _read_digits(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a float32 reads as when it is written with `_DIGITS` digits."""
    exact = values.astype(np.float64)
    size = np.abs(exact)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponents = np.where(size > 0, np.floor(np.log10(size)), 0.0)
    shifts = np.nan_to_num(_DIGITS - 1 - exponents, posinf=0, neginf=0).astype(np.int64)
    scale = _POWERS[np.clip(np.abs(shifts), 0, len(_POWERS) - 1)]
    with np.errstate(over="ignore"):
        small, large = np.rint(exact * scale) / scale, np.rint(exact / scale) * scale
    return np.asarray(np.where(shifts >= 0, small, large), dtype=np.float64)
