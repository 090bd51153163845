"""A network or a function in a Python file of the user's: ``net.py:MyNet@weights.pth``."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from harness.assets.prefixes import prefix_hint, unwrapped
from harness.assets.programs import check_named_code, python_spec
from harness.errors import PART_FAILURES, UserError
from harness.plugins import Restorer
from restorers.checkpoints.sources import readable_sha256
from restorers.formats.base import Loaded, NetworkFile, padded, short

if TYPE_CHECKING:
    from torch import Tensor, nn

MULTIPLE, WHITE, CHANNELS = "MULTIPLE", "WHITE", "CHANNELS"
"""What the file may say of its networks, as module constants: see `PythonCode`."""


class _Spec(NamedTuple):
    """As `PythonSpec` has it, with paths."""

    file: Path
    name: str
    weights: Path | None


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
        self._spec = _Spec(
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
        with _importing(spec.file.resolve().parent):
            module = _executed(spec.file)
            thing = _named(module, spec)
            self._sources = _sources(spec.file)
            if _is_image_function(thing):
                if spec.weights is not None:
                    raise UserError(f"{spec.file}:{spec.name} is a function and takes no weights.")
                return Loaded(_on_pixels(thing), multiple=1, whole=True)
            network = _made(thing, spec)
        if spec.weights is not None:
            _fill(network, spec)
        multiple, white, channels = (
            _constant(module, spec.file, name, 1) for name in (MULTIPLE, WHITE, CHANNELS)
        )
        return Loaded(_on_grid(network.eval().float(), multiple, white), channels, max(8, multiple))


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """The file's own folder comes first, as when Python runs it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def _executed(file: Path) -> ModuleType:
    """The file as a module, run anew.

    Raises:
        UserError: it fails; with the line.
    """
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    name = f"harness_user_code_{digest}"
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses and pickles look there
    try:
        found.loader.exec_module(module)
    except PART_FAILURES as error:
        sys.modules.pop(name, None)
        where = _line_of(error, file)
        raise UserError(
            f"{file} cannot be run{where}: {type(error).__name__}: {_one_line(error)}. Mend it, or "
            "install what it imports."
        ) from error
    return module


def _line_of(error: BaseException, file: Path) -> str:
    if isinstance(error, SyntaxError):
        return f" (line {error.lineno})"
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" (line {lines[-1]})" if lines else ""


def _one_line(error: BaseException) -> str:
    return short(error) if isinstance(error, Exception) else str(error)


def _sources(file: Path) -> dict[str, str]:
    """The sha256 of the file and of what was imported from below its folder, by relative path."""
    folder = file.resolve().parent
    files = {file.resolve()}
    for module in list(sys.modules.values()):
        # Not getattr: modules that import others when they are asked for something may fail to.
        source = vars(module).get("__file__") if isinstance(module, ModuleType) else None
        if isinstance(source, str) and source.endswith(".py"):
            path = Path(source)
            is_here = path.is_absolute() and path.resolve().is_relative_to(folder)
            if is_here and path.is_file() and "site-packages" not in path.parts:
                files.add(path.resolve())
    return {str(path.relative_to(folder)): readable_sha256(path) for path in sorted(files)}


def _named(module: ModuleType, spec: _Spec) -> Any:
    """What the user named; the file's only module class where nothing is named.

    Raises:
        UserError: there is no such thing.
    """
    from torch import nn

    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__ == module.__name__
    }
    if spec.name:
        if hasattr(module, spec.name):
            return getattr(module, spec.name)
        has = f"It has {', '.join(own)}." if own else "It has no torch module."
        raise UserError(f"{spec.file} has no '{spec.name}'. {has}")
    if len(own) != 1:
        what = f"several modules, {', '.join(own)}" if own else "no torch module"
        raise UserError(f"{spec.file} has {what}: say which, as {spec.file}:NAME.")
    return next(iter(own.values()))


def _is_image_function(thing: Any) -> bool:
    """Whether it is a function of an image: it needs an argument, and is no class."""
    if inspect.isclass(thing) or not callable(thing) or _is_module(thing):
        return False
    return any(
        parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in inspect.signature(thing).parameters.values()
    )


def _is_module(thing: object) -> bool:
    from torch import nn

    return isinstance(thing, nn.Module)


def _made(thing: Any, spec: _Spec) -> nn.Module:
    """The network of a class, of a function that makes one, or as it stands in the file.

    Raises:
        UserError: it cannot be made without arguments, or is no network.
    """
    label = f"{spec.file}:{spec.name or getattr(thing, '__name__', '')}"
    if not _is_module(thing):
        if not callable(thing):
            raise UserError(f"{label} is {type(thing).__name__}, neither a class nor a function.")
        try:
            thing = thing()
        except PART_FAILURES as error:
            raise UserError(
                f"{label}() fails: {_one_line(error)}. A network is made without arguments: write "
                "a function that calls it with yours, and name that."
            ) from error
    if not _is_module(thing):
        raise UserError(f"{label} makes {type(thing).__name__}, which is no torch module.")
    network: nn.Module = thing
    return network


def _fill(network: nn.Module, spec: _Spec) -> None:
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
        missing, unknown = (
            sorted(one) for one in (wanted - tensors.keys(), tensors - wanted.keys())
        )
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

        pixels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        restored = function(np.ascontiguousarray(pixels))
        if not isinstance(restored, np.ndarray) or restored.dtype != np.uint8:
            kind = restored.dtype if isinstance(restored, np.ndarray) else type(restored).__name__
            raise TypeError(f"it gives back {kind}: it must be a uint8 RGB array of the same size")
        if restored.shape != pixels.shape:
            raise ValueError(f"it gives back {restored.shape} for an image of {pixels.shape}")
        levels = torch.from_numpy(np.ascontiguousarray(restored)).permute(2, 0, 1)[None]
        return levels.float() / 255

    return apply
