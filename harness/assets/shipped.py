"""Files that come beside the code: studies, training recipes, model cards, published tables.

In a checkout they lie where everybody looks for them (``configs``, ``results/reference``); a wheel
carries copies under ``share/restoration-harness`` of the environment it is installed into.
"""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from harness.errors import UserError

PROJECT = "restoration-harness"

CHECKOUT = Path(__file__).parents[2]
"""The project's folder, where the code runs from one."""


def shipped_folder(name: str) -> Path:
    """Where a folder of the project is on this machine; where it would be, if it is not there.

    Args:
        name: from the project's folder, such as ``configs/train`` or ``results/reference``.
    """
    here = CHECKOUT / name
    if (CHECKOUT / "pyproject.toml").is_file() and here.is_dir():
        return here
    return _installed(name) or here


def shipped_file(name: str, folder: str, what: str) -> Path:
    """A YAML file by path, or by its name among those of the working folder or of the project.

    Args:
        name: a path, or a name without ``.yaml``.
        folder: such as ``configs/train``; the working folder's own comes first.
        what: the kind of file in words, for the message.

    Raises:
        UserError: there is none (the known names are in it).
    """
    folders = (Path(folder), shipped_folder(folder))
    for path in (Path(name), *(place / f"{name}.yaml" for place in folders)):
        if path.is_file():
            return path
    known = sorted({path.stem for place in folders for path in place.glob("*.yaml")})
    raise UserError(
        f"No {what} '{name}': it is neither a file nor a name of {folder} "
        f"({', '.join(known) or 'which is not here'})."
    )


def _installed(name: str) -> Path | None:
    inside = f"share/{PROJECT}/{name}"
    places = [CHECKOUT / inside]  # of `pip install --target`, whose list of files says otherwise
    with contextlib.suppress(PackageNotFoundError):
        for file in distribution(PROJECT).files or []:
            before, found, _ = str(file.locate()).partition(f"{inside}/")
            if found:
                places.append(Path(before) / inside)
                break
    return next((place.resolve() for place in places if place.is_dir()), None)
