"""A picture made here, and how close two pictures are."""

import numpy as np


def textured(seed: int, height: int = 128, width: int = 160) -> np.ndarray:
    """Muted smooth colours, 1/f texture and hard-edged discs: photographs, roughly."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falloff = 1 / np.maximum(np.hypot(rows, columns), 1 / width)

    def plane(power: int) -> np.ndarray:
        spectrum = np.fft.rfft2(rng.standard_normal((height, width))) * falloff**power
        values = np.fft.irfft2(spectrum, (height, width))
        return values / values.std()

    grey = 128 + 10 * plane(1) + 30 * plane(2)
    image = grey[..., None] + 8 * np.stack([plane(2) for _ in range(3)], -1)
    y, x = np.mgrid[:height, :width]
    for _ in range(12):
        inside = np.hypot(y - rng.integers(height), x - rng.integers(width)) < rng.integers(5, 25)
        image[inside] = 0.3 * image[inside] + 0.7 * (rng.integers(256) + rng.normal(0, 15, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))
