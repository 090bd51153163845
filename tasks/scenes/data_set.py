"""The data set `scenes`, its evaluation split and its training split."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.plugins import DataSet, ImageRef, Json
from tasks.datasets.coco.schema import (
    CocoAnnotation,
    CocoImage,
    coco_json,
    numbered_categories,
)
from tasks.scenes import CLASSES, COUNTS, VERSION

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tasks.scenes.cache import SceneEntry, SceneIndex


class Scenes(DataSet):
    """The evaluation split, or another one; rendered on first use and cached.

    Args:
        split: ``evaluation`` or ``train``.
        count: number of images, if not all of the split's.
    """

    name = "scenes"
    tasks = ("detection", "segmentation", "fidelity")
    classes = CLASSES
    notice = "The data set scenes is rendered, not photographed: cite numbers from photographs."
    default_models = MappingProxyType(
        {"detection": "faster_rcnn_scenes", "segmentation": "pspnet_scenes"}
    )

    def __init__(self, split: str = "evaluation", count: int | None = None) -> None:
        self.split = split
        self.count = COUNTS[split] if count is None else count
        self._loaded: tuple[Path, SceneIndex] | None = None
        self._numbers: dict[str, int] = {}

    def _data(self) -> tuple[Path, SceneIndex]:
        if self._loaded is None:
            from tasks.scenes.cache import prepared

            folder, index = prepared(self.split, self.count, VERSION)
            self._numbers = {entry.id: number for number, entry in enumerate(index.images)}
            self._loaded = folder, index  # last: whoever sees it needs the numbers
        return self._loaded

    def _entry(self, image_id: str) -> tuple[int, SceneEntry]:
        images = self._data()[1].images
        number = self._numbers[image_id]
        return number, images[number]

    def images(self) -> Sequence[ImageRef]:
        """All images in the order of their index, as PNG files in the cache."""
        folder, index = self._data()
        return [ImageRef(entry.id, folder / f"{entry.id}.png") for entry in index.images]

    def fingerprint(self) -> dict[str, str]:
        """The renderer's version and a hash of all pixels and annotations."""
        return {"renderer": VERSION, "split": self.split, "sha256": self._data()[1].sha256}

    def coco(self, ids: Sequence[str]) -> Json:
        """Boxes of the visible extents, COCO instances format; image ids count from 1.

        Raises:
            KeyError: an id is not of this data set.
        """
        images: list[CocoImage] = []
        annotations: list[CocoAnnotation] = []
        for image_id in ids:
            number, entry = self._entry(image_id)
            images.append(
                CocoImage(
                    id=number + 1,
                    file_name=f"{image_id}.png",
                    harness_id=image_id,
                    width=entry.width,
                    height=entry.height,
                )
            )
            things = zip(entry.boxes, entry.labels, entry.areas, strict=True)
            for k, ((x0, y0, x1, y1), label, area) in enumerate(things):
                annotations.append(
                    CocoAnnotation(
                        id=1000 * (number + 1) + k,
                        image_id=number + 1,
                        category_id=label,
                        bbox=[x0, y0, x1 - x0, y1 - y0],
                        area=area,
                        iscrowd=0,
                    )
                )
        return coco_json(images, annotations, numbered_categories(CLASSES))

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """Class of every pixel: (height, width) uint8, 0 background, 255 along outlines.

        Raises:
            KeyError: the id is not of this data set.
        """
        import numpy as np
        from PIL import Image

        folder, _ = self._data()
        _, entry = self._entry(image_id)
        with Image.open(folder / f"{entry.id}.mask.png") as file:
            return np.asarray(file, np.uint8)


class ScenesTrain(Scenes):
    """The training split: other seeds, same renderer. Nothing is evaluated on it."""

    name = "scenes-train"

    def __init__(self, count: int | None = None) -> None:
        super().__init__("train", count)
