"""A folder of images and a folder of masks, as a data set for segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from harness.errors import UserError
from harness.plugins import DataSet, DataSetFormat, ImageRef
from tasks.datasets.common.class_names import (
    is_background,
    names_file,
    read_names,
    without_background,
)
from tasks.datasets.common.file_names import alike, mended_notice
from tasks.datasets.common.listing import SUFFIXES, files_below, passed_over_notice
from tasks.datasets.folders.images import ImageFolder
from tasks.datasets.folders.mask_files import NamedMasks, check_pairs, read_mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")
"""What a mask may be, in lower or upper case: kinds that keep every value as it is."""


class MaskFolder(NamedMasks, DataSetFormat):
    """Images and masks of the same relative path but for the suffix.

    A mask is a PNG (or of another kind of `MASKS`, where they have a folder of their own) with a
    palette, whose indices count whatever the colours, or in grey; 255 is ignored. Masks without an
    image are passed over, and `notice` counts them.

    Args:
        path: the folder of the images, and what is below it.
        masks: the folder of the masks; it may be the same.
        classes: a file of class names, one a line, value 0 first; by default ``classes.txt``
            or ``labelmap.txt`` in the folder of the masks or the one above.

    Attributes:
        named: whether there are class names; otherwise they are the model's.

    Raises:
        UserError: a folder is missing or empty, an image has no mask or two, or bad class names.
    """

    tasks: tuple[str, ...] = ("segmentation", "fidelity")
    default_models: Mapping[str, str] = MappingProxyType(
        {"segmentation": "pspnet_r50-d8_40k_voc12aug"}
    )
    options: ClassVar[tuple[str, ...]] = ("masks", "classes")

    @classmethod
    def accepts(cls, path: Path, options: Mapping[str, str]) -> bool:
        """Whether ``path`` is a folder, and there is one of masks."""
        return path.is_dir() and "masks" in options

    @classmethod
    def open(cls, path: Path, **options: str) -> DataSet:
        """The images of a folder; ``masks`` and ``classes`` as of the class."""
        return cls(path, **options)

    def __init__(self, path: str | Path, masks: str, classes: str | None = None) -> None:
        self.path = Path(path).expanduser().resolve()
        self.masks = Path(masks).expanduser().resolve()
        if not self.masks.is_dir():
            what = "is a file" if self.masks.exists() else "does not exist"
            raise UserError(f"--masks {masks} {what}: it takes the folder of the masks.")
        self.name = self.path.name or str(self.path)
        self._masks = _masks_below(self.masks, self.path)
        file = names_file(classes, self.masks, self.masks.parent)
        self.named = file is not None
        if file is not None:
            self._labels = read_names(file)
            self.notice = without_background(file, self._labels)
        else:
            self.notice = (
                f"{self.name}: no class names (--classes, or classes.txt beside the masks), so the "
                "values of the masks are taken for the model's own labels."
            )
        self.classes = tuple(name for name in self._labels if not is_background(name))

    @cached_property
    def listed(self) -> tuple[ImageRef, ...]:
        """Every image, in the order of their relative paths.

        Raises:
            UserError: there is none, or one without a mask.
        """
        masks = set(self._masks.values())
        folder = ImageFolder(self.path)
        images = [ref for ref in folder.images() if ref.path not in masks]
        if not images:
            raise UserError(f"No image in {self.path} besides the masks of {self.masks}.")
        self._mend_names([_stem(ref.id) for ref in images])
        lonely = [ref for ref in images if _stem(ref.id) not in self._masks]
        if lonely:
            raise UserError(
                f"{len(lonely)} of the {len(images)} images of {self.path} have no mask in "
                f"{self.masks}, {lonely[0].id} first: its mask would be {_stem(lonely[0].id)}.png"
                f"{self._similar(_stem(lonely[0].id))}."
            )
        used = {self.mask_path(ref.id) for ref in images}
        unused = [path for path in self._masks.values() if path not in used]
        relative = [path.relative_to(self.masks).as_posix() for path in unused]
        passed_over = {**folder.listing.passed_over, "masks without an image": relative}
        self.tell(passed_over_notice(self.name, passed_over))
        return tuple(images)

    def _mend_names(self, stems: Sequence[str]) -> None:
        """Pair masks and images whose names differ in capitals or Unicode's form alone."""
        free = [stem for stem in self._masks if stem not in stems]
        pairs = alike([stem for stem in stems if stem not in self._masks], free)
        for stem, other in pairs.items():
            self._masks[stem] = self._masks.pop(other)
        mended = {f"{stem}.png": f"{other}.png" for stem, other in pairs.items()}
        self.tell(mended_notice(self.name, mended, len(stems)))

    def _similar(self, stem: str) -> str:
        """What to say where a mask's name has something more than the image's, as ``a_mask``."""
        longer = [path for name, path in self._masks.items() if name.startswith(stem)]
        near = longer or [path for path in files_below(self.masks) if path.stem == Path(stem).name]
        return f", and there is {near[0].name}" if near else ""

    def check(self, refs: Sequence[ImageRef]) -> None:
        """Refuse masks that do not fit their images or the class names.

        Raises:
            UserError: which, and why.
        """
        check_pairs([(ref.path, self.mask_path(ref.id)) for ref in refs])
        self.check_masks(refs)

    def files(self, ref: ImageRef) -> tuple[Path, ...]:
        """The image and its mask."""
        return (ref.path, self.mask_path(ref.id))

    def identity(self) -> dict[str, str]:
        """What the values mean."""
        return {"labels": ", ".join(self._labels)}

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """The mask of an image: (height, width) uint8, index into `labels`, 255 = ignored.

        Raises:
            KeyError: the id is not of this data set.
        """
        return read_mask(self.mask_path(image_id))

    def mask_path(self, image_id: str) -> Path:
        """The file of an image's mask."""
        return self._masks[_stem(image_id)]


def _masks_below(folder: Path, images: Path) -> dict[str, Path]:
    """The masks below a folder by their relative path without suffix; not the images' own.

    Raises:
        UserError: two are of one path, as ``a.png`` and ``a.PNG``.
    """
    # In one folder, what is no PNG is an image.
    shared = images == folder or images in folder.parents or folder in images.parents
    suffixes = MASKS[:1] if shared else MASKS
    masks: dict[str, Path] = {}
    for path in files_below(folder):
        beside = folder in images.parents and images in path.parents
        if path.suffix.lower() in suffixes and not beside:
            other = masks.setdefault(_stem(path.relative_to(folder).as_posix()), path)
            if other is not path:
                raise UserError(f"{other} and {path.name} are masks of one image: take one away.")
    return masks


def _stem(image_id: str) -> str:
    """A relative path without the suffix of an image."""
    stem, dot, suffix = image_id.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else image_id
