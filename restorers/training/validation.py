"""How good a network in training is: PSNR on images it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import numpy as np

from harness.plugins import RGB, Compressed, Restored
from restorers.common.architecture import Config, Network
from restorers.common.pretrained import PretrainedRestorer
from restorers.training.data import held_out, image_files, jpeg, read_rgb, unchanged_note
from restorers.training.recipe import Common

CROP = 160
"""Side of the validation crops, pixels; ten of JPEG's 16×16 units."""

QFS = (10, 20, 30, 40)
"""The paper's quality factors; of these a network is measured at the ones it is trained for."""


@dataclass(frozen=True)
class ValidationImage:
    """An original and its compressed file."""

    clean: RGB
    file: Compressed


class Validation(Generic[Config, Network]):
    """The gain over JPEG on held-out images, measured every so many steps.

    It is part of a training's state: between two measurements a resumed run logs what an unbroken
    one logs.

    Args:
        restorer: restores, as it will with the finished weights.
        network: in training; it is measured in evaluation mode and left in it.
        plan: says the quality factors, and how often.
        files: the images; their upper left corners are taken.
        measures: False in all but one of several processes.

    Attributes:
        note: on images that are left out, or nothing.

    Raises:
        UserError: JPEG changes nothing in any of them.
    """

    def __init__(
        self,
        restorer: PretrainedRestorer[Config, Network],
        network: Network,
        plan: Common,
        files: Sequence[Path],
        measures: bool,
    ) -> None:
        self._restorer, self._network = restorer, network
        self._every, self._measures = plan.validate_every, measures
        qfs = quality_factors(*plan.qf)
        self._samples = {qf: samples(files, qf, CROP) if measures else ([], "") for qf in qfs}
        notes = dict.fromkeys(note for _, note in self._samples.values() if note)
        self.note = "; ".join(notes)
        self._latest = dict.fromkeys([f"validation_gain_q{qf}" for qf in qfs], 0.0)

    def __call__(self, step: int) -> dict[str, float]:
        """The gain in PSNR at each QF measured last, before ``step`` at the latest, dB."""
        if self._measures and step % self._every == 0:
            self._network.eval()
            for qf, (images, _) in self._samples.items():
                before, after = mean_psnr(
                    lambda file: restored(self._restorer, self._network, file), images
                )
                self._latest[f"validation_gain_q{qf}"] = after - before
        return dict(self._latest)

    def state_dict(self) -> dict[str, float]:
        """See `harness.plugins.training_loop.Stateful`."""
        return dict(self._latest)

    def load_state_dict(self, state: dict[str, float], /) -> None:
        """See `harness.plugins.training_loop.Stateful`."""
        self._latest = dict(state)


def validation_files(plan: Common) -> list[Path]:
    """The files that a recipe holds out for validation.

    Raises:
        UserError: the folder is missing or empty.
    """
    files = image_files(plan.validation.path)
    return held_out(files, plan.validation.limit or len(files))


def quality_factors(low: int, high: int) -> list[int]:
    """Where a network trained on ``low``..``high`` is measured."""
    return [qf for qf in QFS if low <= qf <= high] or [round((low + high) / 2)]


def samples(
    files: Sequence[Path], qf: int, crop: int | None = None
) -> tuple[list[ValidationImage], str]:
    """Images compressed at ``qf``; their upper left corners if ``crop`` is given.

    Images that JPEG leaves as they are, as those of one colour, have no finite PSNR and are left
    out.

    Returns:
        The images, and a note on those left out, or nothing.

    Raises:
        UserError: these are all.
    """
    images, unchanged = [], []
    for path in files:
        clean = np.ascontiguousarray(read_rgb(path)[:crop, :crop])
        file = jpeg().compress(clean, qf)
        if np.array_equal(clean, file.pixels):
            unchanged.append(path)
        else:
            images.append(ValidationImage(clean, file))
    return images, unchanged_note(unchanged, len(files))


def restored(
    restorer: PretrainedRestorer[Config, Network], network: Network, compressed: Compressed
) -> RGB:
    """An image restored blind by a network in evaluation mode, on the network's device."""
    height, width = compressed.pixels.shape[:2]
    tile = restorer.tiling.choose(height, width, None)
    image = restorer.run(network, compressed, tile)
    return image.pixels if isinstance(image, Restored) else image


def mean_psnr(
    restore: Callable[[Compressed], RGB], images: Sequence[ValidationImage]
) -> tuple[float, float]:
    """Mean PSNR over ``images``, dB, RGB pooled, peak 255: of JPEG and of the restored images."""
    before = [psnr(sample.clean, sample.file.pixels) for sample in images]
    after = [psnr(sample.clean, restore(sample.file)) for sample in images]
    return float(np.mean(before)), float(np.mean(after))


def psnr(clean: RGB, image: RGB) -> float:
    """Of one image, dB."""
    # Not harness.images.fidelity: a restorer's training may use only the harness's small doors.
    error = np.mean((clean.astype(np.float64) - image) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else math.inf
