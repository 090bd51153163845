"""What the boxes of many VOC files together give away: another origin, other sizes, fractions."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.datasets.common.box_checks import PlacedBox, beyond_notice, check_fractions
from tasks.datasets.common.files import size_text
from tasks.datasets.voc.annotation_file import AnnotationFile

_FORM = "xmin, ymin, xmax, ymax in pixels of the image, counted from 1"

Size = tuple[int, int]


def box_notices(
    name: str, files: Mapping[str, AnnotationFile], sizes: Mapping[str, Size | None]
) -> list[str]:
    """What to tell about the boxes of a data set.

    Args:
        name: of the data set, for messages.
        files: by the ids of their images.
        sizes: width and height of the images, upright, by the same ids; None: unknown.

    Raises:
        UserError: all boxes are fractions of their images' sizes.
    """
    boxes = [
        PlacedBox(
            label=f"a {thing.name} of {key}.xml",
            written=thing.written,
            corners=(
                thing.box[0],
                thing.box[1],
                thing.box[0] + thing.box[2],
                thing.box[1] + thing.box[3],
            ),
            size=sizes[key],
        )
        for key, file in files.items()
        for thing in file.things
    ]
    notices = (
        check_fractions(name, boxes, _FORM),
        _origin_notice(name, boxes),
        beyond_notice(name, boxes),
        _size_notice(name, files, sizes),
    )
    return [notice for notice in notices if notice]


def _origin_notice(name: str, boxes: list[PlacedBox]) -> str:
    """What to tell where a box begins before the first pixel, which VOC calls 1."""
    early = [box for box in boxes if -1 < min(box.written[:2]) < 1]
    if not early:
        return ""
    return (
        f"{name}: {len(early)} of {len(boxes)} boxes have an xmin or ymin below 1, "
        f"{early[0].label} first, and VOC counts pixels from 1; all count as VOC's, one "
        "pixel up and left. If the "
        "files count from 0, add 1 to xmin and ymin, and to xmax and ymax if they are inside."
    )


def _size_notice(
    name: str, files: Mapping[str, AnnotationFile], sizes: Mapping[str, Size | None]
) -> str:
    """What to tell where files say another size than their images have."""
    wrong = [
        (key, size, file.size)
        for key, file in files.items()
        if (size := sizes[key]) is not None and file.size not in (None, size)
    ]
    if not wrong:
        return ""
    key, size, stated = wrong[0]
    exchanged = " (width and height are exchanged)" if stated == size[::-1] else ""
    return (
        f"{name}: {len(wrong)} of {len(files)} XML files say another size than their image has, "
        f"{key}.xml first: {size_text(stated or ())}, and the image is {size_text(size)}"
        f"{exchanged}; boxes count as pixels of the image as it is."
    )
