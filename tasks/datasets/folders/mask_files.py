"""Class masks in image files: palette or grey PNGs whose stored values are the classes.

And what the data sets by path have in common whose masks' values have names in a file, or none.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.assets.reading import read_regular
from harness.errors import UserError
from harness.plugins import ImageRef, upright
from tasks.datasets.common.class_names import is_background
from tasks.datasets.common.files import size_text, turned_by_tag, upright_size
from tasks.datasets.common.stored import FileDataSet

if TYPE_CHECKING:
    from PIL import Image

IGNORED = 255

_MODES = ("P", "L", "1")


def read_mask(path: Path) -> NDArray[np.uint8]:
    """The stored values of a mask: a palette's indices, or grey levels; EXIF orientation applied.

    Returns:
        (height, width) uint8.

    Raises:
        UserError: it cannot be read, or has colours instead of values.
    """
    with _opened(path, load=True) as image:
        return np.asarray(upright(image)).astype(np.uint8)


def check_pairs(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Refuse masks of another size than their images; only headers are read.

    Args:
        pairs: image and mask.

    Raises:
        UserError: how many, and the first; or one cannot be read.
    """
    wrong = []
    for image, mask in pairs:
        with _opened(mask, load=False) as opened:
            size = upright_size(mask) or opened.size
        expected = upright_size(image)
        if expected not in (None, size):
            wrong.append((image, expected, mask, size))
    if wrong:
        image, expected, mask, size = wrong[0]
        why = ""
        if expected == size[::-1]:
            why = ", so width and height are exchanged"
            if turned_by_tag(image):
                why = " once its EXIF orientation is applied, as every reader here does" + why
        raise UserError(
            f"{len(wrong)} of {len(pairs)} masks are of another size than their images, {mask} "
            f"first: it is {size_text(size)}, and {image} is {size_text(expected or ())}{why}."
        )


def check_values(masks: Sequence[Path], labels: Sequence[str], whole: bool) -> tuple[int, bool]:
    """The largest value of some masks, but for 255, and whether any is 0; every pixel is read.

    Args:
        masks: files.
        labels: what the values mean; empty: unknown.
        whole: whether these are all masks of the data set; some may well show nothing.

    Raises:
        UserError: a value has no label; all masks hold 0 and 255 alone, so that nothing counts
            but background.
    """
    highest, ignored, zero = 0, False, False
    for path in masks:
        with _opened(path, load=True) as image:
            values = _values(image)
        ignored, zero = ignored or IGNORED in values, zero or 0 in values
        largest = max((value for value in values if value != IGNORED), default=0)
        if labels and largest >= len(labels):
            raise UserError(
                f"The mask {path} holds the value {largest}, and there are {len(labels)} class "
                f"names, for 0..{len(labels) - 1}: name all classes with --classes, or mend it."
            )
        highest = max(highest, largest)
    background = not labels or is_background(labels[0])
    if whole and background and masks and ignored and highest == 0:
        raise UserError(
            f"The {len(masks)} masks of {masks[0].parent} hold no values but 0 and 255, and 255 "
            "means ignored: write the classes as 1, 2, …."
        )
    return highest, zero


def _values(image: Image.Image) -> list[int]:
    if image.mode == "1":
        return [int(value) for value in np.unique(np.asarray(image))]
    return [value for value, count in enumerate(image.histogram()) if count]


def _opened(path: Path, load: bool) -> Image.Image:
    """A mask, opened and found to be one; its pixels too, if they are to be loaded."""
    from harness.plugins.opening import load_image, open_image

    try:
        image = load_image(read_regular(path)) if load else open_image(path)
    except OSError as error:
        reason = error.strerror or "it is damaged, or no image"
        raise UserError(f"Cannot read the mask {path}: {reason}.") from error
    except Exception as error:  # Pillow's readers raise nearly anything on a damaged file
        reason = str(error).rstrip(".")
        raise UserError(f"Cannot read the mask {path}: {reason}.") from error
    if image.mode not in _MODES:
        raise UserError(
            f"The mask {path} is of Pillow mode {image.mode}: a mask has one value of 8 bits a "
            "pixel, the class. Masks painted in colours have to be turned into such first."
        )
    return image


class NamedMasks(FileDataSet):
    """Masks of which a file of names says what their values mean, or nobody does.

    Attributes:
        named: whether the values have names; otherwise they are the model's.
    """

    named: bool = False
    _labels: tuple[str, ...] = ()
    _highest: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of `mask` mean, value 0 first; empty where nobody says."""
        return self._labels

    @property
    def highest(self) -> int:  # type: ignore[override]
        """The largest value of the masks of a run, but for 255."""
        if self._chosen is None:
            self.available()
        return self._highest

    @abstractmethod
    def mask_path(self, image_id: str) -> Path:
        """The file of an image's mask."""

    def check_masks(self, refs: Sequence[ImageRef]) -> None:
        """Look at every pixel of the masks of a run.

        Raises:
            UserError: see `tasks.datasets.folders.mask_files.check_values`.
        """
        masks = [self.mask_path(ref.id) for ref in refs]
        whole = len(refs) == len(self.listed)
        self._highest, zero = check_values(masks, self._labels, whole)
        self.unused = frozenset() if zero else frozenset({0})
