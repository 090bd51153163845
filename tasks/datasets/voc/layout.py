"""PASCAL VOC's layout of folders: palette masks, boxes in XML, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.plugins import ImageRef, Json
from tasks.datasets.coco.schema import (
    CocoAnnotation,
    CocoImage,
    coco_json,
    numbered_categories,
)
from tasks.datasets.common.files import present, upright_size
from tasks.datasets.common.stored import FileDataSet
from tasks.datasets.folders.mask_files import check_pairs, read_mask
from tasks.datasets.voc.annotation_file import (
    VERSION,
    AnnotatedObject,
    AnnotationFile,
    check_things,
    read_annotation,
)
from tasks.datasets.voc.box_notices import box_notices
from tasks.datasets.voc.files import BOXES, MASKS, images_in, truth_file, truths_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VocLayout(FileDataSet):
    """A folder with ``JPEGImages`` and ``SegmentationClass`` (masks) or ``Annotations`` (XML).

    Attributes:
        root: the folder.
        boxes: whether boxes are offered; then every image has an XML file.
        masks: whether masks are offered; then every image has one.
    """

    root: Path
    boxes: bool = False
    masks: bool = False
    default_models: Mapping[str, str] = MappingProxyType(
        {
            "detection": "fasterrcnn_resnet50_fpn",
            "segmentation": "pspnet_r50-d8_40k_voc12aug",
        }
    )

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The ids: file names without suffix, in order."""
        raise NotImplementedError

    @cached_property
    def listed(self) -> tuple[ImageRef, ...]:
        """Every image, in the order of `stems`.

        Raises:
            UserError: two images have one id.
        """
        images, refs = images_in(self.root), []
        for stem in self.stems:
            paths = images.get(stem, (self.root / "JPEGImages" / f"{stem}.jpg",))
            if len(paths) > 1:
                raise UserError(
                    f"{self.name}: {paths[0]} and {paths[1].name} are two images of one id, which "
                    "is the name without the suffix: take one away."
                )
            refs.append(ImageRef(stem, paths[0]))
        return tuple(refs)

    def check(self, refs: Sequence[ImageRef]) -> None:
        """Refuse images whose mask or XML is missing, is none, or does not fit.

        Raises:
            UserError: which, and why.
        """
        truth = [path for ref in refs for path in self.files(ref)[1:]]
        here = present(truth)
        absent = [path for path in truth if path not in here]
        if absent:
            raise UserError(
                f"{self.name}: {len(absent)} of {len(truth)} masks or annotation files are "
                f"missing, {absent[0]} first: {self.advice(None)}."
            )
        if self.masks:
            check_pairs([(ref.path, self.mask_path(ref.id)) for ref in refs])
        if self.boxes:
            sizes = {ref.id: upright_size(ref.path) for ref in refs}
            files = {ref.id: self._files[ref.id] for ref in refs}
            # First, because fractions may look like boxes of other faults.
            notices = box_notices(self.name, files, sizes)
            for ref in refs:
                self._check_boxes(ref, sizes[ref.id])
            self.tell(*notices)

    def files(self, ref: ImageRef) -> tuple[Path, ...]:
        """The image, its mask and its XML."""
        mask = (self.mask_path(ref.id),) if self.masks else ()
        return (ref.path, *mask, *((self._xml_path(ref.id),) if self.boxes else ()))

    def identity(self) -> dict[str, str]:
        """What the values of masks and the names in XML mean, and how boxes are read."""
        boxes = {"boxes": VERSION, "classes": ", ".join(self.classes)} if self.boxes else {}
        return {**boxes, **({"labels": ", ".join(self.labels)} if self.masks else {})}

    def mask(self, image_id: str) -> NDArray[np.uint8]:
        """The mask of an image: (height, width) uint8, index into `labels`, 255 = ignored.

        Raises:
            KeyError: the id is not of this data set.
        """
        return read_mask(self.mask_path(image_id)) if self.masks else super().mask(image_id)

    def coco(self, ids: Sequence[str]) -> Json:
        """Boxes in COCO instances format; image ids count from 1 in the data set's order.

        Difficult objects are marked as crowds: what finds them is ignored, and so are they.

        Raises:
            KeyError: an id is not of this data set.
        """
        if not self.boxes:
            return super().coco(ids)
        places = {name: place for place, name in enumerate(self.classes, start=1)}
        images: list[CocoImage] = []
        notes: list[CocoAnnotation] = []
        for image_id in ids:
            number, ref = self._numbers[image_id]
            width, height = upright_size(ref.path) or (0, 0)
            images.append(
                CocoImage(
                    id=number,
                    width=width,
                    height=height,
                    file_name=ref.path.name,
                    harness_id=image_id,
                )
            )
            for thing in self._things(image_id):
                notes.append(
                    CocoAnnotation(
                        id=len(notes) + 1,
                        image_id=number,
                        category_id=places[thing.name],
                        bbox=list(thing.box),
                        area=thing.box[2] * thing.box[3],
                        iscrowd=int(thing.difficult),
                    )
                )
        return coco_json(images, notes, numbered_categories(self.classes))

    def _check_boxes(self, ref: ImageRef, size: tuple[int, int] | None) -> None:
        xml, things = self._xml_path(ref.id), self._things(ref.id)
        strange = [thing.name for thing in things if thing.name not in self.classes]
        if strange:
            raise UserError(
                f"{xml}: an object is of the class '{strange[0]}', which is none of "
                f"{self.name}'s: {', '.join(self.classes)}."
            )
        check_things(xml, self._files[ref.id], size)

    def mask_path(self, image_id: str) -> Path:
        """The file of an image's mask."""
        return self._truth_path(MASKS, image_id)

    def _xml_path(self, stem: str) -> Path:
        return self._truth_path(BOXES, stem)

    def _truth_path(self, kind: str, stem: str) -> Path:
        usual = truth_file(self.root, kind, stem)
        return self._truths[kind].get(stem, usual)

    @cached_property
    def _truths(self) -> Mapping[str, Mapping[str, Path]]:
        return {kind: truths_in(self.root, kind) for kind in (MASKS, BOXES)}

    @cached_property
    def _numbers(self) -> dict[str, tuple[int, ImageRef]]:
        return {ref.id: (number, ref) for number, ref in enumerate(self.listed, start=1)}

    def _things(self, stem: str) -> tuple[AnnotatedObject, ...]:
        return self._files[stem].things

    @cached_property
    def _files(self) -> Mapping[str, AnnotationFile]:
        return _AnnotationFiles(self._xml_path)


class _AnnotationFiles(dict[str, AnnotationFile]):
    """The XML file of each image, read when first asked for."""

    def __init__(self, path_of: Callable[[str], Path]) -> None:
        super().__init__()
        self._path_of = path_of

    def __missing__(self, stem: str) -> AnnotationFile:
        self[stem] = read_annotation(self._path_of(stem))
        return self[stem]
