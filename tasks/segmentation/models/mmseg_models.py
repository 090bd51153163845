"""mmsegmentation: its PSPNets for PASCAL VOC, and any of its configs with a checkpoint."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from harness.errors import UserError
from harness.plugins import VisionModel, VisionModelFormat
from tasks.segmentation.models.segmenter import (
    ARCHITECTURE,
    CHECKPOINT,
    LibrarySegmenter,
    PublishedSegmenter,
    SegmentationNetwork,
)
from tasks.weights.published import weights_file


class MMSegmenter(LibrarySegmenter):
    """A segmenter of mmsegmentation's, with its own test pipeline and inference."""

    libraries: ClassVar[tuple[str, ...]] = ("onedl-mmsegmentation", "onedl-mmcv", "onedl-mmengine")

    def fingerprint(self) -> dict[str, str]:
        """As of `LibrarySegmenter`, and who resizes the images."""
        import cv2

        return {**super().fingerprint(), "resize": f"OpenCV {cv2.__version__}"}


class MMSegPSPNet(MMSegmenter, PublishedSegmenter):
    """PSPNet (Zhao et al. 2017) as mmsegmentation trained it on VOC 2012 with augmentation.

    mmsegmentation's own config, network, test pipeline and inference: the image is resized into
    2048×512 pixels, goes through the network whole, and the logits are resized to its own size.
    """

    config: ClassVar[str]
    """File name of the config in mmsegmentation."""

    def _build(self, weights: Path) -> SegmentationNetwork:
        from tasks.segmentation.models.mmseg_network import MMSegNetwork, read_config

        config = read_config(_in_wheel(f"pspnet/{self.config}"))
        return MMSegNetwork(config, weights, type(self).name, any_classes=True)


class PSPNetR50Short(MMSegPSPNet):
    """PSPNet, ResNet-50, 20 000 iterations: 76.78 mIoU on VOC 2012 val."""

    name = "pspnet_r50-d8_20k_voc12aug"
    config: ClassVar[str] = "pspnet_r50-d8_4xb4-20k_voc12aug-512x512.py"


class PSPNetR101Short(MMSegPSPNet):
    """PSPNet, ResNet-101, 20 000 iterations: 78.47 mIoU on VOC 2012 val."""

    name = "pspnet_r101-d8_20k_voc12aug"
    config: ClassVar[str] = "pspnet_r101-d8_4xb4-20k_voc12aug-512x512.py"


class PSPNetR50(MMSegPSPNet):
    """PSPNet, ResNet-50, 40 000 iterations: 77.29 mIoU on VOC 2012 val."""

    name = "pspnet_r50-d8_40k_voc12aug"
    config: ClassVar[str] = "pspnet_r50-d8_4xb4-40k_voc12aug-512x512.py"


class PSPNetR101(MMSegPSPNet):
    """PSPNet, ResNet-101, 40 000 iterations: 78.52 mIoU on VOC 2012 val."""

    name = "pspnet_r101-d8_40k_voc12aug"
    config: ClassVar[str] = "pspnet_r101-d8_4xb4-40k_voc12aug-512x512.py"


class MMSegFile(MMSegmenter, VisionModelFormat):
    """Any mmsegmentation config with a checkpoint: ``CONFIG.py:CHECKPOINT.pth``.

    Test pipeline, inference mode (whole or sliding) and classes are what config and checkpoint
    say. **A config is Python code, and reading it runs it**: name only files you trust. The
    checkpoint is read as data.

    Args:
        config: a config file, yours or one that comes with mmsegmentation.
        weights: a checkpoint of that network.
    """

    def __init__(self, config: Path, weights: Path) -> None:
        super().__init__(weights)
        self.name = f"{config.stem}:{weights.stem}"
        self._config = config

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether it is a Python file."""
        return path.suffix.lower() == ".py"

    @classmethod
    def open(cls, path: Path, variant: str | None = None) -> VisionModel:
        """The model of a config and a checkpoint.

        Args:
            path: of a config file, or the name of one that comes with mmsegmentation.
            variant: path of the checkpoint.

        Raises:
            UserError: one of them is missing.
        """
        config = path if path.is_file() else _in_wheel(path.name)
        if variant is None:
            raise UserError(
                f"{path} is a config without weights: name its checkpoint behind a colon, "
                f"{path}:CHECKPOINT.pth."
            )
        return cls(config, weights_file(path.name, variant, CHECKPOINT))

    def _architecture(self) -> str:
        from tasks.segmentation.models.mmseg_network import config_sha256, read_config

        # Of what the config says of network and pipeline: training changes no prediction.
        return f"mmseg-{ARCHITECTURE} {config_sha256(read_config(self._config))}"

    def _build(self, weights: Path) -> SegmentationNetwork:
        from tasks.segmentation.models.mmseg_network import MMSegNetwork, read_config

        return MMSegNetwork(read_config(self._config), weights, self._config.name)


def _in_wheel(name: str) -> Path:
    """A config that comes with mmsegmentation, by ``file.py`` or ``folder/file.py``.

    Raises:
        UserError: there is none, or no mmsegmentation.
    """
    spec = find_spec("mmseg")
    if spec is None or spec.origin is None:
        raise UserError("mmsegmentation is not installed: pip install onedl-mmsegmentation.")
    folder = Path(spec.origin).parent / ".mim" / "configs"
    configs = [path for path in folder.rglob("*.py") if path.as_posix().endswith(f"/{name}")]
    if not configs:
        raise UserError(
            f"There is no file {name}, nor does a config of that name come with mmsegmentation "
            f"(they are in {folder})."
        )
    return configs[0]
