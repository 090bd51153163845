"""Draw docs/images/scenes.png: some evaluation scenes, their boxes and their masks.

Usage: python docs/figures/scenes.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from harness.images.io import read_image
from tasks.scenes.data_set import Scenes

SHOWN = (0, 1, 4, 5, 8, 14)
PALETTE = np.array([[0, 0, 0], *[plt.get_cmap("tab10")(i)[:3] for i in range(10)]])


def main() -> None:
    """Write docs/images/scenes.png."""
    scenes = Scenes()
    images = [scenes.images()[i] for i in SHOWN]
    truth = scenes.coco([image.id for image in images])
    figure, grid = plt.subplots(2, len(SHOWN), figsize=(13, 3.9))
    for column, image in enumerate(images):
        pixels = read_image(image.path)
        mask = scenes.mask(image.id)
        colours = PALETTE[np.where(mask == 255, 0, mask)]
        colours[mask == 255] = 1.0
        top, bottom = grid[0][column], grid[1][column]
        top.imshow(pixels)
        bottom.imshow(colours)
        number = next(i["id"] for i in truth["images"] if i["harness_id"] == image.id)
        for note in truth["annotations"]:
            if note["image_id"] == number:
                x, y, width, height = note["bbox"]
                colour = PALETTE[note["category_id"]]
                top.add_patch(
                    plt.Rectangle((x, y), width, height, fill=False, edgecolor=colour, lw=1.2)
                )
                # Inside the picture, also where the thing is cut by its border.
                middle = np.clip(x + width / 2, 26, pixels.shape[1] - 26)
                centre = np.clip(y + height / 2, 10, pixels.shape[0] - 10)
                bottom.text(
                    middle, centre, scenes.classes[note["category_id"] - 1],
                    ha="center", va="center", fontsize=5.5, color="white",
                    bbox={"facecolor": "black", "alpha": 0.45, "edgecolor": "none", "pad": 0.6},
                )  # fmt: skip
        top.axis("off")
        bottom.axis("off")
    figure.tight_layout(pad=0.4)
    figure.savefig(Path(__file__).parents[1] / "images" / "scenes.png", dpi=100)


if __name__ == "__main__":
    main()
