"""torchvision's Faster R-CNNs for COCO, as its weights' authors evaluated them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.errors import UserError
from harness.plugins import RGB, Detections, Detector
from tasks.classes import COCO, COCO_IDS
from tasks.weights.published import PublishedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

ARCHITECTURE = "1"
"""Bumped whenever the same weights could predict something else."""

_OUTPUTS = 91  # the background and COCO's ids 1..90, ten of which are nothing
_HEAD = "roi_heads.box_predictor.cls_score.weight"


class TorchvisionDetector(PublishedModel[Detections], Detector):
    """A detector of torchvision's model zoo, fp32, batch 1, with the preprocessing of its weights.

    Nothing is dropped that torchvision itself keeps: its score threshold and its 100 boxes an
    image are the model's own. Only its outputs for ids that COCO does not use are no class, and
    are left out; COCO's evaluation takes no notice of them either.

    Args:
        weights: a state dict of the same architecture and outputs; the published ones by default.
    """

    classes = COCO
    frozen: ClassVar[float | None] = 1e-5
    """The epsilon of the frozen batch normalisation with which torchvision runs pretrained
    weights; None: it runs them with ordinary batch normalisation."""

    _module: nn.Module | None = None
    _transform: Callable[[Tensor], Tensor]

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, the architecture and torchvision's version.

        Raises:
            UserError: the weights are missing or are not the file their card describes.
        """
        from importlib.metadata import version

        return {
            "weights": self._sha256,
            "architecture": f"{type(self).name}-{ARCHITECTURE}",
            "library": f"torchvision {version('torchvision')}",
            "precision": "fp32",
        }

    def place(self, device: str) -> str:
        """See `VisionModel.place`."""
        self._device = device
        if self._module is not None:
            self._module.to(device)
        return device

    def prepare(self) -> None:
        """Build the network and load its weights, once.

        Raises:
            UserError: they are missing, are not the file their card describes, or do not fit.
        """
        if self._module is None:
            from torchvision.models import get_model_weights

            from tasks.detection.models.network import settle
            from tasks.weights.torch_files import fill, named_as, read_state_dict

            weights = named_as(read_state_dict(self._file), lambda names: _HEAD in names)
            _check_outputs(weights, self._file, type(self).name)
            module = _built(type(self).name, self.frozen)
            fill(module, weights, self._file, type(self).name)
            settle(module)
            self._transform = get_model_weights(type(self).name).COCO_V1.transforms()
            self._module = module.to(self._device)

    def predict(self, image: RGB) -> Detections:
        """Boxes, scores and labels (1..80) of an RGB image, (height, width, 3) uint8.

        Raises:
            UserError: see `prepare`.
        """
        import numpy as np
        import torch

        self.prepare()
        assert self._module is not None
        # Channels last in memory, as torchvision makes tensors of Pillow's images.
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        with torch.inference_mode():
            answer = self._module([self._transform(tensor).to(self._device)])[0]
        places = np.zeros(_OUTPUTS, np.int64)
        places[list(COCO_IDS)] = np.arange(1, len(COCO_IDS) + 1)
        labels = places[answer["labels"].cpu().numpy()]
        kept = labels > 0
        return Detections(
            boxes=answer["boxes"].cpu().numpy().astype(np.float32)[kept],
            scores=answer["scores"].cpu().numpy().astype(np.float32)[kept],
            labels=labels[kept],
        )


class FasterRCNNResNet50FPN(TorchvisionDetector):
    """Faster R-CNN, ResNet-50-FPN (Ren et al. 2015; Lin et al. 2017), 37.0 mAP on COCO val2017."""

    name = "fasterrcnn_resnet50_fpn"
    frozen: ClassVar[float | None] = 0.0  # torchvision's overwrite_eps, for these weights alone


class FasterRCNNResNet50FPNV2(TorchvisionDetector):
    """Faster R-CNN, ResNet-50-FPN, the recipe of Li et al. 2021, 46.7 mAP on COCO val2017."""

    name = "fasterrcnn_resnet50_fpn_v2"
    frozen: ClassVar[float | None] = None


class FasterRCNNMobileNet(TorchvisionDetector):
    """Faster R-CNN, MobileNetV3-Large-FPN, 32.8 mAP on COCO val2017."""

    name = "fasterrcnn_mobilenet_v3_large_fpn"


class FasterRCNNMobileNet320(TorchvisionDetector):
    """Faster R-CNN, MobileNetV3-Large-FPN, images of 320 pixels, 22.8 mAP on COCO val2017."""

    name = "fasterrcnn_mobilenet_v3_large_320_fpn"


def _check_outputs(weights: dict[str, Tensor], path: Path, name: str) -> None:
    head = weights.get(_HEAD)
    if head is not None and len(head) != _OUTPUTS:
        raise UserError(
            f"The weights {path} are for {len(head) - 1} classes; {name} has COCO's "
            f"{_OUTPUTS - 1} ids. Save a detector of other classes as TorchScript or ONNX, and "
            "name them in a card."
        )


def _built(name: str, frozen: float | None) -> nn.Module:
    """The network as torchvision builds it for ``weights=...COCO_V1``, without any weights."""
    from torchvision.models import get_model

    module: nn.Module = get_model(name, weights=None, weights_backbone=None)
    if frozen is not None:
        _freeze(module, frozen)
    return module


def _freeze(module: nn.Module, eps: float) -> None:
    # Built without weights, torchvision puts ordinary batch normalisation where pretrained
    # weights get a frozen one, which rounds otherwise and may have another epsilon.
    from torch import nn
    from torchvision.ops import FrozenBatchNorm2d

    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, FrozenBatchNorm2d(child.num_features, eps=eps))
        else:
            _freeze(child, eps)
