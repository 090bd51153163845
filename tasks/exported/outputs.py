"""Where a tensor is in what a network returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from tasks.exported.card import ModelFile

Numbers = NDArray[np.number]
"""What a network returns, of any shape and kind of number."""


def find(answer: object, where: str, card: ModelFile) -> Numbers:
    """The tensor at a place of what the network returns, as an array.

    Args:
        answer: nested lists, tuples and dicts of tensors or arrays.
        where: see `Place`; an empty one is the only tensor there is.
        card: of the network, for messages.

    Raises:
        UserError: there is no tensor.
    """
    value = _at(answer, where)
    while where == "" and isinstance(value, dict | list | tuple) and len(value) == 1:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    if hasattr(value, "detach"):
        value = value.detach()
        value = (value.float() if value.is_floating_point() else value).cpu().numpy()
    if not isinstance(value, np.ndarray):
        raise UserError(
            f"The card of {card.name} says that a tensor is at '{where}' of what the network "
            f"returns, which is {described(answer)}: mend the card's output."
        )
    return value


def _at(value: object, where: str) -> object:
    """What is at a place; None: nothing."""
    if not where:
        return value
    if isinstance(value, dict) and where in value:  # ONNX names may have dots
        return value[where]
    head, _, rest = where.partition(".")
    if isinstance(value, dict):
        known = {str(key): item for key, item in value.items()}
        if head in known:
            return _at(known[head], rest)
        value = list(value.values())
    if isinstance(value, list | tuple) and head.isdecimal() and int(head) < len(value):
        return _at(value[int(head)], rest)
    return None


def described(value: object) -> str:
    """What a network returned, for people."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {described(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(f"{i}: {described(item)}" for i, item in enumerate(value)) + ")"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        shape = "×".join(map(str, value.shape)) or "number"
        return f"{str(value.dtype).removeprefix('torch.')} {shape}"
    return type(value).__name__
