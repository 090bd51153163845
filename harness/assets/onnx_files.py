"""ONNX files, looked through before they are run: everything they hold must be in them.

A tensor of an ONNX file may lie in another file, at any path: one that leads elsewhere reads what
its author wants to be read, and a change of one that lies beside goes unnoticed. The form is
protocol buffers' (https://protobuf.dev/programming-guides/encoding), its messages those of
``onnx.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}  # fmt: skip
"""Fields of each message that may hold a tensor, and what they are."""

_LOCATION = 14
"""Field of a tensor that says whether it lies in another file."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_FIXED = {_EIGHT: 8, _FOUR: 4}

_OWN_FORM = b"ORTM"
"""At byte 4 of a file in ONNX Runtime's own form, which this module does not understand."""


def read_onnx(path: Path) -> bytes:
    """The content of an ONNX file, all of whose tensors are in it.

    Raises:
        UserError: it cannot be read, is no ONNX file, or names another file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    try:
        if data[4:8] == _OWN_FORM:
            raise ValueError("it is in ONNX Runtime's own form")
        elsewhere = _elsewhere(memoryview(data))
    except ValueError as error:
        raise UserError(f"{path} is no ONNX network that ONNX Runtime runs: {error}.") from error
    if elsewhere is not None:
        raise UserError(
            f"{path} keeps its weights in another file{elsewhere}, whose change would go "
            "unnoticed: save it as one file, with onnx.save(onnx.load(path), new_path)."
        )
    return data


def _elsewhere(model: memoryview) -> str | None:
    """Where the first tensor lies that is in another file, in words; None: none is.

    Raises:
        ValueError: this is no message.
    """
    waiting = [("model", model)]
    while waiting:
        kind, message = waiting.pop()
        for field, value in _fields(message):
            if kind == "tensor" and field == _LOCATION and value != 0:
                return ""
            part = _PARTS[kind].get(field)
            if part is None or not isinstance(value, memoryview):
                continue
            if part == "entry":  # of the table that says which file, in any order, any key
                texts = [bytes(text) for _, text in _fields(value) if isinstance(text, memoryview)]
                name = texts[-1].decode(errors="replace") if b"location" in texts else ""
                return f", {name!r}" if name else ""
            waiting.append((part, value))
    return None


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: number and value, the bytes of what has a length.

    Raises:
        ValueError: it is damaged, or has what only files of before 2008 have (groups).
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in _FIXED:
            length = _FIXED[wire]
        else:
            raise ValueError(f"byte {at} begins no field")
        if at + length > end:
            raise ValueError("it ends too early")
        if wire == _BYTES:
            yield field, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends too early")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"byte {at} ends no number")
