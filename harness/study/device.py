"""What the models run on: chosen by name, refused where it is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import UserError

CPU_KIND = "cpu"


@dataclass(frozen=True)
class Device:
    """Where restorers and vision models run; everything else runs on the CPU.

    Attributes:
        name: as torch has it: ``cpu``, ``cuda:0``, ``mps``.
        title: what people call it, such as ``NVIDIA H100``; empty for the CPU.
        automatic: nobody named it, so it is said which one it is.
    """

    name: str = CPU_KIND
    title: str = ""
    automatic: bool = False

    @property
    def kind(self) -> str:
        """Its class, ``cpu``, ``cuda`` or ``mps``: numbers of one table come from one class."""
        return self.name.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.name} ({self.title})" if self.title else self.name

    def notices(self, left: Sequence[str] = ()) -> list[str]:
        """What the user should be told about it; nothing of a CPU that they asked for.

        Args:
            left: names of restorers and vision models that do not run on it.
        """
        if self.kind == CPU_KIND:
            return ["Models run on the CPU: torch finds no accelerator."] if self.automatic else []
        told = [f"Models run on {self}."]
        if left:
            told.append(f"Not moved to {self.name}, which they cannot use: {', '.join(left)}.")
        return told


CPU = Device()


def choose_device(asked: str) -> Device:
    """The device that ``--device`` names.

    Args:
        asked: ``cpu``, ``cuda`` (the first), ``cuda:N``, ``mps``, or ``auto``: an accelerator
            where there is one.

    Raises:
        UserError: there is no such device here, or several are named.
    """
    if asked == CPU_KIND:  # nothing is imported for it
        return CPU
    if re.fullmatch(r"(cuda:)?\d+(,(cuda:)?\d+)+", asked):
        first, *_ = re.findall(r"\d+", asked)
        count = asked.count(",") + 1
        raise UserError(
            f"--device {asked}: one process computes on one device. Start {count} of them, a shard "
            f"each: --device cuda:{first} --shard 1/{count}, and so on; then 'harness merge'."
        )
    if asked == "auto":
        found = next((d for d in (_first_cuda(), _mps()) if d is not None), CPU)
        return replace(found, automatic=True)
    numbered = re.fullmatch(r"(?:cuda:)?(\d{1,4})", asked)
    if numbered:
        return _cuda(asked, int(numbered[1]))
    if asked == "cuda":
        return _cuda(asked, 0)
    if asked == "mps":
        device = _mps()
        if device is None:
            raise UserError(
                "--device mps: torch finds no Apple GPU here. Leave it out for the CPU."
            )
        return device
    raise UserError(f"--device {asked:.40}: auto, cpu, cuda, cuda:N or mps.")


def _first_cuda() -> Device | None:
    import torch

    return _cuda("auto", 0) if torch.cuda.is_available() else None


def _cuda(asked: str, index: int) -> Device:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        raise UserError(
            f"--device {asked}: torch finds no CUDA device here. Leave it out for the CPU."
        )
    if index >= count:
        known = "cuda:0 alone" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise UserError(f"--device {asked}: there is no such device here, but {known}.")
    return Device(f"cuda:{index}", torch.cuda.get_device_name(index))


def _mps() -> Device | None:
    import torch

    return Device("mps", "Apple GPU") if torch.backends.mps.is_available() else None
