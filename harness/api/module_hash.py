"""A caller's torch module: how it is run, and what tells it from any other."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UserError
from harness.plugins.codec import Compressed

if TYPE_CHECKING:
    from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...))


class _UnknownError(Exception):
    """Something that the result may depend on and that has no stable description."""


def runner(
    module: nn.Module, name: str, multiple: int, scale: float
) -> Callable[[Compressed], NDArray[np.uint8]]:
    """A function from a compressed file to pixels that runs a copy of ``module`` on the CPU.

    Args:
        module: (1, 3, H, W) float32 RGB, 0..``scale``, to the same, or to a tuple that begins with
            it.
        name: for messages.
        multiple: H and W are multiples of it; the image is continued by its last row and column.
        scale: what white is.

    Raises:
        UserError: the module cannot be copied.
    """
    import torch

    try:
        network = copy.deepcopy(module).to("cpu").float().eval()
    except Exception as error:  # anything may hang on a module
        raise UserError(
            f"The module {name} cannot be copied to the CPU: "
            f"{' '.join(str(error).split()).rstrip('.')}. "
            "Load its weights into a fresh one."
        ) from error

    def run(compressed: Compressed) -> NDArray[np.uint8]:
        # The arithmetic of restorers.common.colour, which the harness cannot import.
        pixels = torch.from_numpy(compressed.pixels).permute(2, 0, 1)[None].float() / (255 / scale)
        height, width = pixels.shape[2:]
        with torch.inference_mode():
            restored = _first(network(_padded(pixels, multiple)), name)
        if restored.shape[:2] != (1, 3) or not (
            height <= restored.shape[2] < height + multiple
            and width <= restored.shape[3] < width + multiple
        ):
            raise HarnessError(
                f"{name} gave a tensor of {tuple(restored.shape)} for (1, 3, {height}, {width}); "
                "a module must return RGB of the same size"
            )
        restored = restored[0, :, :height, :width].float()
        _check_range(restored, pixels, name, scale)
        image = restored / scale
        if not bool(torch.isfinite(image).all()):
            raise HarnessError(f"{name} gave values that are no numbers (NaN or infinite)")
        levels: NDArray[np.uint8] = (image.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return np.ascontiguousarray(levels.transpose(1, 2, 0))

    return run


def _check_range(restored: Tensor, given: Tensor, name: str, scale: float) -> None:
    """Refuse an image of another white than ``scale``, which would be measured as white or black.

    Raises:
        HarnessError: the mean is four times white, or all is darker than a 255th of it.
    """
    if scale == 1 and float(restored.mean()) > 4:
        raise HarnessError(
            f"{name} gave values of {float(restored.mean()):.0f} on average where white is 1; if "
            "its white is 255, say harness.restorer(..., scale=255), or divide its result"
        )
    if scale == 255 and float(given.max()) > 2 and float(restored.max()) <= 1:
        raise HarnessError(
            f"{name} gave values up to {float(restored.max()):.2g} where white is 255; if its "
            "white is 1, leave scale out, or multiply its result"
        )


def _first(result: Any, name: str) -> Tensor:
    import torch

    first = result[0] if isinstance(result, tuple | list) and result else result
    if not isinstance(first, torch.Tensor):
        raise HarnessError(f"{name} gave {type(first).__name__}; a module must return a tensor")
    return first


def _padded(image: Tensor, multiple: int) -> Tensor:
    from torch.nn import functional as F

    bottom, right = (-image.shape[2] % multiple, -image.shape[3] % multiple)
    return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image


def described(module: nn.Module, whole: bool = True) -> dict[str, str] | None:
    """Everything known that can change a module's result.

    The sha256 of its parameters and buffers, and of its code: its classes outside torch, with the
    functions of their modules that they call by name, and the attributes of every part.

    Args:
        module: any.
        whole: None rather than a description that leaves something out.

    Returns:
        For fingerprints; None if something has no stable description, such as a hook, or an
        attribute of a type that is not known here.
    """
    import torch

    found = {"class": f"{type(module).__module__}.{type(module).__qualname__}"}
    found |= {"torch": torch.__version__}
    for part, describe in (("weights", _weights), ("module", _parts)):
        try:
            found[part] = _digest(describe(module))
        except (_UnknownError, RuntimeError, TypeError, AttributeError):  # such as a sparse tensor
            if whole:
                return None
    return found


def _digest(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(len(line).to_bytes(8, "little") + line)
    return digest.hexdigest()


def _weights(module: nn.Module) -> Iterable[bytes]:
    # Buffers that are not persistent are in no state_dict, and as good a part of the result.
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        yield name.encode()
        yield _of_tensor(tensor)


def _of_tensor(tensor: Tensor) -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    head = f"{tensor.dtype} {tuple(tensor.shape)} "
    return head.encode() + flat.view(torch.uint8).numpy().tobytes()


def _parts(module: nn.Module) -> Iterable[bytes]:
    from torch import nn

    internal = set(vars(nn.Module()))
    seen: set[int] = set()
    for name, part in module.named_modules():
        if any(getattr(part, hooks, None) for hooks in _HOOKS):
            raise _UnknownError
        yield name.encode()
        yield _known(type(part), seen)
        for key, value in sorted(vars(part).items()):
            if key not in internal:
                yield key.encode() + b"=" + _known(value, seen)


def _known(value: Any, seen: set[int]) -> bytes:
    """A stable description of an attribute, a constant or a class.

    Raises:
        _UnknownError: there is none.
    """
    import torch

    if isinstance(value, (*_PLAIN, torch.dtype, torch.device, torch.Size)):
        return repr(value).encode()
    if isinstance(value, torch.Tensor):
        return _of_tensor(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype} {value.shape} ".encode() + value.tobytes()
    if isinstance(value, list | tuple):
        return b"[" + b",".join(_known(item, seen) for item in value) + b"]"
    if isinstance(value, set | frozenset):
        return b"{" + b",".join(sorted(_known(item, seen) for item in value)) + b"}"
    if isinstance(value, dict):
        return _known(list(value.items()), seen)
    if isinstance(value, functools.partial):
        return _known([value.func, value.args, value.keywords], seen)
    if isinstance(value, BuiltinFunctionType | ModuleType):
        return value.__name__.encode()
    if isinstance(value, CodeType):
        return _of_code(value, seen)
    if isinstance(value, FunctionType):
        return _of_function(value, seen)
    if isinstance(value, classmethod | staticmethod):
        return _known(value.__func__, seen)
    if isinstance(value, property):
        return _known([value.fget], seen)
    if isinstance(value, type):
        return _of_class(value, seen)
    raise _UnknownError


def _of_class(what: type, seen: set[int]) -> bytes:
    """A class by name, and by its functions where it is not torch's."""
    names = [f"{base.__module__}.{base.__qualname__}".encode() for base in what.__mro__]
    if id(what) in seen:
        return names[0]
    seen.add(id(what))
    bodies = []
    for base in what.__mro__:
        if base.__module__.partition(".")[0] in ("torch", "builtins"):
            continue
        for key, value in sorted(vars(base).items()):
            if isinstance(value, FunctionType | classmethod | staticmethod | property):
                bodies.append(key.encode() + b"=" + _known(value, seen))
            elif not key.startswith("__") and isinstance(value, _PLAIN):
                bodies.append(key.encode() + b"=" + repr(value).encode())
    return b";".join([*names, *bodies])


def _of_function(function: FunctionType, seen: set[int]) -> bytes:
    """A function by name, and by its code where it is not torch's."""
    name = f"{function.__module__}.{function.__qualname__}".encode()
    if id(function) in seen or str(function.__module__).partition(".")[0] == "torch":
        return name
    seen.add(id(function))
    held = [cell.cell_contents for cell in function.__closure__ or () if not _is_class(cell)]
    called = [function.__globals__.get(key) for key in function.__code__.co_names]
    parts = [function.__code__, function.__defaults__, function.__kwdefaults__, held]
    # What it takes from its module by name: helpers and constants.
    parts.append([value for value in called if isinstance(value, (FunctionType, *_PLAIN))])
    return name + b"(" + _known(parts, seen) + b")"


def _is_class(cell: Any) -> bool:
    """Whether a closure's cell is empty, or is ``__class__``, which ``super()`` needs."""
    try:
        return isinstance(cell.cell_contents, type)
    except ValueError:
        return True


def _of_code(code: CodeType, seen: set[int]) -> bytes:
    parts = [code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_consts]
    return _known(parts, seen)
