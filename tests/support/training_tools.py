"""What the tests of training share: pictures that a tiny network can learn from, and recipes."""

import csv

import numpy as np
from PIL import Image

TINY = {
    "widths": [4, 8, 8, 8],
    "blocks": 1,
    "encoder_width": 2,
    "encoder_depths": [1, 1, 1, 1],
    "guider": [8, 6],
}


def tinted(seed, height=96, width=96):
    """Smooth waves of one weak tint, which JPEG of a low quality takes away: easy to give back."""
    a, b, c = np.random.default_rng(seed).uniform(-6, 6, 3)
    y, x = np.mgrid[:height, :width] / 96
    grey = 128 + 60 * np.sin(a * x + b * y + c)
    return (grey[..., None] + [8, -4, -9]).clip(0, 255).astype(np.uint8)


def noise(seed, height, width):
    """No two patches of it are the same."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(folder, images):
    """The images as PNG files in a folder made for them."""
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index}.png")
    return folder


def common(images, **changes):
    """What every recipe of the tests says."""
    return {
        "name": "tiny",
        "qf": [5, 8],
        "seed": 1,
        "precision": "32-true",
        "accelerator": "cpu",
        "save_every": 5,
        "validate_every": 10,
        "images": [{"path": str(images)}],
        "validation": {"path": str(images), "limit": 1},
        "storage": "float32",
        **changes,
    }


def stage(steps, **changes):
    """A stage of a few steps."""
    return {
        "steps": steps, "batch_size": 4, "patch_size": 32, "lr": 0.01, "warm_up": 5,
        "decay": steps, **changes,
    }  # fmt: skip


def log(folder):
    """The rows of a training's log without their times."""
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: float(row[key]) for key in row if key != "seconds_per_step"} for row in rows]


class Interrupt:
    """Receives a training's progress lines, and interrupts it at the line that has ``at``."""

    def __init__(self, at=None):
        self.at, self.lines = at, []

    def __call__(self, line):
        self.lines.append(line)
        if self.at is not None and self.at in line:
            raise KeyboardInterrupt
