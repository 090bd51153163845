"""Training pairs: images compressed whole, cached in memory, cut into patches.

Images are compressed before patches are cut, so that patches see the block grid at every offset
and only content that JPEG coded with its true neighbours. BSDS500's photographs are JPEG files
themselves, but of high quality (luma quantiser steps of 1 to 12, against 13 to 151 at QF 40): they
are taken as clean at full size, as the published trainings do.
"""

from __future__ import annotations

import filecmp
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harness.errors import ImageError, UserError
from harness.plugins import RGB, Codec, DataSet, read_image, registry

NAMED = "dataset:"


@dataclass(frozen=True)
class ImagePair:
    """An image and what JPEG leaves of it, both (height, width, 3) uint8 RGB."""

    clean: RGB
    compressed: RGB


@dataclass(frozen=True)
class PatchSource:
    """Pairs that are drawn from equally often, with the source's weight among the sources."""

    pairs: Sequence[ImagePair]
    share: float


def opened(source: str) -> DataSet:
    """A source as a data set.

    Args:
        source: a folder, or ``dataset:NAME`` for a registered data set.

    Raises:
        UserError: the folder or the data set does not exist or is empty.
    """
    if source.startswith(NAMED):
        named: DataSet = registry.datasets().get(source.removeprefix(NAMED))()
        return named
    folder = Path(source).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(
            f"The recipe's folder of images {source} {what}: put images there, or name another "
            f"folder, or {NAMED}NAME for a data set (paths are relative to {Path.cwd()})."
        )
    return registry.formats().get("folder").open(folder)


def image_files(source: str) -> list[Path]:
    """The image files of a source, see `opened`."""
    return [image.path for image in opened(source).images()]


def source_version(source: str) -> str:
    """What identifies the images of a source, in one line."""
    return ", ".join(f"{key} {value}" for key, value in opened(source).fingerprint().items())


def held_out(files: Sequence[Path], count: int) -> list[Path]:
    """``count`` files chosen by the hash of their names: the same ones wherever the folder is."""
    return sorted(files, key=lambda file: hashlib.sha256(file.name.encode()).digest())[:count]


def jpeg() -> Codec:
    """The codec trained against: JPEG as the harness compresses, 4:2:0."""
    return registry.codecs().get("jpeg")()


def without_held_out(
    files: Sequence[Path], held: Collection[Path]
) -> tuple[list[Path], dict[Path, Path]]:
    """The files that are none of those held out for validation, and no copies of them.

    Args:
        files: to train on.
        held: held out.

    Returns:
        What is left of ``files``; and those that are byte copies of a file that was held out, with
        that one.
    """
    skipped = {path.resolve() for path in held}
    others = [path for path in files if path.resolve() not in skipped]
    by_size: dict[int, list[Path]] = {}
    for path in sorted(skipped):
        if path.is_file():
            by_size.setdefault(path.stat().st_size, []).append(path)
    copies: dict[Path, Path] = {}
    for path in filter(Path.is_file, others):  # one that is gone is named by whoever reads it
        for other in by_size.get(path.stat().st_size, []):
            if filecmp.cmp(path, other, shallow=False):
                copies[path] = other
                break
    return [path for path in others if path not in copies], copies


def copies_note(copies: Mapping[Path, Path]) -> str:
    """What is said of the copies that `without_held_out` found; nothing without any."""
    if not copies:
        return ""
    path, other = next(iter(copies.items()))
    images = (
        "1 training image is a byte copy"
        if len(copies) == 1
        else (f"{len(copies)} training images are byte copies")
    )
    return f"left out: {images} of validation images, such as {path} of {other.name}"


def tell(report: Callable[[str], None], name: str, note: str) -> None:
    """Report a note of a training of some name, where there is any."""
    if note:
        report(f"{name}: {note}")


def pairs(files: Sequence[Path], qf: int) -> list[ImagePair]:
    """Read and compress ``files``."""
    cleans = (read_rgb(path) for path in files)
    return [ImagePair(clean, jpeg().compress(clean, qf).pixels) for clean in cleans]


def unchanged_note(unchanged: Sequence[Path], count: int) -> str:
    """What is said of images in which JPEG changes nothing; nothing without any.

    Args:
        unchanged: those of which it is so.
        count: of all.

    Raises:
        UserError: these are all.
    """
    if not unchanged:
        return ""
    if len(unchanged) == count:
        raise UserError(
            f"JPEG changes nothing in the {count} images to validate on, {unchanged[0]} first (is "
            "it of one colour?), so that no gain can be measured: give photographs."
        )
    return (
        f"left out: {len(unchanged)} of {count} images to validate on, such as {unchanged[0]}: "
        "JPEG changes nothing in it, and its PSNR is infinite"
    )


def read_rgb(path: Path) -> RGB:
    """A training image as evaluation reads it, (height, width, 3) uint8 RGB.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return read_image(path)
    except ImageError as error:
        reason = str(error).replace("Cannot read image", "Cannot read the training image", 1)
        raise UserError(reason) from error


class Patches:
    """Batches of random patches in random orientations, a function of the step alone.

    Args:
        sources: what to draw from.
        side: height and width of a patch, pixels.
        seed: of all choices.

    Raises:
        UserError: a source has no image of at least ``side`` pixels each way.
    """

    def __init__(self, sources: Sequence[PatchSource], side: int, seed: int) -> None:
        self._pairs = [[p for p in s.pairs if min(p.clean.shape[:2]) >= side] for s in sources]
        if not sources or not all(self._pairs):
            raise UserError(
                f"A training source has no image of at least {side}×{side} pixels: "
                "give larger images, or a smaller patch_size in the recipe."
            )
        total = sum(source.share for source in sources)
        self._odds = [source.share / total for source in sources]
        self._side, self._seed = side, seed

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        """Compressed and clean patches, each (size, 3, side, side) float32 in 0..1."""
        random = np.random.default_rng((self._seed, step))
        drawn = [self._patch(random) for _ in range(size)]
        return _tensor([pair.compressed for pair in drawn]), _tensor([p.clean for p in drawn])

    def _patch(self, random: np.random.Generator) -> ImagePair:
        source = self._pairs[random.choice(len(self._odds), p=self._odds)]
        pair = source[random.integers(len(source))]
        height, width = pair.clean.shape[:2]
        top = random.integers(height - self._side + 1)
        left = random.integers(width - self._side + 1)
        turns, mirrored = int(random.integers(4)), bool(random.integers(2))

        def cut(image: RGB) -> RGB:
            patch = image[top : top + self._side, left : left + self._side]
            turned: RGB = np.rot90(patch[:, ::-1] if mirrored else patch, turns)
            return turned

        return ImagePair(cut(pair.clean), cut(pair.compressed))


def _tensor(patches: Sequence[RGB]) -> Tensor:
    # The permuted stack is channels last, which the convolutions are fastest on.
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).float() / 255
