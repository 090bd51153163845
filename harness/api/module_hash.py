"""What tells a caller's torch module from any other: its weights, its code, its attributes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...))


class _UnknownError(Exception):
    """Something that the result may depend on and that has no stable description."""


def describe_module(module: nn.Module, whole: bool = True) -> dict[str, str] | None:
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

    description = {"class": f"{type(module).__module__}.{type(module).__qualname__}"}
    description["torch"] = torch.__version__
    for part, describe in (("weights", _weights), ("module", _parts)):
        try:
            description[part] = _digest(describe(module))
        except (_UnknownError, RuntimeError, TypeError, AttributeError):  # such as a sparse tensor
            if whole:
                return None
    return description


def _digest(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(len(line).to_bytes(8, "little") + line)
    return digest.hexdigest()


def _weights(module: nn.Module) -> Iterable[bytes]:
    # Buffers that are not persistent are in no state_dict, and as good a part of the result.
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        yield name.encode()
        yield _describe_tensor(tensor)


def _describe_tensor(tensor: Tensor) -> bytes:
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
        yield _describe(type(part), seen)
        for key, value in sorted(vars(part).items()):
            if key not in internal:
                yield key.encode() + b"=" + _describe(value, seen)


def _describe(value: object, seen: set[int]) -> bytes:
    """A stable description of an attribute, a constant or a class.

    Raises:
        _UnknownError: there is none.
    """
    import torch

    if isinstance(value, (*_PLAIN, torch.dtype, torch.device, torch.Size)):
        return repr(value).encode()
    if isinstance(value, torch.Tensor):
        return _describe_tensor(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype} {value.shape} ".encode() + value.tobytes()
    if isinstance(value, list | tuple):
        return b"[" + b",".join(_describe(item, seen) for item in value) + b"]"
    if isinstance(value, set | frozenset):
        return b"{" + b",".join(sorted(_describe(item, seen) for item in value)) + b"}"
    if isinstance(value, dict):
        return _describe(list(value.items()), seen)
    if isinstance(value, functools.partial):
        return _describe([value.func, value.args, value.keywords], seen)
    if isinstance(value, BuiltinFunctionType | ModuleType):
        return value.__name__.encode()
    if isinstance(value, CodeType):
        names = (value.co_names, value.co_varnames, value.co_freevars)
        return _describe([value.co_code, *names, value.co_consts], seen)
    if isinstance(value, FunctionType):
        return _describe_function(value, seen)
    if isinstance(value, classmethod | staticmethod):
        return _describe(value.__func__, seen)
    if isinstance(value, property):
        return _describe([value.fget], seen)
    if isinstance(value, type):
        return _describe_class(value, seen)
    raise _UnknownError


def _describe_class(what: type, seen: set[int]) -> bytes:
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
                bodies.append(key.encode() + b"=" + _describe(value, seen))
            elif not key.startswith("__") and isinstance(value, _PLAIN):
                bodies.append(key.encode() + b"=" + repr(value).encode())
    return b";".join([*names, *bodies])


def _describe_function(function: FunctionType, seen: set[int]) -> bytes:
    """A function by name, and by its code where it is not torch's."""
    name = f"{function.__module__}.{function.__qualname__}".encode()
    if id(function) in seen or str(function.__module__).partition(".")[0] == "torch":
        return name
    seen.add(id(function))
    closed = [cell.cell_contents for cell in function.__closure__ or () if not _is_class(cell)]
    called = [function.__globals__.get(key) for key in function.__code__.co_names]
    parts = [function.__code__, function.__defaults__, function.__kwdefaults__, closed]
    # What it takes from its module by name: helpers and constants.
    parts.append([value for value in called if isinstance(value, (FunctionType, *_PLAIN))])
    return name + b"(" + _describe(parts, seen) + b")"


def _is_class(cell: CellType) -> bool:
    """Whether a closure's cell is empty, or is ``__class__``, which ``super()`` needs."""
    try:
        return isinstance(cell.cell_contents, type)
    except ValueError:
        return True
