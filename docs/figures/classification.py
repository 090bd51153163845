"""Draw docs/images/classification.png: a picture a class, what JPEG does, what is answered.

Usage: python docs/figures/classification.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from harness.images.io import read_image
from harness.images.jpeg import Jpeg
from tasks.classification.models.embedded import MobileNetScenes
from tasks.classification.scenes_things import ScenesThings

QF = 10
SIDE = 96
RIGHT, WRONG = "#0072B2", "#D55E00"  # told apart with any colour vision


def main() -> None:
    """Write docs/images/classification.png."""
    things, model = ScenesThings(), MobileNetScenes()
    sides = things.sides()
    first = {}
    for image in things.images():
        if sides[image.id] == SIDE:
            first.setdefault(things.label(image.id), image)
    figure, grid = plt.subplots(2, len(things.classes), figsize=(13, 3.1))
    for label, name in enumerate(things.classes):
        pixels = read_image(first[label].path)
        for row, shown in enumerate((pixels, Jpeg().compress(pixels, QF).pixels)):
            answer = int(np.argmax(model.predict(shown)))
            axes = grid[row][label]
            axes.imshow(shown)
            axes.axis("off")
            colour = RIGHT if answer == label else WRONG
            axes.set_title(things.classes[answer], fontsize=9, color=colour, pad=3)
        grid[1][label].text(
            0.5, -0.13, name, ha="center", fontsize=9, transform=grid[1][label].transAxes
        )
    figure.tight_layout(pad=0.4)
    figure.savefig(Path(__file__).parents[1] / "images" / "classification.png", dpi=90)


if __name__ == "__main__":
    main()
