"""Fidelity: how close a restored image is to its original. No vision model runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.plugins import DataSet, Json, Record, Sample, Task

FIGURES = {"PSNR": "psnr", "SSIM": "ssim", "PSNR-B": "psnr_b"}
"""Metric name to its key in a record's ``fidelity``."""

LUMA_FIGURES = {"PSNR-Y": "psnr_y", "SSIM-Y": "ssim_y", "PSNR-B-Y": "psnr_b_y"}
"""The same where luma alone was compressed and scored."""


class Fidelity(Task[None]):
    """Mean PSNR (dB), SSIM and PSNR-B (dB) over the images, and the mean bits per pixel.

    With ``--luma`` they are those of luma alone, PSNR-Y, SSIM-Y and PSNR-B-Y.
    """

    name: ClassVar[str] = "fidelity"
    metric: ClassVar[str] = "PSNR"
    title: ClassVar[str] = "Fidelity to the original (PSNR and PSNR-B in dB)"
    displayed_metrics: ClassVar[tuple[str, ...]] = (*FIGURES, *LUMA_FIGURES)
    digits: ClassVar[Mapping[str, int]] = {
        **{"PSNR": 2, "SSIM": 3, "PSNR-B": 2},
        **{"PSNR-Y": 2, "SSIM-Y": 3, "PSNR-B-Y": 2, "bpp": 3},
    }
    unranked: ClassVar[tuple[str, ...]] = ("bpp",)
    version: ClassVar[str] = "1"
    needs_model: ClassVar[bool] = False
    scores_reference: ClassVar[bool] = False

    def outcome(self, prediction: None, data_set: DataSet, image_id: str) -> Json:
        """Nothing: the pipeline records the fidelity of every image in any case."""
        return {}

    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """Means over the images.

        An image equal to its original has PSNR inf, and so has the mean over it. One too small
        for SSIM's window has SSIM NaN, and so has the mean: it is not silently left out.

        Args:
            records: with ``fidelity`` (``psnr``, ``ssim``, ``psnr_b``, or ``psnr_y``, ``ssim_y``,
                ``psnr_b_y``) and ``bpp``, numbers, or the strings ``"inf"`` and ``"nan"``, which
                JSON has no numbers for.
            ground_truth: not used.

        Raises:
            HarnessError: a record lacks one of them.
        """
        return {name: _mean(values) for name, values in _values(records).items()}

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample:
        """The values of every image."""
        return _Means(tuple(records), _values(records))


class _Means(Sample):
    """Metrics that are means over the images."""

    def __init__(self, images: tuple[str, ...], values: dict[str, list[float]]) -> None:
        self.images = images
        self._values = {name: np.asarray(numbers, np.float64) for name, numbers in values.items()}

    def aggregate(self, weights: NDArray[np.int32]) -> dict[str, NDArray[np.float64]]:
        """Weighted means."""
        return {name: weighted_mean(weights, values) for name, values in self._values.items()}

    def per_image(self) -> NDArray[np.float64]:
        """The PSNR of every image."""
        return next(iter(self._values.values()))


def weighted_mean(weights: NDArray[np.int32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of data sets that hold the images as often as (draws, images) ``weights`` says.

    An infinite value counts only in the draws that hold it, and so does a NaN.
    """
    finite = np.isfinite(values)
    # Not a matrix product, whose last bits depend on how many rows are asked for at once.
    total = (weights[:, finite] * values[finite]).sum(axis=1)
    for place in np.flatnonzero(~finite):
        total = total + np.where(weights[:, place] > 0, values[place], 0.0)
    count = weights.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count, np.float64)


def _values(records: Mapping[str, Record]) -> dict[str, list[float]]:
    luma = any("psnr_y" in record.fidelity for record in records.values())
    values = {
        name: [_number(record.fidelity.get(key), image, key) for image, record in records.items()]
        for name, key in (LUMA_FIGURES if luma else FIGURES).items()
    }
    return {
        **values,
        "bpp": [_number(record.bpp, image, "bpp") for image, record in records.items()],
    }


def _number(value: float | None, image: str, name: str) -> float:
    if value is None:
        raise HarnessError(
            f"The record of image {image!r} has no number {name!r}: delete it and run again."
        )
    return value


def _mean(values: Sequence[float]) -> float:
    # fsum is exact before its one rounding, so the order of the records cannot show.
    return math.fsum(values) / len(values) if values else float("nan")
