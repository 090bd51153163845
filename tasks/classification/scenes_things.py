"""`scenes-things`, the embedded data set of classification: one picture a thing of `scenes`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.plugins import DataSet, ImageRef
from tasks.scenes import CLASSES
from tasks.scenes.data_set import Scenes

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.classification.crops import CropIndex


class ScenesThings(DataSet):
    """The things of the evaluation split of `scenes`, or of another one, a square picture each.

    Cut out on first use and cached; see `tasks.classification.crops` for which things and where.

    Args:
        split: ``evaluation`` or ``train``.
        count: number of scenes the things are cut out of, if not all of the split's.
    """

    name = "scenes-things"
    tasks = ("classification", "fidelity")
    classes = CLASSES
    notice = (
        "The data set scenes-things is rendered, not photographed: cite numbers from photographs."
    )
    default_models = MappingProxyType({"classification": "mobilenet_scenes"})

    def __init__(self, split: str = "evaluation", count: int | None = None) -> None:
        self.scenes = Scenes(split, count)
        self._loaded: tuple[Path, CropIndex] | None = None
        self._labels: dict[str, int] = {}
        self._loading = threading.Lock()

    def _data(self) -> tuple[Path, CropIndex]:
        with self._loading:  # `label` is asked from several threads
            if self._loaded is None:
                from tasks.classification.crops import prepared

                folder, index = prepared(self.scenes)
                self._labels = {entry.id: entry.label - 1 for entry in index.images}
                self._loaded = folder, index
            return self._loaded

    def images(self) -> Sequence[ImageRef]:
        """All pictures in the order of their scenes, as PNG files in the cache."""
        folder, index = self._data()
        return [ImageRef(entry.id, folder / f"{entry.id}.png") for entry in index.images]

    def fingerprint(self) -> dict[str, str]:
        """The versions of renderer and crops and a hash of all pixels and labels."""
        from tasks.classification.crops import VERSION
        from tasks.scenes import VERSION as RENDERER

        digest = self._data()[1].sha256
        versions = {"renderer": RENDERER, "crops": VERSION}
        return {**versions, "split": self.scenes.split, "sha256": digest}

    def label(self, image_id: str) -> int:
        """Class of the thing on a picture: index into `classes`, from 0.

        Raises:
            KeyError: the id is not of this data set.
        """
        self._data()
        return self._labels[image_id]

    def sides(self) -> dict[str, int]:
        """Image id to the side of the picture in pixels."""
        return {entry.id: entry.side for entry in self._data()[1].images}


class ScenesThingsTrain(ScenesThings):
    """The things of the training split: other seeds, same renderer. Nothing is evaluated on it."""

    name = "scenes-things-train"

    def __init__(self, count: int | None = None) -> None:
        super().__init__("train", count)
