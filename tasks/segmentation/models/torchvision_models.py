"""torchvision's segmenters, trained on COCO with PASCAL VOC's labels."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tasks.segmentation.models.segmenter import PublishedSegmenter, SegmentationNetwork


class TorchvisionSegmenter(PublishedSegmenter):
    """A segmenter of torchvision's model zoo with the preprocessing of its weights.

    The image is resized to a short side of 520 pixels by the transform that comes with the
    weights; the logits are resized to the image's own size, bilinearly, before the class is taken.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torchvision", "pillow")  # Pillow resizes
    head: ClassVar[str] = "classifier.4.weight"
    """The weights of the last layer, one row a class."""

    def _build(self, weights: Path) -> SegmentationNetwork:
        from tasks.segmentation.models.torchvision_network import TorchvisionNetwork

        return TorchvisionNetwork(type(self).name, weights, self.head)


class FCNResNet50(TorchvisionSegmenter):
    """FCN (Long et al. 2015), ResNet-50, 60.5 mIoU on COCO val2017 with VOC's labels."""

    name = "fcn_resnet50"


class FCNResNet101(TorchvisionSegmenter):
    """FCN (Long et al. 2015), ResNet-101, 63.7 mIoU on COCO val2017 with VOC's labels."""

    name = "fcn_resnet101"


class DeepLabV3ResNet50(TorchvisionSegmenter):
    """DeepLabv3 (Chen et al. 2017), ResNet-50, 66.4 mIoU on COCO val2017 with VOC's labels."""

    name = "deeplabv3_resnet50"


class DeepLabV3ResNet101(TorchvisionSegmenter):
    """DeepLabv3 (Chen et al. 2017), ResNet-101, 67.4 mIoU on COCO val2017 with VOC's labels."""

    name = "deeplabv3_resnet101"


class DeepLabV3MobileNet(TorchvisionSegmenter):
    """DeepLabv3 (Chen et al. 2017), MobileNetV3, 60.3 mIoU on COCO val2017 with VOC's labels."""

    name = "deeplabv3_mobilenet_v3_large"


class LRASPPMobileNet(TorchvisionSegmenter):
    """LR-ASPP (Howard et al. 2019), MobileNetV3, 57.9 mIoU on COCO val2017 with VOC's labels."""

    name = "lraspp_mobilenet_v3_large"
    head: ClassVar[str] = "classifier.low_classifier.weight"
