"""Files of class names: which is taken, what is in it, and what value 0 of a mask is.

One rule for every format: the first name is that of value 0. Where it is no background, the user
is told, because lists of VOC's kind often leave the background out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from tasks.classes import canonical, composed
from tasks.datasets.common.files import read_text

NAMES = ("classes.txt", "labelmap.txt")
"""Files of class names that are looked for beside a data set."""

MOST = 255
"""Class names at most: a mask's value 255 is ignored."""

_SHOWN = 3


def names_file(classes: str | None, *folders: Path) -> Path | None:
    """The file of class names: the one that the user names, or the first of `NAMES` there is.

    Args:
        classes: the user's ``--classes``.
        folders: where to look without it, in order.
    """
    if classes is not None:
        return Path(classes).expanduser()
    places = (folder / name for folder in folders for name in NAMES)
    return next((place for place in places if place.is_file()), None)


def read_names(path: Path) -> tuple[str, ...]:
    """Class names in NFC, one a line; of a ``labelmap.txt`` what stands before the first colon.

    Empty lines and those that begin with ``#`` are passed over.

    Raises:
        UserError: it cannot be read, holds none or more than 255, or one twice.
    """
    lines = [composed(line.strip()) for line in read_text(path, "the class names").splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if path.name == "labelmap.txt":
        names = [name.partition(":")[0].strip() for name in names]
    if not 0 < len(names) <= MOST:
        raise UserError(f"{path} holds {len(names)} class names: one a line, 1 to {MOST} of them.")
    twins = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twins:
        raise UserError(f"{path} names the class '{twins[0]}' twice.")
    return tuple(names)


def is_background(name: str) -> bool:
    """Whether a class name says that there is nothing, as ``__background__`` does."""
    return canonical(name) == "background"


def without_background(path: Path, names: Sequence[str]) -> str:
    """What to tell where value 0 of the masks is a class like any other; nothing if it is not.

    Args:
        path: the file that `names` are from.
        names: those of the masks' values, value 0 first.
    """
    if is_background(names[0]):
        return ""
    last = len(names) - 1
    first = [f"{value} is '{name}'" for value, name in enumerate(names[:_SHOWN])]
    left_out = ["…"] if last > _SHOWN else []
    end = [f"{last} is '{names[last]}'"] if last >= _SHOWN else []
    return (
        f"{path} does not begin with the background: mask value "
        f"{', '.join([*first, *left_out, *end])}. If 0 is the background, put background first."
    )
