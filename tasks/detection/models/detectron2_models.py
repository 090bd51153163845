"""detectron2's Faster R-CNNs for COCO, and any detector in a config of detectron2.

detectron2 is optional: it is imported when one of these models is asked for, and only then.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets.cards import checked_file
from harness.errors import UserError
from harness.plugins import Detections, VisionModel, VisionModelFormat
from tasks.classes import COCO
from tasks.detection.models.detectron2_base import Detectron2Model
from tasks.detection.models.detectron2_weights import check_md5, weights_file
from tasks.weights.published import PublishedModel

if TYPE_CHECKING:
    from detectron2.config import CfgNode

_READ = 1 << 20  # characters; a config is told by its top level


class ZooModel(PublishedModel[Detections], Detectron2Model):
    """A model of detectron2's model zoo, ``COCO-Detection/<name>``."""

    classes = COCO

    @classmethod
    def _named(cls, variant: str) -> Path:
        return weights_file(cls.name, variant)

    def _published(self) -> Path:
        card, path = checked_file(self.cards()[0])
        check_md5(path, card)
        return path

    def _config(self) -> CfgNode:
        from tasks.detection.models.detectron2_library import zoo_config

        return zoo_config(type(self).name)


class R50C4(ZooModel):
    """Faster R-CNN, ResNet-50-C4, 1x schedule, 35.7 mAP on COCO val2017."""

    name = "faster_rcnn_R_50_C4_1x"


class R50C4Long(ZooModel):
    """Faster R-CNN, ResNet-50-C4, 3x schedule, 38.4 mAP on COCO val2017."""

    name = "faster_rcnn_R_50_C4_3x"


class R50DC5(ZooModel):
    """Faster R-CNN, ResNet-50 with dilated conv5, 1x schedule, 37.3 mAP on COCO val2017."""

    name = "faster_rcnn_R_50_DC5_1x"


class R50FPN(ZooModel):
    """Faster R-CNN, ResNet-50-FPN, 1x schedule, 37.9 mAP on COCO val2017."""

    name = "faster_rcnn_R_50_FPN_1x"


class R50FPNLong(ZooModel):
    """Faster R-CNN, ResNet-50-FPN, 3x schedule, 40.2 mAP on COCO val2017."""

    name = "faster_rcnn_R_50_FPN_3x"


class R101FPN(ZooModel):
    """Faster R-CNN, ResNet-101-FPN, 3x schedule, 42.0 mAP on COCO val2017."""

    name = "faster_rcnn_R_101_FPN_3x"


class X101FPN(ZooModel):
    """Faster R-CNN, ResNeXt-101-32x8d-FPN, 3x schedule, 43.0 mAP on COCO val2017."""

    name = "faster_rcnn_X_101_32x8d_FPN_3x"


class Detectron2File(Detectron2Model, VisionModelFormat):
    """Any detector of detectron2: ``CONFIG.yaml:WEIGHTS``.

    Args:
        config: a YAML config of detectron2 itself.
        weights: a file for detectron2's checkpointer.

    Raises:
        UserError: detectron2 is missing, the config is none, or its classes have no names.
    """

    def __init__(self, config: Path, weights: Path) -> None:
        from tasks.detection.models import detectron2_library as library

        super().__init__(weights)
        library.need()
        self._path = config
        self.classes = library.class_names(self._config(), config)
        self.name = f"{config.stem}:{weights.stem}"

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether ``path`` is a YAML file with ``MODEL`` or ``_BASE_`` at its top level."""
        if path.suffix.lower() not in (".yaml", ".yml") or not path.is_file():
            return False
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                return bool(re.search(r"^(MODEL|_BASE_)\s*:", file.read(_READ), re.MULTILINE))
        except OSError:
            return False

    @classmethod
    def open(cls, path: Path, variant: str | None = None) -> VisionModel:
        """The detector of the config ``path`` with the weights in the file ``variant``.

        Raises:
            UserError: no weights are named, or see the class.
        """
        if not variant:
            raise UserError(f"{path} is a config of detectron2: name its weights, {path}:WEIGHTS.")
        return cls(path, weights_file(str(path), variant))

    def fingerprint(self) -> dict[str, str]:
        """That of every model of detectron2, and the sha256 of the class names in their order.

        Raises:
            UserError: detectron2 or the weights are missing.
        """
        names = "\n".join(self.classes).encode()
        return {**super().fingerprint(), "classes": hashlib.sha256(names).hexdigest()}

    def _config(self) -> CfgNode:
        from tasks.detection.models.detectron2_library import file_config

        return file_config(self._path)
