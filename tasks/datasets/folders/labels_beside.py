"""What lies beside images that looks like their ground truth, and how to name it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.assets.reading import open_regular
from tasks.datasets.common.listing import SUFFIXES, files_below

_FOLDERS = ("annotations", "labels", "masks", "segmentationclass", "segmentationclassraw")
"""Folders of ground truth that lie beside those of the images, in lower case."""

_LOOKED_AT = 200_000
"""Bytes of a file that are read to tell what it is."""


def labels_beside(folder: Path, images: Sequence[str]) -> str:
    """What to tell about ground truth that a plain folder of images does not read, or nothing.

    Args:
        folder: of the images.
        images: their paths relative to it.
    """
    files = [path for path in _candidates(folder) if path.suffix.lower() not in SUFFIXES]
    pictures = (Path(name) for name in images)
    stems = {path.stem for path in pictures if path.parent.name.lower() not in _FOLDERS}
    by_suffix = {
        suffix: [path for path in files if path.suffix.lower() == suffix]
        for suffix in (".json", ".xml", ".txt")
    }
    instances = [path for path in by_suffix[".json"] if _instances(path)]
    others = [path for path in by_suffix[".json"] if path.stem in stems and path not in instances]
    boxes = [path for path in by_suffix[".txt"] if path.stem in stems and _yolo(path)]
    sentences = (
        _sentence(instances, "COCO's annotations", f"name the file, --dataset {_first(instances)}"),
        _sentence(
            [path for path in by_suffix[".xml"] if _mentions(path, b"<annotation")],
            "VOC's annotations",
            "put the images into JPEGImages and them into Annotations, in one folder, and name "
            f"that, as --dataset {folder.parent}",
        ),
        _sentence(boxes, "YOLO's boxes", "turn them into one COCO instances file and name that"),
        _sentence(others, "JSON", "turn them into one COCO instances file and name that"),
        _masks_sentence(folder, stems),
    )
    return " ".join(sentence for sentence in sentences if sentence)


def paired_folders(names: Iterable[str]) -> tuple[str, str] | None:
    """Two first-level folders whose pictures have the same names, as images and masks have.

    Args:
        names: paths of images, relative.

    Returns:
        The folders, None unless there are two and one is called like a folder of ground truth.
    """
    stems: dict[str, set[str]] = {}
    for name in names:
        first, _, rest = name.partition("/")
        stems.setdefault(first, set()).add(rest.rpartition(".")[0])
    masks = [name for name in stems if name.lower() in _FOLDERS]
    if len(stems) != 2 or len(masks) != 1:
        return None
    (other,) = (name for name in stems if name not in masks)
    return (other, masks[0]) if stems[other] & stems[masks[0]] else None


def _candidates(folder: Path) -> list[Path]:
    """The files below a folder, and below those of ground truth beside it."""
    places = [folder, *_truth_folders(folder.parent)]
    if folder.parent.name.lower() == "images":  # images/val and labels/val, as YOLO has them
        places += [place / folder.name for place in _truth_folders(folder.parent.parent)]
    return [file for place in places if place.is_dir() for file in files_below(place)]


def _truth_folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.lower() in _FOLDERS)
    except OSError:
        return []


def _masks_sentence(folder: Path, stems: set[str]) -> str:
    """What to say where a folder of masks lies beside the images."""
    masks = [
        path
        for path in _candidates(folder)
        if path.suffix.lower() == ".png"
        and path.stem in stems
        and (folder not in path.parents or path.parent.name.lower() in _FOLDERS)
    ]
    if not masks:
        return ""
    return _sentence(masks, "masks", f"name their folder, --masks {masks[0].parent}")


def _sentence(files: Sequence[Path], what: str, advice: str) -> str:
    if not files:
        return ""
    return f"{len(files)} files beside them look like {what} ({files[0]} first): {advice}."


def _first(files: Sequence[Path]) -> str:
    return str(files[0]) if files else ""


def _instances(path: Path) -> bool:
    start = _beginning(path)
    return b'"annotations"' in start or (b'"images"' in start and b'"file_name"' in start)


def _mentions(path: Path, word: bytes) -> bool:
    return word in _beginning(path)


def _yolo(path: Path) -> bool:
    """Whether every line is a class and fractions, as YOLO writes boxes and polygons."""
    lines = _beginning(path).decode("utf-8", "replace").split("\n")
    rows = [line.split() for line in lines if line.strip()]
    try:
        return bool(rows) and all(
            len(row) >= 5 and row[0].isdecimal() and all(0 <= float(x) <= 1 for x in row[1:])
            for row in rows
        )
    except ValueError:
        return False


def _beginning(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_LOOKED_AT)
    except OSError:
        return b""
