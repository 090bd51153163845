"""Running a Python file of the user's, and finding the network or function in it."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import PART_FAILURES, UserError
from restorers.checkpoints.sources import readable_sha256
from restorers.formats.base import short

if TYPE_CHECKING:
    from torch import nn


class CodeFiles(NamedTuple):
    """As `PythonSpec` has it, with paths."""

    file: Path
    name: str
    weights: Path | None


@contextmanager
def importing(folder: Path) -> Iterator[None]:
    """The file's own folder comes first, as when Python runs it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def executed(file: Path) -> ModuleType:
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


def source_hashes(file: Path) -> dict[str, str]:
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


def named(module: ModuleType, spec: CodeFiles) -> Any:
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


def is_image_function(thing: Any) -> bool:
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


def made(thing: Any, spec: CodeFiles) -> nn.Module:
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
