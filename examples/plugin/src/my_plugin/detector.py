"""A vision model: an RGB image in, boxes out."""

from __future__ import annotations

import cv2
import numpy as np

from harness.plugins import RGB, Detections, Detector


class Blobs(Detector):
    """Boxes around what stands out from the blurred image: no detector, but a complete one."""

    name = "blobs"
    # Matched with the data set's classes by name; labels count them from 1.
    classes = ("person", "car")

    def __init__(self, contrast: int = 40, smallest: int = 60) -> None:
        self.contrast, self.smallest = contrast, smallest

    def fingerprint(self) -> dict[str, str]:
        """Everything that can change a prediction; of a network, its weights' sha256 too."""
        return {"name": self.name, "version": "1", "contrast": str(self.contrast)}

    def predict(self, image: RGB) -> Detections:
        """The boxes, in pixels of ``image``. Called from several threads at once."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        contrast = cv2.absdiff(grey, cv2.blur(grey, (41, 41)))
        mask = (contrast > self.contrast).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(mask)
        found = found[1:]  # the first is the background
        found = found[found[:, cv2.CC_STAT_AREA] >= self.smallest].astype(np.float32)
        boxes = found[:, :4].copy()
        boxes[:, 2:] += boxes[:, :2]  # x, y, width, height to x1, y1, x2, y2
        areas = found[:, cv2.CC_STAT_AREA]
        return Detections(
            boxes=boxes,
            scores=areas / (areas.max() if len(areas) else 1),
            labels=np.where(boxes[:, 3] - boxes[:, 1] > boxes[:, 2] - boxes[:, 0], 1, 2),
        )
