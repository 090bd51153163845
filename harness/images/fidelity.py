"""How close an image is to its original: PSNR, SSIM and PSNR-B, as the paper computes them.

Several formulas go by each of these names and differ by up to 2.4 dB on the same images. These are
the ones that reproduce the JPEG column of Table I of the DAGN paper on LIVE1 and BSD500; a data
set's figure is the mean over its images. All take uint8 RGB images of the same size.

The deblocking literature compresses and scores luma alone instead: `to_luma`, `luma_fidelity`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.plugins.types import RGB

VERSION = "2"
"""Bumped whenever a value of this module can change; part of a cell's fingerprint.

In version 1 the blocking effect of PSNR-B was that of luma not rounded, over the true counts.
"""

LUMA_VERSION = "2"
"""The same for `to_luma` and `luma_fidelity`."""

_PEAK = 255.0
_WINDOW, _SIGMA = 11, 1.5
_BAND = 64  # rows computed at once, a multiple of _BLOCK: a large photograph costs no gigabytes
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_BLOCK = 8
_LUMA = np.array([65.481, 128.553, 24.966]) / 255  # BT.601
_LUMA_OFFSET = 16.0


def fidelity(reference: RGB, image: RGB) -> dict[str, float]:
    """``psnr``, ``ssim`` and ``psnr_b`` of one image, by name.

    JSON knows neither the infinity of equal images (``psnr``, ``psnr_b``) nor the NaN of tiny ones
    (``ssim``): whoever writes these down has to choose a form for them.

    Args:
        reference: the original, (height, width, 3) uint8 RGB.
        image: the decoded or restored image, same shape.

    Raises:
        ValueError: the sizes differ, or one is no (height, width, 3) uint8 array.
    """
    _check(reference, image)
    mse = _mse(reference, image)
    return {
        "psnr": _decibel(mse),
        "ssim": _mean_ssim(reference, image),
        "psnr_b": _decibel(mse + _blocking_effect(image, _rounded_luma)),
    }


def to_luma(image: RGB) -> RGB:
    """BT.601 studio luma, 16 + (65.481 R + 128.553 G + 24.966 B)/255, rounded, in three channels.

    An image of three equal channels is taken for luma already, as the deblocking literature takes
    its grey images (Classic5) as they are.
    """
    bands = list(_bands(image))
    if all((image[rows] == image[rows, :, :1]).all() for rows in bands):
        return np.repeat(image[..., :1], 3, axis=2)
    luma = np.empty_like(image)
    for rows in bands:
        luma[rows] = _rounded_luma(image[rows])[..., None]
    return luma


def luma_fidelity(reference: RGB, image: RGB) -> dict[str, float]:
    """``psnr_y``, ``ssim_y`` and ``psnr_b_y``: the same formulas on one plane.

    The blocking effect is that of the plane itself, which is luma.

    Args:
        reference: the original's luma, three equal channels.
        image: the decoded or restored luma. Its plane is the rounded mean of its channels: a
            network for colour images may return three that differ.

    Raises:
        ValueError: see `fidelity`.
    """
    _check(reference, image)
    mean = np.empty_like(image[..., :1])
    for rows in _bands(image):
        # A third is never half of one, so the nearest integer is the only one.
        mean[rows] = (2 * image[rows].sum(axis=2, dtype=np.int32, keepdims=True) + 3) // 6
    plane = reference[..., :1]
    mse = _mse(plane, mean)
    return {
        "psnr_y": _decibel(mse),
        "ssim_y": _mean_ssim(plane, mean),
        "psnr_b_y": _decibel(mse + _blocking_effect(mean, _first_channel)),
    }


def psnr(reference: RGB, image: RGB) -> float:
    """Peak signal-to-noise ratio in dB, all pixels of all channels pooled; inf for equal images.

    Raises:
        ValueError: see `fidelity`.
    """
    _check(reference, image)
    return _decibel(_mse(reference, image))


def ssim(reference: RGB, image: RGB) -> float:
    """Structural similarity (Wang et al. 2004, eq. 13), -1..1, mean over channels.

    Gaussian window of 11×11 and sigma 1.5, population covariance, K1 = 0.01, K2 = 0.03. Only pixels
    whose window lies inside the image count (the "valid" region, 5 pixels off each side, as
    scikit-image crops): padding instead raises LIVE1's mean by 0.001 to 0.002.

    Returns:
        The similarity; NaN where a side is shorter than the window, so that no window fits.

    Raises:
        ValueError: see `fidelity`.
    """
    _check(reference, image)
    return _mean_ssim(reference, image)


def psnr_b(reference: RGB, image: RGB) -> float:
    """Block-sensitive PSNR in dB (Yim & Bovik 2011): the blocking effect is added to the error.

    The error is that of `psnr`; the blocking effect is that of ``image``'s luma alone, so it never
    exceeds `psnr`, and even equal images have a finite value where the original has blocks.
    ``reference`` and ``image`` cannot be exchanged.

    As the authors of DAGN compute it: luma is BT.601 rounded to integers, and sums of squared steps
    are divided by nominal counts (see `_blocking_effect`). Over the pairs of pixels that exist, the
    figures are 0.004 to 0.010 dB higher on LIVE1, and 0.04 to 0.09 dB on BSDS500, all of whose
    images have sides that are no multiples of 8.

    Raises:
        ValueError: see `fidelity`.
    """
    _check(reference, image)
    return _decibel(_mse(reference, image) + _blocking_effect(image, _rounded_luma))


def _rounded_luma(image: RGB) -> NDArray[np.float64]:
    """BT.601 studio luma in whole grey levels, (height, width)."""
    luma: NDArray[np.float64] = np.rint(_LUMA_OFFSET + image @ _LUMA)
    return luma


def _first_channel(image: RGB) -> NDArray[np.float64]:
    return image[..., 0].astype(np.float64)


def _bands(image: RGB) -> Iterator[slice]:
    """The rows of an image, a few at a time."""
    return (slice(top, top + _BAND) for top in range(0, image.shape[0], _BAND))


def _decibel(mse: float) -> float:
    return math.inf if mse <= 0 else 10 * math.log10(_PEAK**2 / mse)


def _mse(reference: RGB, image: RGB) -> float:
    """Mean squared error over all samples, exact up to the division."""
    total = 0
    for rows in _bands(image):
        difference = np.subtract(reference[rows], image[rows], dtype=np.int32)
        total += int(np.square(difference).sum(dtype=np.int64))
    return total / image.size


def _mean_ssim(reference: RGB, image: RGB) -> float:
    height, width, channels = image.shape
    if min(height, width) < _WINDOW:
        return math.nan
    if reference is image:  # the uncompressed image beside itself
        return 1.0
    # One channel of a band at a time: arrays that stay in the cache are three times as fast.
    total, count = 0.0, 0
    for top in range(0, height - _WINDOW + 1, _BAND):
        rows = slice(top, top + _BAND + _WINDOW - 1)
        for channel in range(channels):
            scores = _ssim_map(reference[rows, :, channel], image[rows, :, channel])
            total += float(scores.sum())
            count += scores.size
    return total / count


def _ssim_map(reference: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SSIM of every window inside two (height, width) planes, a smaller array."""
    x, y = reference.astype(np.float64), image.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = _window_mean(x * y) - product
    # Only the sum of the variances is needed: one filter less.
    variances = _window_mean(x * x + y * y) - squares
    above = (2 * product + _C1) * (2 * covariance + _C2)
    return above / ((squares + _C1) * (variances + _C2))


def _window_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian-weighted mean of every window inside the plane."""
    import cv2

    blurred = np.asarray(cv2.GaussianBlur(plane, (_WINDOW, _WINDOW), _SIGMA), dtype=np.float64)
    margin = _WINDOW // 2
    return blurred[margin:-margin, margin:-margin]


def _blocking_effect(image: RGB, luma_of: Callable[[RGB], NDArray[np.float64]]) -> float:
    """Blocking effect factor of luma (Yim & Bovik 2011, eq. 8-12), in squared grey levels.

    The mean squared step across the borders of 8×8 blocks less that everywhere else, in both
    directions together, times log2(8)/log2(shorter side); 0 where the borders step less. The means
    divide by nominal counts, H (W/8 - 1) + W (H/8 - 1) for the borders and H (W - 1) + W (H - 1)
    less that for the rest: those there are only where 8 divides both sides. 0 where a side is
    shorter than a block (the weight would exceed 1 and end at infinity), and where the counts say
    that there is no border.

    Args:
        image: (height, width, channels).
        luma_of: gives rows of it as luma in whole grey levels, so that every sum is exact.
    """
    height, width = (int(side) for side in image.shape[:2])
    if min(height, width) < _BLOCK:
        return 0.0
    border_sum = other_sum = 0.0
    for rows in _bands(image):
        luma = luma_of(image[rows.start : rows.stop + 1])  # and the row below, to step to
        down = np.square(luma[1:] - luma[:-1])
        right = np.square(np.diff(luma[:_BAND], axis=1))
        across = float(down[_BLOCK - 1 :: _BLOCK].sum() + right[:, _BLOCK - 1 :: _BLOCK].sum())
        border_sum += across
        other_sum += float(down.sum() + right.sum()) - across
    border_count = height * (width / _BLOCK - 1) + width * (height / _BLOCK - 1)
    if border_count <= 0:
        return 0.0
    other_count = height * (width - 1) + width * (height - 1) - border_count
    excess = border_sum / border_count - other_sum / other_count
    return max(excess, 0.0) * math.log2(_BLOCK) / math.log2(min(height, width))


def _check(reference: RGB, image: RGB) -> None:
    for array in (reference, image):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise ValueError(
                f"fidelity needs (height, width, 3) uint8, not {array.shape} {array.dtype.name}"
            )
    if reference.shape != image.shape:
        sizes = [f"{a.shape[1]}×{a.shape[0]}" for a in (reference, image)]
        raise ValueError(f"the reference is {sizes[0]} pixels, the image {sizes[1]}")
