"""Training batches made on the fly: crop, turn, JPEG at a random QF, cut.

A batch is a function of the seed, the step and the process alone, so a resumed training sees what
an unbroken one would, whatever loads the data.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UserError
from harness.plugins import RGB, Compressed
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import Planes, stack, tensors
from restorers.training.data import held_out, image_files, jpeg, read_rgb, without_held_out
from restorers.training.recipe import Common, ImageSource

MARGIN = 16
"""Pixels compressed around a patch, so that JPEG coded its border with true neighbours."""


@dataclass(frozen=True)
class PatchBatch:
    """Patches and what JPEG leaves of them.

    Attributes:
        compressed: (N, 3, H, W) float32, 0..1.
        clean: likewise.
        qf: (N,) int64.
        planes: the patches' DCT coefficients, for the networks that take them.
    """

    compressed: Tensor
    clean: Tensor
    qf: Tensor
    planes: Planes | None = None

    def to(self, device: torch.device) -> PatchBatch:
        """The batch on a device."""
        planes = None if self.planes is None else self.planes.to(device)
        compressed, clean = self.compressed.to(device), self.clean.to(device)
        return PatchBatch(compressed, clean, self.qf.to(device), planes)


class Images:
    """The images of a source, decoded when asked for.

    Args:
        files: the images.
        kept: bytes of decoded images to keep; beyond, files are decoded again.
    """

    def __init__(self, files: Sequence[Path], kept: float) -> None:
        self.files = list(files)
        self._limit, self._bytes = kept, 0
        self._pixels: OrderedDict[int, RGB] = OrderedDict()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> RGB:
        """(height, width, 3) uint8 RGB."""
        if index in self._pixels:
            self._pixels.move_to_end(index)
            return self._pixels[index]
        pixels = read_rgb(self.files[index])
        self._pixels[index] = pixels
        self._bytes += pixels.nbytes
        while self._bytes > self._limit and len(self._pixels) > 1:
            self._bytes -= self._pixels.popitem(last=False)[1].nbytes
        return pixels


class Pool:
    """The images of a recipe's sources, drawn by the sources' shares.

    Args:
        sources: what to draw from.
        without: files that must not be drawn (validation), nor byte copies of them.
        cache_gib: GiB of decoded images to keep, all sources together.

    Attributes:
        copies: of files of ``without``, with the file each is a copy of: they are not drawn.

    Raises:
        UserError: a source is missing or has no images.
    """

    def __init__(
        self, sources: Sequence[ImageSource], without: Collection[Path] = (), cache_gib: float = 2
    ) -> None:
        self._sources = []
        self.copies: dict[Path, Path] = {}
        for source in sources:
            files = image_files(source.path)
            chosen = held_out(files, source.limit or len(files))
            left, copies = without_held_out(chosen, without)
            self.copies |= copies
            if not left:
                raise UserError(
                    f"No training image is left of {source.path}: add some, or hold out fewer for "
                    "validation."
                )
            self._sources.append(Images(left, cache_gib * (1 << 30) / len(sources)))
        total = sum(source.share for source in sources)
        self._odds = [source.share / total for source in sources]

    def __len__(self) -> int:
        return sum(map(len, self._sources))

    def draw(self, random: np.random.Generator) -> RGB:
        """An image, (height, width, 3) uint8 RGB."""
        source = self._sources[random.choice(len(self._odds), p=self._odds)]
        return source[int(random.integers(len(source)))]


@dataclass(frozen=True)
class QualityFactors:
    """A distribution of quality factors.

    Attributes:
        low: lowest one.
        high: highest one.
        often: those that come more often.
        often_share: how often one of these is drawn; the rest is even over ``low``..``high``.
    """

    low: int
    high: int
    often: tuple[int, ...] = ()
    often_share: float = 0.75

    @classmethod
    def of(cls, plan: Common) -> QualityFactors:
        """A recipe's."""
        return cls(*plan.qf, plan.qf_often, plan.qf_often_share)

    def draw(self, random: np.random.Generator) -> int:
        """One of them."""
        if self.often and random.random() < self.often_share:
            return int(random.choice(self.often))
        return int(random.integers(self.low, self.high + 1))


class PatchBatches:
    """Draws batches.

    Args:
        pool: what to draw from.
        side: height and width of a patch, pixels; a multiple of 16 for coefficients.
        qf: which quality factors patches are compressed at.
        seed: of all choices.
        on_grid: share of the patches that begin on JPEG's 8x8 grid; the others begin anywhere.
        coefficients: give DCT coefficients too; every patch then begins on JPEG's 16x16 grid.

    Raises:
        UserError: ``side`` does not go with coefficients.
    """

    def __init__(
        self,
        pool: Pool,
        side: int,
        qf: QualityFactors,
        seed: int,
        on_grid: float = 0.5,
        coefficients: bool = False,
    ) -> None:
        if coefficients and side % MARGIN:
            raise UserError(f"patch_size {side} is no multiple of {MARGIN}, JPEG's unit in 4:2:0.")
        self._pool, self._side, self._qf, self._seed = pool, side, qf, seed
        self._coefficients, self._on_grid = coefficients, on_grid

    def batch(self, step: int, size: int, rank: int = 0) -> PatchBatch:
        """The batch of ``size`` patches that process ``rank`` sees at ``step``."""
        random = np.random.default_rng((self._seed, step, rank))
        drawn = [self._draw(random) for _ in range(size)]
        clean, files, corners = zip(*drawn, strict=True)
        side = self._side
        compressed = [
            file.pixels[top : top + side, left : left + side]
            for file, (top, left) in zip(files, corners, strict=True)
        ]
        planes = None
        if self._coefficients:
            cut = [tensors(read(file)).cut(MARGIN, MARGIN, side, side) for file in files]
            planes = stack(cut)
        qf = torch.tensor([file.qf for file in files])
        return PatchBatch(_tensor(compressed), _tensor(clean), qf, planes)

    def _draw(self, random: np.random.Generator) -> tuple[RGB, Compressed, tuple[int, int]]:
        region = self._region(random)
        file = jpeg().compress(region, self._qf.draw(random))
        corner = (MARGIN, MARGIN)
        if not self._coefficients and random.random() >= self._on_grid:
            top, left = random.integers(MARGIN // 2, MARGIN * 3 // 2 + 1, 2)
            corner = int(top), int(left)
        top, left = corner
        return region[top : top + self._side, left : left + self._side], file, corner

    def _region(self, random: np.random.Generator) -> RGB:
        """A turned crop with a margin all around; small images are continued by mirror images."""
        image = self._pool.draw(random)
        side = self._side + 2 * MARGIN
        height, width = image.shape[:2]
        if min(height, width) < side:
            more = [(0, max(0, side - length)) for length in (height, width)]
            image = np.pad(image, (*more, (0, 0)), mode="symmetric")
            height, width = image.shape[:2]
        top = random.integers(height - side + 1)
        left = random.integers(width - side + 1)
        crop = image[top : top + side, left : left + side]
        turned = np.rot90(crop[:, ::-1] if random.integers(2) else crop, int(random.integers(4)))
        return np.ascontiguousarray(turned)


def _tensor(patches: Sequence[NDArray[np.uint8]]) -> Tensor:
    # The permuted stack is channels last, which the convolutions are fastest on.
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).float() / 255
