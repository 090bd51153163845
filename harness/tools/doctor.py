"""``harness doctor``: what is installed, what works, and which weights and data are here.

Everything is found in the registries and tried, one finding a line. Nothing is downloaded, and no
finding stops the next.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TypeVar

from harness.assets import cards as assets
from harness.errors import PART_FAILURES, HarnessError, UserError
from harness.plugins import registry
from harness.plugins.registry import Registry
from harness.study.device import CPU, Device
from harness.tools import selftest as trials
from harness.tools.selftest import ABSENT, BROKEN, OK, CheckResult

T = TypeVar("T")

OPTIONAL = {
    "detectron2": "optional, for its detectors: pip install --no-build-isolation "
    "'git+https://github.com/facebookresearch/detectron2', after what the README says it needs",
    "onnxruntime": "optional, for .onnx files: pip install onnxruntime",
}
"""Packages that something asks for only when it is used, and how to get them."""

_PROJECT = "restoration-harness"

Check = Callable[[], CheckResult]
"""A trial. A `UserError` means absent, any other error broken."""


@dataclass(frozen=True)
class Section:
    """A heading and what is tried under it, by name."""

    heading: str
    checks: Mapping[str, Check]


def examine(write: Callable[[str], None], quick: bool = False, device: Device = CPU) -> bool:
    """Try everything and write a line for each finding, as soon as it is known.

    Args:
        write: receives text, with its line ends.
        quick: run no network.
        device: where networks are tried.

    Returns:
        Whether nothing is broken.
    """
    broken = []
    for section in _sections(quick, device):
        write(f"{section.heading}\n")
        width = max(map(len, section.checks), default=0)
        for name, check in section.checks.items():
            found = _tried(check)
            write(f"  {name:<{width}}  {found.state:<6}  {found.text}".rstrip() + "\n")
            if found.state == BROKEN:
                broken.append(name)
        write("\n")
    write(f"Broken: {', '.join(broken)}.\n" if broken else "Nothing is broken.\n")
    return not broken


def _tried(check: Check) -> CheckResult:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, on what they will change
            found = check()
    except UserError as error:
        found = CheckResult(ABSENT, str(error))
    except HarnessError as error:
        found = CheckResult(BROKEN, str(error))
    except PART_FAILURES as error:  # a plugin may fail in any way
        found = CheckResult(BROKEN, f"{type(error).__name__}: {error}")
    return CheckResult(found.state, " ".join(found.text.split()))


def _sections(quick: bool, device: Device) -> Iterator[Section]:
    """What is tried, in order."""
    yield Section("python packages", _packages())
    devices: dict[str, Check] = {"cpu": _cpu, "cuda": _cuda}
    yield Section("devices", devices | ({"mps": _mps} if sys.platform == "darwin" else {}))
    yield Section("folders", {"settings": _settings, "cache": _cache, "data": _data})
    yield _section("codecs", registry.codecs(), trials.codec)
    restorers = registry.restorers()
    yield _section(
        "restorers", restorers, partial(trials.restorer, quick=quick, device=device.name)
    )
    groups = trials.group_weight_cards(restorers)
    weights = {name: partial(trials.weights, cards) for name, cards in groups.items()}
    yield Section("weights of restorers", weights)
    for task in registry.tasks():
        if models := registry.models(task):
            yield _section(
                f"{task} models", models, partial(trials.model, quick=quick, device=device.name)
            )
    yield _section("data sets", registry.datasets(), trials.data_set)
    plugins: dict[str, Registry[object]] = {
        "tasks": registry.tasks(),
        "formats": registry.formats(),
        "model formats": registry.model_formats(),
        "checkpoints": registry.checkpoints(),
        "trainers": registry.trainers(),
    }
    yield Section(
        "others", {kind: partial(trials.imported, them) for kind, them in plugins.items()}
    )


def _section(
    heading: str, them: Registry[T], check: Callable[[Registry[T], str], CheckResult]
) -> Section:
    return Section(heading, {name: partial(check, them, name) for name in them})


# --- packages, devices, folders ---------------------------------------------------------------


def _packages() -> Mapping[str, Check]:
    try:
        required = [line for line in requires(_PROJECT) or [] if "extra ==" not in line]
    except PackageNotFoundError:
        required = []
    names = [match[0] for line in required if (match := re.match(r"[\w.-]+", line))]
    checks = {name: partial(_package, name, "") for name in [_PROJECT, *names]}
    return checks | {name: partial(_package, name, how) for name, how in OPTIONAL.items()}


def _package(name: str, how: str) -> CheckResult:
    try:
        return CheckResult(OK, version(name))
    except PackageNotFoundError as error:
        if how:
            return CheckResult(ABSENT, how)
        raise HarnessError(f"not installed, though needed: pip install {name}") from error


def _cpu() -> CheckResult:
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    return CheckResult(
        OK, f"{os.cpu_count()} cores, torch on {torch.get_num_threads()}, {capability}"
    )


def _cuda() -> CheckResult:
    import torch

    if not torch.cuda.is_available():
        return CheckResult(ABSENT, "torch sees no CUDA device; studies run on the CPU anyway")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return CheckResult(OK, f"{', '.join(names)}; studies run there with --device cuda")


def _mps() -> CheckResult:
    import torch

    if not torch.backends.mps.is_available():
        return CheckResult(ABSENT, "torch sees no Apple GPU; studies run on the CPU anyway")
    return CheckResult(OK, "an Apple GPU; studies run there with --device mps")


def _settings() -> CheckResult:
    path = assets.settings_path()
    try:
        found = assets.settings()
    except UserError as error:
        raise HarnessError(str(error)) from error
    if not path.is_file():
        return CheckResult(ABSENT, f"{path}, which may hold 'data_root: FOLDER'; none is needed")
    return CheckResult(
        OK, f"{path}: " + (", ".join(f"{k}: {v}" for k, v in found.items()) or "empty")
    )


def _cache() -> CheckResult:
    return _folder(assets.cache_root(), "$HARNESS_CACHE")


def _data() -> CheckResult:
    return _folder(assets.data_root(), "--data-root or $HARNESS_DATA")


def _folder(path: Path, chosen_by: str) -> CheckResult:
    """A folder that is written into, and made when first needed."""
    there = next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))
    if not there.is_dir():
        raise HarnessError(f"{path}: {there} is no folder; choose another with {chosen_by}")
    free = f"{shutil.disk_usage(there).free / 1e9:.1f} GB free"
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written to; choose another with {chosen_by}")
    return CheckResult(OK, f"{path}, " + (free if there == path else f"made when needed, {free}"))
