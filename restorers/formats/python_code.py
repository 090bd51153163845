"""A network or a function in a Python file of the user's: ``net.py:MyNet@weights.pth``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from harness.assets.prefixes import prefix_hint, unwrapped
from harness.assets.programs import check_named_code, python_spec
from harness.errors import UserError
from harness.plugins import Restorer
from restorers.checkpoints.sources import readable_sha256
from restorers.formats.base import Loaded, NetworkFile, padded, short
from restorers.formats.python_import import (
    CodeFiles,
    executed,
    importing,
    is_image_function,
    made,
    named,
    source_hashes,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

MULTIPLE, WHITE, CHANNELS = "MULTIPLE", "WHITE", "CHANNELS"
"""What the file may say of its networks, as module constants: see `PythonCode`."""


class PythonCode(NetworkFile):
    """``FILE.py``, ``FILE.py:NAME`` or ``FILE.py:NAME@WEIGHTS``.

    ``NAME`` is a `torch.nn.Module` class that is made without arguments, or a function without
    arguments that returns a module: the module takes (1, 3, H, W) float32 RGB in 0..1 and gives
    back the same, or a tuple that begins with it. Or it is a function of one (H, W, 3) uint8 RGB
    image that returns the same. It may be left out where the file has one module class.

    The file may set ``MULTIPLE = 8`` (images are padded to multiples of so many pixels, and
    cropped again), ``WHITE = 255`` (what white is to the module) and ``CHANNELS = 1`` (it restores
    luma).
    """

    kind: ClassVar[str] = "python"
    library: ClassVar[str] = "torch"

    def __init__(self, path: Path, tile: int | None = None) -> None:
        super().__init__(path, tile)
        said = python_spec(str(path))
        assert said is not None  # `accepts` says so
        self._spec = CodeFiles(
            file=Path(said.file),
            name=said.name,
            weights=Path(said.weights).expanduser() if said.weights else None,
        )
        self.path, self.name = self._spec.file, said.label
        self._sources: dict[str, str] | None = None

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether it names a Python file, with or without what stands behind it."""
        return python_spec(str(path)) is not None

    @classmethod
    def open(cls, path: Path, *, nearest_qf: bool = False, tile: int | None = None) -> Restorer:
        """See `NetworkFile`; runs nothing.

        Raises:
            UserError: there is no such file, or it is code that nobody named on the command line.
        """
        restorer = cls(path, tile)
        for file in (restorer._spec.file, restorer._spec.weights):
            if file is not None and not file.is_file():
                raise UserError(
                    f"There is no file {file}. A network in Python is named "
                    "FILE.py:CLASS@WEIGHTS, the weights being left out where there are none."
                )
        check_named_code(restorer._spec.file)
        return restorer

    def fingerprint(self, qf: int) -> dict[str, str]:
        """See `NetworkFile`; with the sha256 of the code, of what it imports from its folder too.

        Raises:
            UserError: the code fails.
        """
        self.prepare(qf)
        weights = self._spec.weights
        parts = super().fingerprint(qf)
        parts["weights"] = "none" if weights is None else readable_sha256(weights)
        parts["function"] = self._spec.name
        assert self._sources is not None
        return parts | {f"code {name}": sha256 for name, sha256 in self._sources.items()}

    def load(self) -> Loaded:
        """See `NetworkFile`: run the file, make the network, fill in its weights."""
        spec = self._spec
        with importing(spec.file.resolve().parent):
            module = executed(spec.file)
            thing = named(module, spec)
            self._sources = source_hashes(spec.file)
            if is_image_function(thing):
                if spec.weights is not None:
                    raise UserError(f"{spec.file}:{spec.name} is a function and takes no weights.")
                return Loaded(_on_pixels(thing), multiple=1, whole=True)
            network = made(thing, spec)
        if spec.weights is not None:
            _fill(network, spec)
        multiple, white, channels = (
            _constant(module, spec.file, name, 1) for name in (MULTIPLE, WHITE, CHANNELS)
        )
        network = network.eval().float().to(self._device)
        return Loaded(_on_grid(network, multiple, white), channels, max(8, multiple))


def _fill(network: nn.Module, spec: CodeFiles) -> None:
    """Load the weights, behind whatever prefixes, all of them.

    Raises:
        UserError: they are another network's; with the first names that differ.
    """
    from restorers.checkpoints.state_dict import read_state_dict

    assert spec.weights is not None
    held = read_state_dict(spec.weights)
    wanted = network.state_dict()
    tensors = unwrapped(held, lambda some: some.keys() == wanted.keys())
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        missing = sorted(wanted.keys() - tensors.keys())
        unknown = sorted(tensors.keys() - wanted.keys())
        raise UserError(
            f"{spec.weights} does not fit {spec.file}:{spec.name}: "
            f"{_differences(missing, unknown) or short(error)}.{prefix_hint(held)}"
        ) from error


def _differences(missing: list[str], unknown: list[str]) -> str:
    said = []
    for what, names in (("it lacks", missing), ("it has besides", unknown)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            said.append(f"{what} {', '.join(names[:3])}{more}")
    return "; ".join(said)


def _constant(module: ModuleType, file: Path, name: str, default: int) -> int:
    """A number that the file says of its network.

    Raises:
        UserError: it is none of 1, 2, 3, ...
    """
    value = getattr(module, name, default)
    allowed = {WHITE: (1, 255), CHANNELS: (1, 3)}.get(name)
    if name == CHANNELS and not hasattr(module, name):
        return 3
    whole = isinstance(value, int | float) and value == int(value) and value >= 1
    if not whole or (allowed is not None and value not in allowed):
        listed = " or ".join(map(str, allowed)) if allowed else "a whole number of pixels"
        raise UserError(f"{file} says {name} = {value!r}: it is {listed}.")
    return int(value)


def _on_grid(network: nn.Module, multiple: int, white: int) -> Callable[[Tensor], Tensor]:
    """The network on images that are padded to its grid, white being what it takes for white."""

    def apply(image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        bottom, right = -height % multiple, -width % multiple
        given = padded(image, height + bottom, width + right) if bottom or right else image
        restored = network(given * white if white != 1 else given)
        first: Any = restored[0] if isinstance(restored, tuple | list) and restored else restored
        if not hasattr(first, "shape"):
            raise TypeError(f"it gives back {type(first).__name__}, which is no tensor")
        if first.shape == given.shape:
            first = first[:, :, :height, :width]
        cropped: Tensor = first / white if white != 1 else first
        return cropped

    return apply


def _on_pixels(function: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    """A function of uint8 pixels as one of a tensor in 0..1; both hold the same 256 levels."""

    def apply(image: Tensor) -> Tensor:
        import numpy as np
        import torch

        pixels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        restored = function(np.ascontiguousarray(pixels))
        if not isinstance(restored, np.ndarray) or restored.dtype != np.uint8:
            kind = restored.dtype if isinstance(restored, np.ndarray) else type(restored).__name__
            raise TypeError(f"it gives back {kind}: it must be a uint8 RGB array of the same size")
        if restored.shape != pixels.shape:
            raise ValueError(f"it gives back {restored.shape} for an image of {pixels.shape}")
        levels = torch.from_numpy(np.ascontiguousarray(restored)).permute(2, 0, 1)[None]
        return levels.to(image.device).float() / 255

    return apply
