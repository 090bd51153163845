"""Class names of the well-known data sets, and when two names mean the same class."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 classes of COCO's boxes (Lin et al., "Microsoft COCO", 2014), by their ids."""

COCO_IDS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28,
    31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55,
    56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 67, 70, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84,
    85, 86, 87, 88, 89, 90,
)  # fmt: skip
"""COCO's category ids of `COCO`: 1..90 with gaps."""

VOC = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
"""The 20 classes of PASCAL VOC (Everingham et al., 2010); value ``i + 1`` of its masks."""

_SAME = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "tvmonitor": "tv",
}
"""VOC's names of what COCO calls otherwise, both without spaces."""


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC): an accent and its letter are one character."""
    return unicodedata.normalize("NFC", name)


def canonical(name: str) -> str:
    """What a class is called whoever names it: ``Potted plant`` and ``pottedplant`` are one."""
    plain = "".join(letter for letter in composed(name).lower() if _counts(letter))
    return _SAME.get(plain, plain) or name


def one_class_notes(truth: Mapping[str, int], what: str, images: int) -> list[str]:
    """What to say where all of the ground truth is of one class: a metric of it says little.

    Args:
        truth: how much there is of each class of the data set, by name.
        what: holds it, for the sentence: ``the masks``.
        images: how many were measured.
    """
    met = [name for name, count in truth.items() if count]
    if len(truth) < 2 or len(met) != 1:
        return []
    measured = "the image" if images == 1 else f"these {images} images"
    return [
        f"one class: {what} of {measured} hold {met[0]} alone, of {len(truth)} classes: the "
        "numbers are of that class, and say nothing of the others"
    ]


def _counts(letter: str) -> bool:
    """Whether a character tells names apart: letters, digits, and vowel signs, which are marks."""
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def places(wanted: Sequence[str], known: Sequence[str]) -> dict[int, int]:
    """Where the classes ``wanted`` are among the classes ``known``, by name.

    Equal names are paired first, so that ``1.5`` never takes the place of ``15``; then those whose
    canonical names are equal. Of several equal names the first of each are paired, then the
    second, and so on.

    Returns:
        Index into ``wanted`` to index into ``known``; those that are not known are not in it.
    """
    matches: dict[int, int] = {}
    for form in (composed, canonical):
        free: dict[str, list[int]] = {}
        for index, name in enumerate(known):
            if index not in matches.values():
                free.setdefault(form(name), []).append(index)
        for index, name in enumerate(wanted):
            if index not in matches and free.get(form(name)):
                matches[index] = free[form(name)].pop(0)
    return dict(sorted(matches.items()))
