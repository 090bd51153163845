"""Any folder of images, as a data set without ground truth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from harness.assets import sha256_of
from harness.errors import UserError
from tasks.base import DataSet, ImageRef

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"),
    *(".webp", ".ppm", ".pgm", ".jp2"),
)
"""What counts as an image, in lower or upper case."""


class ImageFolder(DataSet):
    """The images in a folder and below it, for fidelity only.

    Files are told by their suffix (`SUFFIXES`); hidden ones (a leading dot in any part of the
    path) are passed over. Ids are paths relative to the folder with ``/``, and images come in
    the order of their ids, the same on every machine.

    Args:
        path: the folder; ``~`` is the home directory.

    Raises:
        UserError: there is no such folder, or no image in it.
    """

    tasks: tuple[str, ...] = ("fidelity",)

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether ``path`` is a folder."""
        return path.is_dir()

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().resolve()
        if not self.path.is_dir():
            what = "is a file" if self.path.exists() else "does not exist"
            raise UserError(f"{path} {what}: --dataset takes a data set's name or a folder.")
        self.name = self.path.name or str(self.path)
        self._images = _images_below(self.path)
        if not self._images:
            raise UserError(f"No image in {path}: none of its files ends in {' '.join(SUFFIXES)}.")

    def images(self) -> Sequence[ImageRef]:
        """All images, in the order of their ids."""
        return self._images

    def fingerprint(self) -> dict[str, str]:
        """The sha256 over every image's id and content; where the folder lies is not in it.

        Files are read at the first call; later ones give the same answer. One that cannot be
        read is marked so: the run then names it and counts it as failed.
        """
        return {"images": self._sha256}

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for image in self._images:
            try:
                content = sha256_of(image.path)
            except OSError:
                content = "unreadable"
            line = f"{image.id}\0{content}\n"
            # File names need not be UTF-8 on Linux.
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def _images_below(folder: Path) -> tuple[ImageRef, ...]:
    found = []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        # A link that leads nowhere is listed too, so that the run names it.
        if path.suffix.lower() in SUFFIXES and not hidden and (path.is_file() or _dangling(path)):
            found.append(ImageRef(id=relative.as_posix(), path=path))
    return tuple(sorted(found, key=lambda image: image.id))


def _dangling(path: Path) -> bool:
    return path.is_symlink() and not path.exists()
