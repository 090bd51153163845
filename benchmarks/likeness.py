"""How much the embedded vision models are like those for photographs: under blur, and under JPEG.

Usage: python benchmarks/likeness.py [--images N] [--detector CARD.yaml] [--segmenter CARD.yaml]
           [--photographs FOLDER]

A detector or segmenter for photographs hardly minds a slight blur, which takes the finest pixels
alone, and loses a half or a sixth to JPEG at QF 10. Prints the metric of each embedded model on
uncompressed scenes, and what a Gaussian blur and JPEG leave of it, beside what they leave of
models for photographs; then the power of the scenes' luma against that of a folder of photographs.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from harness.plugins import Task, VisionModel
from tasks.detection.models.faster_rcnn import FasterRCNNScenes
from tasks.detection.task import Detection
from tasks.segmentation.models.pspnet import PSPNetScenes
from tasks.segmentation.task import Segmentation
from tasks.weights.checkpoints import measure

Pixels = NDArray[np.uint8]

SIGMAS = (0.7, 1.0, 1.5)
FACTORS = (10, 20, 30, 40)

PHOTOGRAPHS = {
    "detection": ("D2Go on coco128", (102, 105, 90), "28 to 60 at QF 10 (three data sets)"),
    "segmentation": ("ESPNet on CamVid", (98, 95, 89), "67 to 89 at QF 10 (five models)"),
}
"""What blurs of `SIGMAS` leave, in %; what JPEG leaves. Measured on photographs, see the docs."""

RINGS = np.arange(0.05, 0.46, 0.05)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--detector", type=Path, help="a card, for the one that ships")
    parser.add_argument("--segmenter", type=Path, help="likewise")
    parser.add_argument("--photographs", type=Path, help="a folder, for the spectrum")
    given = parser.parse_args()
    detector = FasterRCNNScenes(given.detector) if given.detector else FasterRCNNScenes()
    segmenter = PSPNetScenes(given.segmenter) if given.segmenter else PSPNetScenes()
    compare(Detection(), detector, given.images)
    compare(Segmentation(), segmenter, given.images)
    if given.photographs:
        print_spectrum(given.photographs, given.images)


def compare(task: Task, model: VisionModel, count: int) -> None:
    """Print one model's figures beside those on photographs."""

    def value(changed: object = None) -> float:
        return 100 * float(measure(task, model, count, changed)[task.metric])  # type: ignore[arg-type]

    clean = value()
    name, blurs, loss = PHOTOGRAPHS[task.name]
    print(f"{model.name} on {count} scenes: {task.metric} {clean:.1f} uncompressed", flush=True)
    print(f"  {'left, %':<16} {model.name:>20} {name:>18}")
    for sigma, theirs in zip(SIGMAS, blurs, strict=True):
        left = 100 * value(lambda image, sigma=sigma: blurred(image, sigma)) / clean
        print(f"  blur, sigma {sigma:<4} {left:20.0f} {theirs:18}", flush=True)
    for quality in FACTORS:
        left = 100 * value(lambda image, quality=quality: compressed(image, quality)) / clean
        beside = loss if quality == FACTORS[0] else ""
        print(f"  JPEG, QF {quality:<7} {left:20.0f}  {beside}", flush=True)


def blurred(image: Pixels, sigma: float) -> Pixels:
    """A Gaussian blur of ``sigma`` pixels, rounded to 8 bits."""
    smooth = gaussian_filter(image.astype(np.float64), (sigma, sigma, 0.0))
    return np.clip(np.round(smooth), 0, 255).astype(np.uint8)


def compressed(image: Pixels, quality: int) -> Pixels:
    """JPEG, 4:2:0."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def print_spectrum(folder: Path, count: int) -> None:
    """Mean radial power of luma of the scenes against that of a folder's pictures, in dB."""
    from tasks.scenes.data_set import Scenes

    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".png", ".webp"))
    ours = np.mean([radial_power(r.path) for r in Scenes().images()[:count]], 0)
    theirs = np.mean([radial_power(path) for path in paths[:count]], 0)
    print(f"power of luma against {folder.name} ({len(paths[:count])} pictures)")
    for ring, decibel in zip(RINGS, 10 * np.log10(ours / theirs), strict=True):
        print(f"  {ring:.2f} cycles a pixel {decibel:+6.1f} dB")


def radial_power(path: Path) -> NDArray[np.float64]:
    """Power of luma, 0..255, about each of `RINGS`, under a Hann window."""
    with Image.open(path) as file:
        luma = np.asarray(file.convert("L"), np.float64)
    window = np.outer(*(np.hanning(side) for side in luma.shape))
    spectrum = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2 / (window**2).sum()
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, luma.shape), indexing="ij"))
    return np.asarray([spectrum[np.abs(frequency - ring) < 0.025].mean() for ring in RINGS])


if __name__ == "__main__":
    main()
