"""Boxes in PASCAL VOC's XML (Everingham et al., "The PASCAL VOC Challenge", IJCV 2010)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from harness.assets.reading import read_regular
from harness.errors import UserError
from tasks.classes import composed
from tasks.datasets.common.files import MOST_TEXT, size_text

VERSION = "2"
"""Bumped whenever a box can be read otherwise."""

_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")

_ENTITY = b"<!ENTITY"

_MARKS = {
    **dict.fromkeys(("0", "0.0", "false", "no", "n", "f"), False),
    **dict.fromkeys(("1", "1.0", "true", "yes", "y", "t"), True),
}
"""What a mark says, in lower case."""


@dataclass(frozen=True)
class AnnotatedObject:
    """One object of an image.

    Attributes:
        name: its class.
        box: x, y, width, height in pixels from 0, as COCO counts.
        difficult: VOC's mark for what neither counts when found nor when missed.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool

    @property
    def written(self) -> tuple[float, float, float, float]:
        """xmin, ymin, xmax, ymax as the file has them, in pixels from 1."""
        x, y, width, height = self.box
        return x + 1, y + 1, x + width, y + height


@dataclass(frozen=True)
class AnnotationFile:
    """What one XML file says.

    Attributes:
        things: the objects.
        size: width and height of the image as the file has them; None where it does not say.
    """

    things: tuple[AnnotatedObject, ...]
    size: tuple[int, int] | None


def read_annotation(path: Path) -> AnnotationFile:
    """One annotation file; parts of objects (heads, hands) are no objects.

    VOC counts pixels from 1 and its corners belong to the box: ``xmin = 1, xmax = width`` is the
    whole width, as in detectron2's loader.

    Raises:
        UserError: it cannot be read, or an object has no name or no box.
    """
    try:
        root = _parsed(read_regular(path, MOST_TEXT))
    except OSError as error:
        raise UserError(f"Cannot read the annotations {path}: {error.strerror}.") from error
    except UnicodeError as error:
        raise UserError(
            f"{path} is not in the encoding that it names ({error}): name the right one in its "
            "first line, or write it in UTF-8."
        ) from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # or its encoding is none
        raise UserError(f"{path} is not XML: {error}.") from error
    things = tuple(_thing(path, element) for element in root.findall("object"))
    return AnnotationFile(things, _stated_size(root))


def _parsed(content: bytes) -> ElementTree.Element:
    """The root of an XML file; expat knows no encoding of several bytes but Unicode's.

    Raises:
        ValueError: it defines entities, by which a small file may become a large one.
    """
    if _ENTITY in content.replace(b"\0", b""):
        raise ValueError("it defines entities, which are not read: write out what they stand for")
    declared = _DECLARED.match(content)
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    if not name.startswith(("utf", "ucs", "iso-10646")):
        # What calls itself GB2312 holds characters of its successors.
        text = content.decode("gb18030" if name in ("gb2312", "gbk", "cp936") else name)
        if _ENTITY.decode() in text:
            raise ValueError("it defines entities, which are not read")
        return ElementTree.fromstring(text[text.index("?>") + 2 :].lstrip())
    if name == "utf-8" and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content.decode("utf-8-sig")
    return ElementTree.fromstring(content)


def _stated_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """The size that a file says; none where it says 0, as some tools write for "unknown"."""
    sides = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(side.isdecimal() and int(side) for side in sides):
        return None
    return int(sides[0]), int(sides[1])


def check_things(path: Path, file: AnnotationFile, size: tuple[int, int] | None) -> None:
    """Refuse boxes without area or outside the image.

    Args:
        path: the file they are from, for messages.
        file: what it says.
        size: width and height of the image, None if unknown.

    Raises:
        UserError: the first.
    """
    other = file.size not in (None, size)
    said = f" (the file says that it is {size_text(file.size or ())})" if other else ""
    for thing in file.things:
        x, y, width, height = thing.box
        corners = "xmin {:g}, ymin {:g}, xmax {:g}, ymax {:g}".format(*thing.written)
        if width <= 0 or height <= 0:
            raise UserError(f"{path}: the box of a {thing.name} has no area: {corners}.")
        if size and (x >= size[0] or y >= size[1] or x + width <= 0 or y + height <= 0):
            raise UserError(
                f"{path}: the box of a {thing.name} lies outside the image of {size_text(size)}"
                f"{said}: "
                f"{corners}."
            )


def _thing(path: Path, element: ElementTree.Element) -> AnnotatedObject:
    name = composed((element.findtext("name") or "").strip())
    if not name:
        raise UserError(f"{path}: an object has no name.")
    corners = []
    for corner in ("xmin", "ymin", "xmax", "ymax"):
        text = element.findtext(f"bndbox/{corner}")
        try:
            corners.append(float(text or ""))
        except ValueError:
            corners.append(math.nan)
    if not all(map(math.isfinite, corners)):
        raise UserError(
            f"{path}: the box of a {name} needs the numbers xmin, ymin, xmax and ymax in a bndbox."
        )
    x0, y0, x1, y1 = corners
    return AnnotatedObject(
        name=name,
        box=(x0 - 1, y0 - 1, x1 - x0 + 1, y1 - y0 + 1),
        difficult=_difficult(path, name, element),
    )


def _difficult(path: Path, name: str, element: ElementTree.Element) -> bool:
    """VOC's mark, which is 0 or 1, and in other tools' files a word or a decimal number.

    Raises:
        UserError: it is something else.
    """
    text = (element.findtext("difficult") or "0").strip()
    meaning = _MARKS.get(text.casefold() or "0")
    if meaning is None:
        raise UserError(
            f"{path}: the mark <difficult> of a {name} is '{text}'; write 1 where the object is to "
            "be ignored, and 0 where it counts."
        )
    return meaning
