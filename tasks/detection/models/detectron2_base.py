"""A vision model that detectron2's own predictor runs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from harness.plugins import RGB, Detections, Detector
from tasks.weights.published import WeightsModel

if TYPE_CHECKING:
    from detectron2.config import CfgNode
    from detectron2.engine import DefaultPredictor

ARCHITECTURE = "1"
"""Bumped whenever the same weights could predict something else."""


class Detectron2Model(WeightsModel[Detections], Detector):
    """A detector that detectron2's own `DefaultPredictor` runs: BGR, its resize, its threshold.

    Args:
        weights: a file for detectron2's checkpointer; the published one by default.
    """

    _predictor: DefaultPredictor | None = None

    def _config(self) -> CfgNode:
        """detectron2's config of the network."""
        raise NotImplementedError

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, that of the whole config, and detectron2's version.

        Raises:
            UserError: detectron2 or the weights are missing, or these are other weights.
        """
        from importlib.metadata import version

        from tasks.detection.models.detectron2_library import need

        detectron2 = need()
        config = self._config()
        config.MODEL.WEIGHTS = ""  # a path, the same file wherever it lies
        return {
            "weights": self._sha256,
            "architecture": f"detectron2-{ARCHITECTURE}",
            # Not its YAML: that writes equal lists once or twice, as they came about.
            "config": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
            # Its non-maximum suppression is torchvision's.
            "library": f"detectron2 {detectron2}, torchvision {version('torchvision')}",
            "precision": "fp32",
        }

    def place(self, device: str) -> str:
        """See `VisionModel.place`."""
        if device != self._device:  # the predictor has it in its config
            self._device, self._predictor = device, None
        return device

    def prepare(self) -> None:
        """Build the network and load its weights, once.

        Raises:
            UserError: detectron2 or the weights are missing, or these are other weights.
        """
        if self._predictor is None:
            from tasks.detection.models import detectron2_library as library

            library.need()
            published = self._own is None
            self._predictor = library.predictor(self._config(), self._file, published, self._device)

    def predict(self, image: RGB) -> Detections:
        """Boxes, scores and labels (from 1) of an RGB image, (height, width, 3) uint8.

        Raises:
            UserError: see `prepare`.
        """
        import numpy as np

        self.prepare()
        assert self._predictor is not None
        instances = self._predictor(np.ascontiguousarray(image[..., ::-1]))["instances"].to("cpu")
        return Detections(
            boxes=instances.pred_boxes.tensor.numpy().astype(np.float32),
            scores=instances.scores.numpy().astype(np.float32),
            labels=instances.pred_classes.numpy().astype(np.int64) + 1,
        )
