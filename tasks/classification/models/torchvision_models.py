"""torchvision's ImageNet classifiers with the weights and the preprocessing it publishes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

from harness.plugins import RGB, Classifier, ClassScores
from tasks.classification.task import imagenet_classes
from tasks.weights.published import PublishedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor, nn


class Torchvision(PublishedModel[ClassScores], Classifier):
    """A classifier of `torchvision.models` on the 1000 classes of ILSVRC 2012, fp32, batch 1.

    Images are resized, cropped in the middle and normalised by the ``transforms()`` of its weights.

    Args:
        weights: own weights of the same network, a state dict as ``.pth`` or ``.safetensors``;
            those of the card by default. Nothing is loaded before `prepare`.

    Attributes:
        weights: the member of torchvision's enumeration of the model's weights.
    """

    weights: ClassVar[str]

    _module: nn.Module | None = None
    _transforms: Callable[[Image.Image], Tensor]

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of ImageNet's 1000 classes."""
        return imagenet_classes()

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, the preset of the preprocessing, torchvision's version.

        Raises:
            UserError: the weights are missing, or are not the file their card describes.
        """
        return {
            "weights": self._sha256,
            "architecture": type(self).name,
            "preprocessing": f"{type(self).name} {self.weights}",
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
        """Build the network and load the weights, once.

        Raises:
            UserError: they are missing, cannot be read, are not the file their card describes, or
                do not fit the network.
        """
        if self._module is None:
            from torchvision.models import get_model, get_model_weights

            from tasks.weights.torch_files import fill, read_state_dict

            name = type(self).name
            module = get_model(name, weights=None)
            fill(module, read_state_dict(self._file), self._file, f"{name} with 1000 classes")
            self._transforms = get_model_weights(name)[self.weights].transforms()
            self._module = module.to(self._device)

    def predict(self, image: RGB) -> NDArray[np.float32]:
        """The softmax scores of the 1000 classes, (1000,) float32, of an (H, W, 3) uint8 RGB image.

        Raises:
            UserError: as `prepare`.
        """
        import torch
        from PIL import Image

        self.prepare()
        assert self._module is not None
        # As a PIL image, as in torchvision's own evaluation: it resizes tensors a little otherwise.
        tensor = self._transforms(Image.fromarray(image))
        with torch.inference_mode():
            scores = self._module(tensor[None].to(self._device))[0].softmax(0).cpu()
        found: NDArray[np.float32] = scores.numpy()
        return found


class ResNet18(Torchvision):
    """ResNet-18, IMAGENET1K_V1 (He et al. 2016), 11.7 M parameters."""

    name = "resnet18"
    weights = "IMAGENET1K_V1"


class ResNet50(Torchvision):
    """ResNet-50, IMAGENET1K_V2, torchvision's newer training (He et al. 2016), 25.6 M."""

    name = "resnet50"
    weights = "IMAGENET1K_V2"


class MobileNetV3Large(Torchvision):
    """MobileNetV3-Large, IMAGENET1K_V2, the newer training (Howard et al. 2019), 5.5 M."""

    name = "mobilenet_v3_large"
    weights = "IMAGENET1K_V2"


class EfficientNetB0(Torchvision):
    """EfficientNet-B0, IMAGENET1K_V1 (Tan and Le 2019), 5.3 M parameters."""

    name = "efficientnet_b0"
    weights = "IMAGENET1K_V1"


class ConvNeXtTiny(Torchvision):
    """ConvNeXt-Tiny, IMAGENET1K_V1 (Liu et al. 2022), 28.6 M parameters."""

    name = "convnext_tiny"
    weights = "IMAGENET1K_V1"


class ViTB16(Torchvision):
    """ViT-B/16, IMAGENET1K_V1 (Dosovitskiy et al. 2021), 86.6 M parameters."""

    name = "vit_b_16"
    weights = "IMAGENET1K_V1"
