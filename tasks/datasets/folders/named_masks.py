"""Data sets by path whose masks' values have names in a file, or none."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from harness.plugins import ImageRef
from tasks.datasets.common.stored import FileDataSet
from tasks.datasets.folders.mask_files import check_values


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
    def highest(self) -> int:
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
        self._highest = check_values(masks, self._labels, whole)
