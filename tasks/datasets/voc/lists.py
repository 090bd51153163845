"""Which images of a folder in VOC's layout are meant: ``ImageSets``, or what is annotated."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from harness.errors import UserError
from tasks.datasets.common.file_names import comparable, leads_out, mended_notice
from tasks.datasets.common.listing import SUFFIXES, list_images, passed_over_notice
from tasks.datasets.voc.files import BOXES, MASKS, images_in, read_lines, truth_folder, truths_in

USUAL = "val"
"""The list that is taken when none is named."""

_SHOWN = 12

_NUMBER = re.compile(r"\s+[-+]?\d+$")
_NUMBERS = re.compile(r"(\s+[-+]?\d+)+$")
"""What VOC's own lists have behind an id: whether the class is in it, which person is meant."""


def list_stems(root: Path, split: str | None) -> dict[str, tuple[str, ...]]:
    """The ids of the images for each kind of ground truth that is offered.

    Args:
        root: the folder.
        split: ``KIND``, ``LIST`` or ``KIND/LIST`` with a kind of `MASKS`, `BOXES`; None: all
            kinds that have a folder, each with its list.

    Raises:
        UserError: there is no such list or no such ground truth, or nothing says which list.
    """
    kind, wanted = _wanted(split)
    if kind not in ("", MASKS, BOXES):
        raise UserError(
            f"--split {split}: the folder before the list is {MASKS} (masks) or {BOXES} (boxes)."
        )
    kinds = [name for name in (MASKS, BOXES) if kind in ("", name)]
    kinds = [name for name in kinds if truth_folder(root, name).is_dir()]
    if not kinds:
        raise UserError(f"--split {split}: there is no folder {truth_folder(root, kind)}.")
    offered = {}
    for name in kinds:
        stems = _stems(root, name, wanted)
        if stems:
            offered[name] = stems
    if not offered:
        listed = sorted({path.stem for kind in kinds for path in _lists(root, kind)})
        shown = ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
        raise UserError(
            f"{root} has no list of images '{wanted or USUAL}': name one with --split, of "
            f"{shown or 'none'}."
            if wanted or listed
            else f"No image in {root} has a mask or an annotation file."
        )
    return offered


def in_all(name: str, stems: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], str]:
    """The images that have every kind of ground truth, and what to tell if some have not.

    Raises:
        UserError: there is none.
    """
    common = set.intersection(*map(set, stems.values()))
    first = next(iter(stems.values()))
    alone = " or ".join(f"--split {kind}" for kind in stems)
    if not common:
        raise UserError(f"No image of {name} has both a mask and boxes: choose with {alone}.")
    counts = {kind: len(ids) for kind, ids in stems.items()}
    notice = ""
    if any(count > len(common) for count in counts.values()):
        notice = (
            f"{name}: {counts[MASKS]} images have masks, {counts[BOXES]} have boxes; the "
            f"{len(common)} with both are taken. For one task alone: {alone}."
        )
    return tuple(stem for stem in first if stem in common), notice


def lists_notice(
    name: str, root: Path, split: str | None, stems: Mapping[str, tuple[str, ...]]
) -> str:
    """What to tell of names that were mended and of what is passed over, or nothing.

    What no list names is not missed. Without lists, and of lists that are of no kind of ground
    truth, an image without its ground truth is.

    Args:
        name: of the data set.
        root: the folder.
        split: see `list_stems`.
        stems: what it gave.
    """
    listing = list_images(root / "JPEGImages")
    passed_over: dict[str, Sequence[str]] = dict(listing.passed_over)
    images = images_in(root)
    wanted = _wanted(split)[1]
    sentences = []
    for kind, ids in stems.items():
        what = "masks" if kind == MASKS else "annotation files"
        chosen = _chosen(root, kind, wanted)
        truths = truths_in(root, kind)
        differing = {
            f"{key}{path.suffix}": file
            for key, path in truths.items()
            if (file := path.relative_to(truth_folder(root, kind)).as_posix())
            != f"{key}{path.suffix}"
        }
        sentences.append(mended_notice(truth_folder(root, kind).name, differing, len(truths)))
        named = sorted(images)
        if chosen is not None:
            words = _read_ids(root, chosen)
            named = list(words)
            mended = {text: key for key, text in words.items() if text != key}
            sentences.append(mended_notice(chosen.name, mended, len(words)))
        missed = [stem for stem in named if stem not in ids]
        passed_over[f"images without {what}"] = [stem for stem in missed if stem in images]
        passed_over["listed names without an image"] = [s for s in missed if s not in images]
        if chosen is None:
            passed_over[f"{what} without an image"] = sorted(set(truths) - set(images))
    sentences.append(passed_over_notice(name, passed_over))
    return "\n".join(dict.fromkeys(filter(None, sentences)))


def _wanted(split: str | None) -> tuple[str, str]:
    """The kind of ground truth and the list that ``--split`` names; empty: any."""
    kind, _, wanted = (split or "").rpartition("/")
    return (wanted, "") if wanted in (MASKS, BOXES) else (kind, wanted)


def _stems(root: Path, kind: str, wanted: str) -> tuple[str, ...]:
    """The ids for one kind of ground truth, empty if its lists do not say."""
    if not (wanted or _lists(root, kind)):
        return tuple(sorted(_annotated(root, kind)))
    chosen = _chosen(root, kind, wanted)
    if chosen is None:
        return ()
    stems = tuple(_read_ids(root, chosen))
    if chosen.parent.name == kind or (not wanted and len(_lists(root, kind)) == 1):
        return stems
    annotated = _annotated(root, kind)
    return tuple(stem for stem in stems if stem in annotated)


def _read_ids(root: Path, path: Path) -> dict[str, str]:
    """The ids of a list in its order, each with the words of the list that mean it.

    An id may hold spaces where an image's name does; VOC's own lists have a 1, 0 or -1 behind it.
    With a suffix, a folder before it or other capitals it is still that image's.
    """
    images = images_in(root)
    forms: dict[str, list[str]] = {}
    for key in images:
        forms.setdefault(comparable(key), []).append(key)
    ids: dict[str, str] = {}
    for line in read_lines(path):
        bare = _NUMBERS.sub("", line)
        meanings = (line, _NUMBER.sub("", line), bare, line.split()[0])
        pairs = ((_image_id(text, images, forms), text) for text in meanings)
        image, words = next((pair for pair in pairs if pair[0]), (None, bare))
        ids.setdefault(image or bare, words)
    stray = [key for key in ids if leads_out(key)]
    if stray:
        raise UserError(
            f"{path}: {len(stray)} of {len(ids)} names lead out of {root / 'JPEGImages'}, "
            f"{stray[0]!r} first, and are not followed: a list has the names of images in it."
        )
    return ids


def _image_id(words: str, images: Container[str], forms: Mapping[str, Sequence[str]]) -> str | None:
    """The id of the image that words of a list mean; None: there is none, or there are two."""
    for name in (words, _bare(words)):
        if name in images:
            return name
    similar = forms.get(comparable(_bare(words)), ())
    return similar[0] if len(similar) == 1 else None


def _bare(name: str) -> str:
    """A name of a list without the folder and the suffix that are not part of an id."""
    plain = name.replace("\\", "/").removeprefix("./").removeprefix("JPEGImages/")
    stem, dot, suffix = plain.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in (*SUFFIXES, ".xml") else plain


def _chosen(root: Path, kind: str, wanted: str) -> Path | None:
    """The list that is meant; None: there is none, or nothing says which."""
    lists = {path.stem: path for path in _lists(root, kind)}
    if not wanted and len(lists) == 1:
        return next(iter(lists.values()))
    return lists.get(wanted or USUAL)


def _lists(root: Path, kind: str) -> list[Path]:
    """The lists of a kind, or those that are not of any kind, or those of the boxes."""
    for folder in (root / "ImageSets" / kind, root / "ImageSets", root / "ImageSets" / BOXES):
        lists = sorted(folder.glob("*.txt"))
        if lists:
            return lists
    return []


def _annotated(root: Path, kind: str) -> set[str]:
    """The ids of the images that have a ground truth of a kind."""
    return set(truths_in(root, kind)) & set(images_in(root))
