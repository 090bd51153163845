"""What restoring an image costs: Table III, counted and measured here."""

from __future__ import annotations

import datetime
import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.plugins import registry
from harness.records.environment import processor
from harness.report.tables.cost import (
    REFERENCE_SIDE,
    REFERENCE_SIZE,
    CostRow,
    CostTable,
    read_published,
)
from harness.study.device import Device, choose_device
from harness.tools.timing import Timing, TimingJob, measure, measured_rate, repeats_within

if TYPE_CHECKING:
    from harness.plugins import Restorer

SMALLEST = 16
"""Smallest side of an image that every network takes, pixels."""

BY_OUTPUT = (
    "by output: transposed convolutions counted by their output, as Table III does; "
    "III: as published, on a Tesla P100."
)


@dataclass(frozen=True)
class CostRequest:
    """What to count and time.

    Attributes:
        side: of the image, pixels.
        restorers: names, or ``all``.
        preset: size of the networks.
        timed: measure time and memory, too.
        repeats: calls after the warm-up that the median is of.
        budget: seconds a network's calls may take together.
        device: see `harness.study.device.choose_device`.
        threads: on the CPU; None: as many as torch takes by itself.

    Raises:
        UserError: a number out of range.
    """

    side: int = 512
    restorers: tuple[str, ...] = ("all",)
    preset: str = "published"
    timed: bool = True
    repeats: int = 5
    budget: float = 60.0
    device: str = "cpu"
    threads: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.side < SMALLEST:
            raise UserError(
                f"--size {self.side}: networks take images from {SMALLEST}×{SMALLEST} pixels up."
            )
        if self.repeats < 1:
            raise UserError(f"--repeats {self.repeats}: at least 1, or say --no-time.")
        if self.threads is not None and self.threads < 1:
            raise UserError(f"--threads {self.threads}: at least 1.")
        if not self.budget > 0:
            raise UserError(f"--budget {self.budget:g}: seconds, more than 0, or say --no-time.")


def cost_table(request: CostRequest, say: Callable[[str], None]) -> CostTable:
    """Count every restorer asked for, and time it where the budget allows.

    Args:
        request: what to do.
        say: told what is being done, a line at a time.

    Returns:
        The table. Ctrl-C while networks are timed ends that; a note names those without a time.

    Raises:
        UserError: an unknown restorer or size, one without a network, no such device.
    """
    chosen, notes = _chosen(request)
    device = choose_device(request.device)
    import torch

    threads = request.threads or torch.get_num_threads()
    rows = []
    for name, (restorer, preset) in chosen.items():
        say(f"{name}: counting")
        rows.append(_counted(name, restorer, preset, request.side))
    if request.timed:
        notes.append(
            f"ms, peak: median and most memory (besides the weights) of up to {request.repeats} "
            "calls after a warm-up, from tensors to a tensor, with random weights: neither time "
            "nor memory depends on their values."
        )
        notes += _time_all(rows, replace(request, device=device.name), threads, say)
    published = {}
    if request.side == REFERENCE_SIDE and all(row.size == REFERENCE_SIZE for row in rows):
        published = read_published()
        notes = [BY_OUTPUT, *notes] if published else notes
    return CostTable(request.side, _hardware(device, threads), tuple(rows), published, tuple(notes))


def _chosen(request: CostRequest) -> tuple[dict[str, tuple[type[Restorer], str]], list[str]]:
    """Classes and sizes by name, in the order of the table, and why others are left out."""
    known = registry.restorers()
    everything = "all" in request.restorers
    networks: dict[str, type[Restorer]] = {}
    notes: list[str] = []
    for name in known if everything else request.restorers:
        named = name in request.restorers
        try:
            restorer = known.get(name)
        except UserError as error:
            if named:
                raise
            notes.append(str(error))
            continue
        if restorer.presets():
            networks[name] = restorer
        elif named:
            raise UserError(f"{name} has no network to count: name another restorer, or all.")
    found = {}
    for name, restorer in networks.items():
        size = _size(request.preset, list(restorer.presets()))
        if size is not None:
            found[name] = restorer, size
        elif name in request.restorers:
            raise UserError(_no_size(name, request.preset, [restorer]))
    if not found:
        raise UserError(_no_size("No restorer", request.preset, networks.values()))
    order = sorted(found, key=lambda n: (not found[n][0].multi_model, found[n][0].year, n))
    return {name: found[name] for name in order}, notes


def _size(wanted: str, presets: Sequence[str]) -> str | None:
    """The size to take; a network of one size ships in it, so that is its small one, too."""
    if wanted in presets:
        return wanted
    return presets[0] if wanted == "small" and len(presets) == 1 else None


def _no_size(who: str, wanted: str, restorers: Iterable[type[Restorer]]) -> str:
    sizes = dict.fromkeys(size for restorer in restorers for size in restorer.presets())
    has = "has a" if who == "No restorer" else "has no"
    return f"{who} {has} size '{wanted}'. There are: {', '.join(sizes) or 'none'}."


def _counted(name: str, restorer: type[Restorer], preset: str, side: int) -> CostRow:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the networks' own libraries
        cost = restorer.cost(preset, side, side)
    return CostRow(name, preset, cost.parameters, cost.macs, cost.macs_by_output)


def _time_all(
    rows: list[CostRow], request: CostRequest, threads: int, say: Callable[[str], None]
) -> list[str]:
    """Put times into the rows; what there is to say of them.

    An interruption ends the timing, not the table: what was timed until then stays.
    """
    notes: list[str] = []
    index = 0
    try:
        rate = measured_rate(request.device, threads)
        for index, row in enumerate(rows):
            rows[index], note = _timed(row, request, threads, rate, say)
            notes += note
    except KeyboardInterrupt:
        rest = ", ".join(row.restorer for row in rows[index:])
        notes.append(f"Interrupted: not timed are {rest}.")
        say(notes[-1])
    return notes


def _timed(
    row: CostRow, request: CostRequest, threads: int, rate: float, say: Callable[[str], None]
) -> tuple[CostRow, list[str]]:
    """The row with its time and memory, or as it was, and what there is to say of that.

    Args:
        row: counted.
        request: what to do.
        threads: on the CPU.
        rate: multiply-accumulates a second.
        say: told what is being done.
    """
    seconds = max(row.macs / rate, 1e-9)
    repeats = repeats_within(request.budget, seconds, request.repeats)
    if not repeats:
        wanted = enough(seconds)
        note = f"{row.restorer} not timed: about {span(seconds)} a call; --budget {wanted} runs it."
        say(note)
        return row, [note]
    say(f"{row.restorer}: timing, about {span(seconds)} a call")
    job = TimingJob(
        row.restorer, row.size, request.side, request.device, threads, repeats, request.budget
    )
    found = measure(job)
    if not isinstance(found, Timing):
        note = f"{row.restorer} not timed: {found}."
        say(note)
        return row, [note]
    timed = replace(row, milliseconds=found.milliseconds, peak_bytes=found.peak_bytes)
    if found.calls == request.repeats:
        return timed, []
    calls = "one call" if found.calls == 1 else f"{found.calls} calls"
    return timed, [f"{row.restorer}: of {calls}."]


def enough(seconds: float) -> int:
    """A budget, in seconds, that a warm-up and one call fit into: a quarter to spare, rounded up.

    Args:
        seconds: a call takes.
    """
    needed = 2 * seconds * 1.25
    unit = int(10 ** max(0, math.floor(math.log10(needed)) - 1))
    return math.ceil(needed / unit) * unit


def span(seconds: float) -> str:
    """A length of time in words: ms, s, min or h."""
    units = (("ms", 1e-3, 1.0), ("s", 1.0, 100.0), ("min", 60.0, 6000.0), ("h", 3600.0, math.inf))
    unit, length = next((unit, length) for unit, length, below in units if seconds < below)
    value = seconds / length
    return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}"


def _hardware(device: Device, threads: int) -> str:
    import torch

    parts = [f"{processor()}, {os.cpu_count()} cores, {threads} threads"]
    if device.title:
        parts.insert(0, device.title)
    parts += [f"torch {torch.__version__}", datetime.date.today().isoformat()]
    return "; ".join(parts).replace(" 1 cores", " 1 core").replace(" 1 threads", " 1 thread")
