"""How long a network takes, and its memory: each in a process of its own, so nothing is shared."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from harness.errors import PART_FAILURES
from harness.plugins import registry

Clock = Callable[[], float]


@dataclass(frozen=True)
class TimingJob:
    """What to time.

    Attributes:
        restorer: registry name; its class has a `trial`.
        preset: size of its network.
        side: of the image, pixels.
        device: as torch names it: ``cpu``, ``cuda:0``, ``mps``.
        threads: on the CPU.
        repeats: calls after the warm-up.
        budget: seconds that all calls together may take, by what the warm-up takes; there is one
            repeat whatever it is.
    """

    restorer: str
    preset: str
    side: int
    device: str
    threads: int
    repeats: int
    budget: float


@dataclass(frozen=True)
class Timing:
    """What was measured.

    Attributes:
        milliseconds: of a call, the median.
        peak_bytes: of memory during the calls, above what was resident before; None where the
            system does not say.
        calls: that the median is of.
    """

    milliseconds: float
    peak_bytes: int | None
    calls: int


def repeats_within(budget: float, seconds: float, wanted: int) -> int:
    """How many repeats fit into a budget beside a warm-up: ``wanted`` at most; 0: not even one.

    Args:
        budget: seconds.
        seconds: a call takes.
        wanted: repeats.
    """
    return max(0, min(wanted, int(min(budget / seconds, wanted + 1)) - 1))


def timed(
    call: Callable[[], object],
    synchronise: Callable[[], object],
    repeats: int,
    budget: float,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Seconds of each call after a warm-up, whose own time decides how many there are.

    Args:
        call: what to time.
        synchronise: waits until the device has done what it was given.
        repeats: at most; at least one.
        budget: seconds for all calls, the warm-up included.
        clock: seconds.
    """

    def once() -> float:
        synchronise()
        begin = clock()
        call()
        synchronise()
        return clock() - begin

    warm_up = max(once(), 1e-9)
    return [once() for _ in range(max(1, repeats_within(budget, warm_up, repeats)))]


def measured_rate(device: str, threads: int) -> float:
    """Multiply-accumulates a second of a 3x3 convolution of 64 channels, the best of three."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(device)
        image = torch.rand(1, 64, 160, 160, device=device)
        with torch.inference_mode():
            seconds = timed(lambda: layer(image), _synchronise(device), 3, float("inf"))
    finally:
        torch.set_num_threads(before)
    return 64 * 64 * 9 * 160 * 160 / max(min(seconds), 1e-9)


def measure(job: TimingJob) -> Timing | str:
    """Time a network in a fresh process; why not, in words, where that fails."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, job), daemon=True)
    process.start()
    sender.close()
    try:
        found: Timing | str = receiver.recv()
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGKILL:
            return "its process was killed, probably for want of memory"
        return f"its process ended early, with status {process.exitcode}"
    finally:
        process.terminate()
        process.join()
        receiver.close()
    return found


def _child(sender: Connection, job: TimingJob) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent says what there is to say
    try:
        sender.send(run(job))
    except PART_FAILURES as error:  # a plugin's network may fail in any way; one line says how
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        sender.send(f"{type(error).__name__}: {reason}")


def run(job: TimingJob) -> Timing:
    """Time a network in this process, whose number of threads it sets."""
    restorer = registry.restorers().get(job.restorer)
    import torch

    warnings.simplefilter("ignore")  # of the networks' own libraries
    torch.set_num_threads(job.threads)
    call = restorer.trial(job.preset, job.side, job.side, job.device)
    peak = _peak(job.device)
    seconds = timed(call, _synchronise(job.device), job.repeats, job.budget)
    return Timing(1000 * median(seconds), peak(), len(seconds))


def _synchronise(device: str) -> Callable[[], object]:
    if device == "cpu":
        return lambda: None
    import torch

    if device == "mps":
        return torch.mps.synchronize
    return lambda: torch.cuda.synchronize(device)


def _peak(device: str) -> Callable[[], int | None]:
    """Starts watching memory; what is returned says by how much it grew at most, bytes."""
    gc.collect()
    if device == "mps":
        return lambda: None
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        resident = torch.cuda.memory_allocated(device)
        return lambda: torch.cuda.max_memory_allocated(device) - resident
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # or what the building freed would be used unseen
    # Linux then forgets the peak of the building. Elsewhere only what exceeds it is seen.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = _high_water()
    return lambda: None if before is None else (_high_water() or before) - before


def _high_water() -> int | None:
    """The most memory this process has had resident, bytes."""
    # getrusage's figure would do, but on Linux it inherits that of the parent.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    try:
        import resource
        import sys
    except ImportError:  # no such thing on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
