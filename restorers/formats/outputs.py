"""What a network of the user's answers, and what to say where it is no image."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

_OF_SIZES = re.compile(r"size|shape|dimension|stride|broadcast|match|divisible|[Ii]nvalid", re.I)
"""How frameworks complain of an image's size."""


def advice(apply: Callable[[Tensor], Tensor], given: Tensor, reason: str) -> str:
    """What to do about a network that failed on an image: it is tried with what it may want.

    Args:
        apply: the network.
        given: what it failed on, (1, C, H, W).
        reason: how, in one line.
    """
    if not _OF_SIZES.search(reason):
        return "The network must be mended, or exported again."
    with suppress(Exception):  # it fails on this, too
        apply(given.permute(0, 2, 3, 1).contiguous())
        return "It takes its channels last (1×H×W×C): export it with its channels first (1×C×H×W)."
    if "channel" in reason:
        with suppress(Exception):
            apply(given[:, :1])
            return (
                "It takes one channel (luma): TorchScript files must take RGB; export it as ONNX."
            )
    return "A network must take images of any size."


def check_output(path: Path, restored: Tensor, given: Tensor) -> None:
    """See that a network's result is an image like the one it was given.

    Raises:
        ImageError: it has another shape, or is of integers.
    """
    if restored.shape != given.shape:
        hint = ""
        if restored.shape == given.permute(0, 2, 3, 1).shape:
            hint = " Its channels come last: export it with its channels first."
        elif restored.numel() <= 1 < given.numel():
            hint = " That is a number and no image: the image must be the first output."
        raise ImageError(
            f"{path} makes {describe_shape(restored)} of {describe_shape(given)}: "
            f"a restorer must give back an image of the same size.{hint}"
        )
    if not restored.is_floating_point():
        kind = str(restored.dtype).removeprefix("torch.")
        raise ImageError(
            f"{path} gives back {kind} values: a network must give back floating-point ones, from "
            "0 (black) to 1 (white). Divide by 255 in it."
        )


def describe_shape(image: Tensor) -> str:
    """A tensor's shape for people."""
    return "×".join(map(str, image.shape)) or "one number"
