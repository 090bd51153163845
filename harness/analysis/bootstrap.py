"""A cell's metrics with what they are in the bootstrap's draws, and paired differences of cells."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import math
import os
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from harness.analysis.draws import DRAWS, resample_weights
from harness.analysis.inference import Interval, interval, p_value
from harness.analysis.metrics import cell_state_hash
from harness.errors import HarnessError
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry

Values = NDArray[np.float64]

_LOG = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 5.0

VERSION = "1"
"""Bumped whenever a draw's value can change; part of the cache's state."""


@dataclass(frozen=True)
class BootstrapResult:
    """A cell's metrics, on its images and in draws from them.

    Attributes:
        directory: the run directory.
        cell: its entry in the manifest.
        images: ids of the images in the numbers, sorted; the draws are from them.
        values: metric name to value as the task gives it (fractions; dB for PSNR).
        draws: metric name to (draws,) values; empty where the task cannot be resampled.
        each: (images,) the headline metric of every image alone; empty likewise.
    """

    directory: RunDirectory
    cell: CellEntry
    images: tuple[str, ...]
    values: dict[str, float]
    draws: dict[str, Values] = field(default_factory=dict)
    each: Values = field(default_factory=lambda: np.empty(0))

    def interval(self, metric: str) -> Interval:
        """The 95 % interval of a metric, NaN on both sides where there is none."""
        drawn = self.draws.get(metric, np.empty(0))
        return interval(drawn, len(self.images), estimate=self.values.get(metric))


class Difference(NamedTuple):
    """``b - a`` on the images both have, paired draw by draw.

    Attributes:
        a, b: the values on those images, in the task's unit.
        value: b - a.
        interval: 95 %, NaN where there is none.
        p: two-sided, not corrected; NaN where nothing can be said.
        images: both have.
    """

    a: float
    b: float
    value: float
    interval: Interval
    p: float
    images: int

    def reversed(self) -> Difference:
        """``a - b``."""
        low, high = self.interval
        ends = Interval(-high, -low)
        return Difference(self.b, self.a, -self.value, ends, self.p, self.images)


def load_bootstrap(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> dict[str, BootstrapResult]:
    """The evidence of the cells of a run directory that have any, by key, in the manifest's order.

    What is computed is kept in the run directory and read from there the next time.

    Args:
        directory: the records.
        keys: the cells wanted; all by default.
        draws: of the bootstrap; 0 for none.
        seed: of the draws.
        only: image ids to restrict to.
    """
    cells = [c for c in directory.manifest().cells if keys is None or c.key in keys]

    def one(cell: CellEntry) -> BootstrapResult | None:
        return _evidence(directory, cell, draws, seed, only)

    # One after the other: matching holds Python's lock, and two at a time take longer than in turn.
    try:
        found = list(_told(map(one, cells), len(cells)))
    except KeyboardInterrupt:
        _LOG.info("Stopped. The intervals computed so far are kept.")
        raise
    return {item.cell.key: item for item in found if item is not None}


def _told(
    results: Iterable[BootstrapResult | None], count: int
) -> Iterator[BootstrapResult | None]:
    """The results as they come, with a line now and then where they take long."""
    began = last = time.monotonic()
    for done, item in enumerate(results, start=1):
        now = time.monotonic()
        if now - last > _SECONDS_BETWEEN_LINES and done < count:
            last = now
            left = (now - began) / done * (count - done)
            _LOG.info("intervals: %d of %d cells, about %.0f s left", done, count, left)
        yield item


Kept = dict[tuple[str, str, frozenset[str]], BootstrapResult]
"""Evidence on some of a cell's images, by run directory, cell key and images."""


def on_images(
    item: BootstrapResult, images: frozenset[str], draws: int, seed: int, kept: Kept | None = None
) -> BootstrapResult:
    """The evidence of a cell on some of its images, computed again unless they are all.

    Args:
        item: the cell.
        images: of its images, at least one.
        draws: of the bootstrap.
        seed: of the draws.
        kept: holds what is computed again, for whoever asks often.
    """
    if len(item.images) == len(images):
        return item
    kept = {} if kept is None else kept
    condition = (str(item.directory.path), item.cell.key, images)
    if condition not in kept:
        found = _evidence(item.directory, item.cell, draws, seed, images)
        assert found is not None, "a cell with records of these images has evidence on them"
        kept[condition] = found
    return kept[condition]


def differences(
    a: BootstrapResult,
    b: BootstrapResult,
    metrics: Iterable[str],
    draws: int = DRAWS,
    seed: int = 0,
    kept: Kept | None = None,
) -> dict[str, Difference]:
    """``b - a`` for each metric both have, on the images both have.

    Where one lacks images the other has, both are computed again on the common ones.

    Args:
        a: one cell.
        b: another.
        metrics: the metrics wanted.
        draws: of the bootstrap, as those of ``a`` and ``b``.
        seed: of the draws.
        kept: holds what is computed again, for whoever asks for many pairs.
    """
    common = frozenset(a.images) & frozenset(b.images)
    if not common:
        return {}
    left, right = (on_images(item, common, draws, seed, kept) for item in (a, b))
    return {
        metric: _difference(left, right, metric)
        for metric in metrics
        if metric in left.values and metric in right.values
    }


def _difference(a: BootstrapResult, b: BootstrapResult, metric: str) -> Difference:
    left, right = a.values[metric], b.values[metric]
    # Equal infinities do not differ.
    value = 0.0 if left == right else right - left
    if metric not in a.draws or metric not in b.draws:
        return Difference(left, right, value, interval(np.empty(0), 0), math.nan, len(a.images))
    with np.errstate(invalid="ignore"):
        drawn = b.draws[metric] - a.draws[metric]
    drawn[a.draws[metric] == b.draws[metric]] = 0.0
    count = len(a.images)
    return Difference(
        left, right, value, interval(drawn, count), p_value(value, drawn, count), count
    )


def _evidence(
    directory: RunDirectory, cell: CellEntry, draws: int, seed: int, only: Collection[str] | None
) -> BootstrapResult | None:
    task = registry.tasks().get(cell.task)()
    # Before the records are read, as in `measure`.
    state = f"{VERSION}-{draws}-{seed}-{cell_state_hash(directory, cell, task.version)}"
    if only is not None:
        state += (
            "-" + hashlib.sha256("\n".join(sorted(only)).encode(errors="surrogatepass")).hexdigest()
        )
    held = _read(directory, cell, state)
    if held is not None:
        return held
    records = directory.records(cell)
    good = {
        image: records[image]
        for image in sorted(records)
        if not records[image].failed and (only is None or image in only)
    }
    if not good:
        return None
    truth = directory.truth(cell.task)
    sample = task.sample(good, truth) if draws else None
    if sample is None:
        return BootstrapResult(directory, cell, tuple(good), dict(task.metrics(good, truth)))
    if tuple(sample.images) != tuple(good):
        # Draws are paired between cells by their columns.
        raise HarnessError(
            f"The sample of the task {cell.task} does not have the images of the records in "
            "their order: mend its `sample` (docs/guides/plugins.md)."
        )
    ones = np.ones((1, len(good)), np.int32)
    values = {name: float(figure[0]) for name, figure in sample.aggregate(ones).items()}
    drawn = sample.aggregate(resample_weights(len(good), draws, seed))
    found = BootstrapResult(directory, cell, tuple(good), values, drawn, sample.per_image())
    if only is None:
        _write(found, state)
    return found


def _path(directory: RunDirectory, cell: CellEntry) -> Any:
    return directory.path / "statistics" / f"{cell.key}.{cell.fingerprint[:12]}.npz"


def _read(directory: RunDirectory, cell: CellEntry, state: str) -> BootstrapResult | None:
    unreadable = contextlib.suppress(OSError, ValueError, LookupError, EOFError, BadZipFile)
    with unreadable, np.load(_path(directory, cell), allow_pickle=False) as held:
        if str(held["state"]) != state:
            return None
        names = [str(name) for name in held["names"]]
        values = dict(zip(names, held["values"].tolist(), strict=True))
        drawn = dict(zip(names, held["draws"], strict=True))
        images = tuple(str(image) for image in held["images"])
        return BootstrapResult(directory, cell, images, values, drawn, held["each"])
    return None


def _write(found: BootstrapResult, state: str) -> None:
    names = list(found.draws)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        state=np.asarray(state),
        names=np.asarray(names),
        values=np.asarray([found.values[name] for name in names]),
        draws=np.stack([found.draws[name] for name in names]),
        images=np.asarray(found.images),
        each=found.each,
    )
    path = _path(found.directory, found.cell)
    # Only a cache: a run directory that cannot be written to can still be read.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(buffer.getvalue())
        temporary.replace(path)
