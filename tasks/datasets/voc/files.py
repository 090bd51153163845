"""The files of a folder in PASCAL VOC's layout, by the ids of their images; and its lists."""

from __future__ import annotations

from pathlib import Path, PurePath

from harness.errors import UserError
from tasks.datasets.common.file_names import alike
from tasks.datasets.common.files import read_text
from tasks.datasets.common.listing import files_below, list_images

MASKS = "Segmentation"
BOXES = "Main"
"""What `ImageSets` calls the two kinds of ground truth."""

_TRUTH = {MASKS: ("SegmentationClass", ".png"), BOXES: ("Annotations", ".xml")}


def images_in(root: Path) -> dict[str, tuple[Path, ...]]:
    """The images in ``JPEGImages`` and below it by their id, the relative path without suffix."""
    by_id: dict[str, tuple[Path, ...]] = {}
    for relative, path in list_images(root / "JPEGImages").images.items():
        key = relative.rpartition(".")[0]
        by_id[key] = (*by_id.get(key, ()), path)
    return by_id


def truths_in(root: Path, kind: str) -> dict[str, Path]:
    """The masks or the XML files by their id, the relative path without suffix.

    One whose name differs from an image's in capitals, Unicode's form or the folder alone is that
    image's.
    """
    folder, suffix = root / _TRUTH[kind][0], _TRUTH[kind][1]
    by_id: dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() == suffix:
            by_id.setdefault(path.relative_to(folder).as_posix().rpartition(".")[0], path)
    images = images_in(root)
    lonely = [key for key in images if key not in by_id]
    free = [key for key in by_id if key not in images]
    pairs = alike(lonely, free)
    # Images in sub-folders, and what belongs to them in one folder.
    last = alike((PurePath(key).name for key in lonely), (PurePath(key).name for key in free))
    by_name = {PurePath(key).name: key for key in free}
    nested = {key: by_name[last[name]] for key in lonely if (name := PurePath(key).name) in last}
    for key, other in {**nested, **pairs}.items():
        if other in by_id:
            by_id[key] = by_id.pop(other)
    return by_id


def truth_folder(root: Path, kind: str) -> Path:
    """The folder of the masks or of the XML files."""
    return root / _TRUTH[kind][0]


def truth_file(root: Path, kind: str, stem: str) -> Path:
    """Where the mask or the XML file of an image usually is."""
    folder, suffix = _TRUTH[kind]
    return root / folder / f"{stem}{suffix}"


def read_list(path: Path) -> tuple[str, ...]:
    """The ids of an image list of VOC's own: the first word of each line.

    Raises:
        UserError: it cannot be read, or is empty.
    """
    return tuple(dict.fromkeys(line.split()[0] for line in read_lines(path)))


def read_lines(path: Path) -> list[str]:
    """The lines of an image list, those that are not empty.

    Raises:
        UserError: it cannot be read, or is empty.
    """
    lines = [line.strip() for line in read_text(path, "the list of images").splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise UserError(f"The list of images {path} is empty.")
    return lines
