"""COCO val2017 with VOC's labels: what torchvision's segmenters are scored on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.plugins import Json
from tasks.classes import VOC
from tasks.datasets.coco.datasets import CocoVal2017
from tasks.datasets.coco.masks import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class CocoVal2017Voc(CocoVal2017):
    """COCO val2017's instances as masks of VOC's 21 labels; see `tasks.datasets.coco.masks`.

    All 5000 images count, as torchvision's ``--test-only`` counts them; those without any of the
    classes (torchvision leaves such out of training alone) are background throughout.
    """

    name = "coco-val2017-voc"
    tasks: tuple[str, ...] = ("segmentation", "fidelity")
    classes: tuple[str, ...] = VOC

    @property
    def categories(self) -> tuple[int, ...]:
        """The values of `classes` in `mask`."""
        return tuple(range(1, len(VOC) + 1))

    def coco(self, ids: Sequence[str]) -> Json:
        """There are no boxes here: `CocoVal2017` has them."""
        raise NotImplementedError(f"{self.name} has no boxes")

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """The mask of an image: (height, width) uint8, index into `labels`, 255 = ignored.

        Raises:
            KeyError: the id is not of this data set.
        """
        return self.voc_mask(image_id)

    def identity(self) -> dict[str, str]:
        """The sha256 of the JSON, and how masks are drawn from it."""
        return {**super().identity(), "masks": VERSION}
