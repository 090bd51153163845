"""State dicts of the networks that spandrel knows, recognised by the names of their weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.assets.prefixes import prefix_hint, unwrapped
from harness.assets.programs import is_torchscript
from harness.errors import UserError
from harness.plugins import Restorer
from restorers.checkpoints.format import read_header
from restorers.checkpoints.sources import OneFile
from restorers.formats.base import Loaded, NetworkFile, short

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor, ModelDescriptor
    from torch import Tensor, nn

    from restorers.architectures.fbcnn import FBCNN
    from restorers.architectures.ipt import IPT
    from restorers.architectures.swinir import SwinIR

SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


class Spandrel(NetworkFile):
    """Weights of any network for restoration that spandrel builds from a state dict.

    FBCNN, SwinIR and IPT run as this project's restorers of these names run them: FBCNN's predicted
    QF is kept, SwinIR is padded as its authors do, IPT restores overlapping patches.
    """

    kind: ClassVar[str] = "spandrel"
    library: ClassVar[str] = "spandrel"

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the file may be a state dict, and not one of ours or a TorchScript archive."""
        suffix = path.suffix.lower()
        if suffix == ".safetensors":
            return read_header(path) is None
        return suffix in SUFFIXES and not is_torchscript(path)

    @classmethod
    def open(cls, path: Path, *, nearest_qf: bool = False, tile: int | None = None) -> Restorer:
        """See `NetworkFile`; reads the names of the weights.

        Raises:
            UserError: the file is damaged, or of no network that spandrel knows.
        """
        tensors = _known_tensors(path)
        own = _own(_architecture(path, tensors), tensors)
        if own is None:
            return cls(path, tile)
        restorer = own(OneFile(path), tile=tile)
        restorer.name = path.stem
        restorer.multi_model = False
        restorer.year = cls.year
        return restorer

    def load(self) -> Loaded:
        """See `NetworkFile`."""
        from spandrel import ImageModelDescriptor, ModelLoader

        tensors = _known_tensors(self.path)
        try:
            model = ModelLoader(self._device).load_from_state_dict(tensors)
        except Exception as error:  # each of its networks fails in its own way
            raise UserError(
                f"{self.path} looks like weights of {_architecture(self.path, tensors)}, but "
                f"spandrel cannot build that network from them: {short(error)}."
            ) from error
        _check(self.path, model)
        assert isinstance(model, ImageModelDescriptor)
        model.eval()
        return _loaded(model)


def _loaded(model: ImageModelDescriptor[nn.Module]) -> Loaded:
    """How a network is run; spandrel itself pads to what its size requires, and crops."""
    from spandrel import ModelTiling

    apply: Callable[[Tensor], Tensor] = model
    multiple = model.size_requirements.multiple_of
    if model.architecture.id == "SwinIR":
        from restorers.architectures.swinir.network import restore

        apply, multiple = partial(restore, model.model), int(model.model.window_size)
    return Loaded(
        apply,
        channels=model.input_channels,
        multiple=math.lcm(8, multiple),
        whole=model.tiling is ModelTiling.INTERNAL,
    )


def _known_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, without the prefixes behind which spandrel would not know them."""
    from restorers.checkpoints.state_dict import read_state_dict

    return unwrapped(read_state_dict(path), lambda tensors: _detected(tensors) is not None)


def _detected(tensors: dict[str, Tensor]) -> str | None:
    """The name of the network that weights are of, as spandrel has it; None: it knows none."""
    from spandrel import MAIN_REGISTRY

    for support in MAIN_REGISTRY.architectures("detection"):
        if support.detect(tensors):
            return str(support.architecture.id)
    return None


def _architecture(path: Path, tensors: dict[str, Tensor]) -> str:
    """The name of the network that weights are of, as spandrel has it.

    Raises:
        UserError: it knows none.
    """
    from spandrel import __version__

    detected = _detected(tensors)
    if detected is not None:
        return detected
    raise UserError(
        f"{path} holds weights of no network that spandrel {__version__} knows. If it is made for "
        f"a restorer here, name that, as in fbcnn:{path.name}; otherwise export the network as "
        f"TorchScript or ONNX.{prefix_hint(tensors)}"
    )


def _own(
    architecture: str, tensors: dict[str, Tensor]
) -> type[FBCNN] | type[IPT] | type[SwinIR] | None:
    """The restorer of this project for weights; None: it has none for that variant of the network.

    Raises:
        UserError: the weights are of an IPT for other tasks.
    """
    from restorers.architectures.fbcnn import FBCNN, FBCNNConfig
    from restorers.architectures.ipt import IPT, IPTConfig
    from restorers.architectures.swinir import SwinIR, SwinIRConfig

    restorer: type[FBCNN] | type[IPT] | type[SwinIR]
    try:
        if architecture == "FBCNN":
            restorer, _ = FBCNN, FBCNNConfig.from_tensors(tensors)
        elif architecture == "IPT":
            restorer, _ = IPT, IPTConfig.from_tensors(tensors)
        elif architecture == "SwinIR":
            restorer, _ = SwinIR, SwinIRConfig.from_tensors(tensors)
        else:
            return None
    except ValueError:
        return None
    return restorer


def _check(path: Path, model: ModelDescriptor[nn.Module]) -> None:
    """Refuse networks that do not restore an image at its own size."""
    from spandrel import ImageModelDescriptor

    name = model.architecture.name
    if not isinstance(model, ImageModelDescriptor):
        raise UserError(f"{path} is a {name} that fills in masked parts: it restores no images.")
    if model.scale != 1:
        raise UserError(
            f"{path} is a {name} for {model.scale}× super-resolution: its images are larger than "
            "the original. Give a network that keeps the size."
        )
    channels = model.input_channels, model.output_channels
    if channels not in ((1, 1), (3, 3)):
        raise UserError(
            f"{path} is a {name} that makes {channels[1]} channels of {channels[0]}: "
            "give one from RGB to RGB, or from luma to luma."
        )
