"""Runs of sizes that nobody should fear: how long they take, and how much memory.

Usage: python benchmarks/load.py [CASE ...] [--scale 1.0] [--folder FOLDER]

    images      100 000 images of 32×32
    cells       200 cells, on 16 images of 96×64
    categories  10 000 categories on 2000 images, 20 boxes each
    boxes       5000 images with 1000 boxes each, and as many found
    large       one image of 12 000 × 9000
    small       16 images of 1×1

What is measured is the harness: restorers and vision models are stubs, which cost next to nothing.
Each case is computed in one process and its table made in another; time, CPU time and peak memory
(ru_maxrss) of both are printed as a table in Markdown. Starting alone takes those of ``small``.
``--scale 0.01`` takes a hundredth of the images, cells, categories and pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.plugins import Detections, VisionModel

# Nothing heavy is imported here: a process counts what the one that started it had in memory.

SIZE = (320, 240)
"""Width and height of images with boxes."""

HEAD = "| case | | computed in | CPU | peak | table in | CPU | peak |"

DIGIT, LEVELS = 16, 16
"""A picture's number stands in its first row, a square of so many pixels a digit of so many greys:
the stub reads it, after JPEG, too."""


@dataclass(frozen=True)
class Case:
    """A run of an unusual size.

    Attributes:
        what: is unusual.
        make: writes its images below a folder, at a scale.
        study: the fields of its study, for that folder and scale.
    """

    what: str
    make: Callable[[Path, float], None]
    study: Callable[[Path, float], dict[str, Any]]


def scaled(number: int, scale: float, least: int = 1) -> int:
    """A number at a scale."""
    return max(least, round(number * scale))


def _textures(folder: Path, count: int, width: int, height: int, suffix: str = "png") -> None:
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True)
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:06}.{suffix}")


def _numbered(folder: Path, count: int) -> None:
    """Pictures that tell their number."""
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.full((SIZE[1], SIZE[0]), 128, np.uint8)
        for place in range(4):
            digit = number // LEVELS**place % LEVELS
            pixels[:DIGIT, place * DIGIT : (place + 1) * DIGIT] = digit * 16 + 8
        Image.fromarray(pixels).convert("RGB").save(folder / f"{number:06}.png")


def read_number(image: NDArray[np.uint8]) -> int:
    """The number of a picture of `_numbered`, whatever JPEG did to it."""
    greys = [
        image[4:12, place * DIGIT + 4 : (place + 1) * DIGIT - 4, 1].mean() for place in (0, 1, 2, 3)
    ]
    return sum(int(grey // 16) * LEVELS**place for place, grey in enumerate(greys))


def truth_of(
    number: int, boxes: int, categories: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Boxes (N, 4) x y width height and categories (N,) from 1 of a picture."""
    import numpy as np

    chance = np.random.default_rng(number)
    x, y = chance.integers(0, SIZE[0] - 40, boxes), chance.integers(0, SIZE[1] - 40, boxes)
    sides = chance.integers(8, 40, (2, boxes))
    return np.stack([x, y, *sides], axis=1), chance.integers(1, categories + 1, boxes)


def _coco(folder: Path, count: int, boxes: int, categories: int) -> None:
    _numbered(folder / "images", count)
    images, notes = [], []
    for number in range(count):
        name = f"{number:06}.png"
        images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        for box, category in zip(*truth_of(number, boxes, categories), strict=True):
            notes.append(
                {
                    "id": len(notes) + 1,
                    "image_id": number,
                    "category_id": int(category),
                    "bbox": box.tolist(),
                    "area": int(box[2] * box[3]),
                    "iscrowd": 0,
                }
            )
    kinds = [{"id": k + 1, "name": f"kind {k}"} for k in range(categories)]
    content = {"images": images, "annotations": notes, "categories": kinds}
    (folder / "truth.json").write_text(json.dumps(content))


def _stub(boxes: int, categories: int) -> VisionModel:
    """A detector that finds what is there, a little beside it, and surer of some than of others."""
    import numpy as np

    from harness.plugins import Detections, Detector

    class Stub(Detector):
        name = "stub"
        thread_safe = True
        classes = tuple(f"kind {k}" for k in range(categories))

        def fingerprint(self) -> dict[str, str]:
            return {"boxes": str(boxes)}

        def predict(self, image: NDArray[np.uint8]) -> Detections:
            number = read_number(image)
            corners, labels = truth_of(number, boxes, categories)
            chance = np.random.default_rng(10**6 + number)
            corners = corners + chance.uniform(-2, 2, corners.shape)
            corners[:, 2:] += corners[:, :2]
            scores = chance.uniform(0, 1, boxes)
            return Detections(corners.astype(np.float32), scores.astype(np.float32), labels)

    return Stub()


def _detection(folder: Path, boxes: int, categories: int) -> dict[str, Any]:
    return {
        "task": "detection",
        "dataset": str(folder / "truth.json"),
        "images": str(folder / "images"),
        "model": _stub(boxes, categories),
        "restorers": ["jpeg"],
        "qf": 90,
    }


def _fidelity(folder: Path, qf: Any = 10) -> dict[str, Any]:
    return {"task": "fidelity", "dataset": str(folder / "images"), "restorers": ["jpeg"], "qf": qf}


def _cells(folder: Path, scale: float) -> dict[str, Any]:
    import harness

    stubs = [
        harness.restorer(lambda image: image, name=f"stub-{number}", version="1")
        for number in range(scaled(20, scale, 2))
    ]
    return {**_fidelity(folder, list(range(5, 55, 5))), "restorers": stubs}


CASES = {
    "images": Case(
        "100 000 images of 32×32",
        lambda folder, scale: _textures(folder / "images", scaled(100_000, scale), 32, 32),
        lambda folder, scale: _fidelity(folder),
    ),
    "cells": Case(
        "200 cells (20 restorers, 10 quality factors), 16 images of 96×64",
        lambda folder, scale: _textures(folder / "images", 16, 96, 64),
        _cells,
    ),
    "categories": Case(
        "10 000 categories, 2000 images, 20 boxes each",
        lambda folder, scale: _coco(folder, scaled(2000, scale), 20, scaled(10_000, scale)),
        lambda folder, scale: _detection(folder, 20, scaled(10_000, scale)),
    ),
    "boxes": Case(
        "5000 images, 1000 boxes each and 1000 found",
        lambda folder, scale: _coco(folder, scaled(5000, scale), 1000, 80),
        lambda folder, scale: _detection(folder, 1000, 80),
    ),
    "large": Case(
        "12 000 × 9000",
        lambda folder, scale: _textures(
            folder / "images",
            1,
            scaled(12_000, scale**0.5, 16),
            scaled(9000, scale**0.5, 12),
            "jpg",
        ),
        lambda folder, scale: _fidelity(folder),
    ),
    "small": Case(
        "16 images of 1×1",
        lambda folder, scale: _textures(folder / "images", 16, 1, 1),
        lambda folder, scale: _fidelity(folder, [1, 10, 100]),
    ),
}


def compute(name: str, folder: Path, scale: float) -> None:
    """Compute a case whose images are there.

    Raises:
        harness.errors.HarnessError: it cannot be, or an image failed.
    """
    import harness

    study = CASES[name].study(folder, scale)
    harness.evaluate(output=folder / "run", fail_fast=True, **study)


def tabulate(folder: Path) -> str:
    """The table of a computed case, with confidence intervals."""
    import harness

    return harness.open(folder / "run").table().to_csv()


@dataclass(frozen=True)
class Measured:
    """What a step took.

    Attributes:
        wall: seconds from its start to its end.
        cpu: seconds of all cores together.
        peak: the most memory it had at a time, GB.
    """

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:.0f} s | {self.cpu:.0f} s | {self.peak:.2f} GB"


def measured(step: str, name: str, folder: Path, scale: float) -> Measured:
    """What a step takes in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, __file__, name, "--step", step, "--folder", str(folder)]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--scale", str(scale)])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{name}: {step} ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(wall=time.monotonic() - began, cpu=cpu, peak=usage.ru_maxrss / 1e6)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="where images and runs stay")
    parser.add_argument("--step", choices=["make", "compute", "table"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    if arguments.step:
        [name] = arguments.cases
        if arguments.step == "make":
            CASES[name].make(arguments.folder, arguments.scale)
        elif arguments.step == "compute":
            compute(name, arguments.folder, arguments.scale)
        else:
            tabulate(arguments.folder)
        return
    print(f"{HEAD}\n{'|---' * HEAD.count(' | ')}|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="load-") as temporary:
        for name in arguments.cases or CASES:
            folder = (arguments.folder or Path(temporary)) / name
            if not folder.exists():
                measured("make", name, folder, arguments.scale)
            computed = measured("compute", name, folder, arguments.scale)
            table = measured("table", name, folder, arguments.scale)
            print(f"| `{name}` | {CASES[name].what} | {computed} | {table} |", flush=True)


if __name__ == "__main__":
    main()
