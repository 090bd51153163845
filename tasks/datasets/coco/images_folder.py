"""Where the images of a COCO file are, and which file each of its names means."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import escape
from pathlib import Path, PurePosixPath

from harness.errors import UserError
from tasks.datasets.common.file_names import leads_out, mend_names
from tasks.datasets.common.files import present
from tasks.datasets.common.listing import SUFFIXES


def images_folder(
    file: Path, split: str, names: Sequence[str], images: str | None
) -> tuple[Path, dict[str, str]]:
    """The folder that holds most of the images, of those where they usually are.

    Returns:
        The folder, and the files in it that names mean which no file has.

    Raises:
        UserError: none holds any, or the one that was named does not; names lead out of it.
    """
    given = None if images is None else Path(images).expanduser()
    stray = [name for name in names if leads_out(name)]
    below = _below(given, stray) if given is not None and given.is_absolute() else {}
    rest = [name for name in names if name not in below]
    meant: dict[str, str] = {}
    if rest or given is None:
        try:
            folder, meant = _folder_and_meanings(file, split, rest, images)
        except UserError:
            if not set(rest) <= set(stray):
                raise
            folder = given or file.parent
    else:
        folder = given.resolve()
    meant = {**below, **meant}
    stray = [name for name in stray if name not in meant]
    if stray:
        raise UserError(
            f"{file}: {len(stray)} of {len(names)} images have a file_name that leads out of the "
            f"images' folder, {stray[0]!r} first, and is not followed: write names below it, or "
            "give the folder that they lie in as an absolute path, with --images."
        )
    return folder, meant


def _below(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The files below a folder that names from the root, or with ``..``, mean: relative paths."""
    meant: dict[str, str] = {}
    for base in (Path(os.path.abspath(folder)), folder.resolve()):  # noqa: PTH100 - links stay
        paths = {name: Path(os.path.normpath(base / name)) for name in names}
        inside = {name: path for name, path in paths.items() if base in path.parents}
        here = present(inside.values())
        meant |= {
            name: path.relative_to(base).as_posix() for name, path in inside.items() if path in here
        }
    return meant


def _folder_and_meanings(
    file: Path, split: str, names: Sequence[str], images: str | None
) -> tuple[Path, dict[str, str]]:
    """See `images_folder`; names that lead out mean no file but that of which they are the end."""
    if images is not None:
        places = [Path(images).expanduser()]
        if not places[0].is_dir():
            what = "is a file" if places[0].exists() else "does not exist"
            raise UserError(f"--images {images} {what}: it takes the folder of the images.")
    else:
        beside, above = file.parent, file.parent.parent
        places = [beside / split, beside / "images" / split, beside / "images", beside]
        places += [above / split, above / "images" / split, above / "images", above]
    safe = [name for name in names if not leads_out(name)]
    here = [present(place / name for name in safe) for place in places]
    fullest = max(range(len(places)), key=lambda place: len(here[place]))
    if here[fullest]:
        place = places[fullest]
        absent = [name for name in names if place / name not in here[fullest]]
        mended = mend_names(place, absent)
        taken = {Path(os.path.relpath(path, place)).as_posix() for path in here[fullest]}
        return place.resolve(), {k: v for k, v in mended.items() if v not in taken}
    for place in places:
        mended = mend_names(place, names)
        if mended:
            return place.resolve(), mended
    raise UserError(
        f"None of the {len(names)} images that {file} lists, {names[0]} first, is in "
        f"{', '.join(map(str, dict.fromkeys(places)))}{_other_suffix(places, names[0])}: name "
        "their folder with --images."
    )


def _other_suffix(places: Sequence[Path], name: str) -> str:
    """What to say where an image is there as another kind of file; nothing if it is not."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    for place in dict.fromkeys(places):
        for path in sorted(place.glob(f"{escape(stem)}.*")) if place.is_dir() else ():
            if path.suffix.lower() in SUFFIXES:
                return f" (there is {path}, of another suffix: mend the names, or convert it)"
    return ""
