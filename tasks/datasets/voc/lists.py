"""Which images of a folder in VOC's layout are meant: ``ImageSets``, or what is annotated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError
from tasks.datasets.voc.layout import BOXES, MASKS, images_in, read_list, truth_folder

USUAL = "val"
"""The list that is taken when none is named."""

_SHOWN = 12


def list_stems(root: Path, split: str | None) -> dict[str, tuple[str, ...]]:
    """The ids of the images for each kind of ground truth that is offered.

    Args:
        root: the folder.
        split: ``KIND``, ``LIST`` or ``KIND/LIST`` with a kind of `MASKS`, `BOXES`; None: all
            kinds that have a folder, each with its list.

    Raises:
        UserError: there is no such list or no such ground truth, or nothing says which list.
    """
    kind, _, wanted = (split or "").rpartition("/")
    if wanted in (MASKS, BOXES):
        kind, wanted = wanted, ""
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


def _stems(root: Path, kind: str, wanted: str) -> tuple[str, ...]:
    """The ids for one kind of ground truth, empty if its lists do not say."""
    lists = {path.stem: path for path in _lists(root, kind)}
    if not (wanted or lists):
        return tuple(sorted(_annotated(root, kind)))
    if not wanted and len(lists) == 1:
        return read_list(*lists.values())
    chosen = lists.get(wanted or USUAL)
    if chosen is None:
        return ()
    stems = read_list(chosen)
    if chosen.parent.name == kind:
        return stems
    annotated = _annotated(root, kind)
    return tuple(stem for stem in stems if stem in annotated)


def _lists(root: Path, kind: str) -> list[Path]:
    """The lists of a kind, or those that are not of any kind, or those of the boxes."""
    for folder in (root / "ImageSets" / kind, root / "ImageSets", root / "ImageSets" / BOXES):
        lists = sorted(folder.glob("*.txt"))
        if lists:
            return lists
    return []


def _annotated(root: Path, kind: str) -> set[str]:
    """The ids of the images that have a ground truth of a kind."""
    images = images_in(root)
    suffix = ".png" if kind == MASKS else ".xml"
    truths = (path for path in truth_folder(root, kind).iterdir() if path.suffix == suffix)
    return {path.stem for path in truths if path.stem in images and not path.name.startswith(".")}
