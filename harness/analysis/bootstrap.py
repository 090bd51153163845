"""A cell's metrics, and what they are in the bootstrap's draws."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from harness.analysis.inference import Interval, interval
from harness.analysis.metrics import cell_state_hash, write_cache
from harness.analysis.resampling import DRAWS, resample_weights
from harness.assets.reading import open_regular
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


def load_bootstrap(
    directory: RunDirectory,
    keys: Collection[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> dict[str, BootstrapResult]:
    """The bootstrap results of a run directory's cells that have any records, by key, in order.

    What is computed is kept in the run directory and read from there the next time.

    Args:
        directory: the records.
        keys: the cells wanted; all by default.
        draws: of the bootstrap; 0 for none.
        seed: of the draws.
        only: image ids to restrict to.
    """
    cells = [c for c in directory.manifest().cells if keys is None or c.key in keys]
    # One after the other: matching holds Python's lock, and two at a time take longer than in turn.
    results = (_resample(directory, cell, draws, seed, only) for cell in cells)
    try:
        known = [result for result in _logged(results, len(cells)) if result is not None]
    except KeyboardInterrupt:
        _LOG.info("Stopped. The intervals computed so far are kept.")
        raise
    return {result.cell.key: result for result in known}


def _logged(
    results: Iterable[BootstrapResult | None], count: int
) -> Iterator[BootstrapResult | None]:
    """The results as they come, with a line now and then where they take long."""
    began = last = time.monotonic()
    for done, result in enumerate(results, start=1):
        now = time.monotonic()
        if now - last > _SECONDS_BETWEEN_LINES and done < count:
            last = now
            left = (now - began) / done * (count - done)
            _LOG.info("intervals: %d of %d cells, about %.0f s left", done, count, left)
        yield result


SubsetResults = dict[tuple[str, str, frozenset[str]], BootstrapResult]
"""Results on some of a cell's images, by run directory, cell key and images."""


def on_images(
    result: BootstrapResult,
    images: frozenset[str],
    draws: int,
    seed: int,
    known: SubsetResults | None = None,
) -> BootstrapResult:
    """The result of a cell on some of its images, computed again unless they are all.

    Args:
        result: of the cell.
        images: of its images, at least one.
        draws: of the bootstrap.
        seed: of the draws.
        known: what was computed again before, for whoever asks often; it is added to.
    """
    if len(result.images) == len(images):
        return result
    known = {} if known is None else known
    key = (str(result.directory.path), result.cell.key, images)
    if key not in known:
        subset = _resample(result.directory, result.cell, draws, seed, images)
        assert subset is not None, "a cell with records of these images has a result on them"
        known[key] = subset
    return known[key]


def _resample(
    directory: RunDirectory, cell: CellEntry, draws: int, seed: int, only: Collection[str] | None
) -> BootstrapResult | None:
    """The result of a cell, from the cache where it is of the same records; None without any."""
    task = registry.tasks().get(cell.task)()
    # Before the records are read, as in `measure`.
    state = f"{VERSION}-{draws}-{seed}-{cell_state_hash(directory, cell, task.version)}"
    if only is not None:
        ids = "\n".join(sorted(only)).encode(errors="surrogatepass")
        state += f"-{hashlib.sha256(ids).hexdigest()}"
    cached = _read(directory, cell, state)
    if cached is not None:
        return cached
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
    once = sample.aggregate(np.ones((1, len(good)), np.int32))
    result = BootstrapResult(
        directory=directory,
        cell=cell,
        images=tuple(good),
        values={name: float(value[0]) for name, value in once.items()},
        draws=sample.aggregate(resample_weights(len(good), draws, seed)),
        each=sample.per_image(),
    )
    if only is None:
        _write(result, state)
    return result


_MOST_CACHED = 1 << 30
"""Bytes of the arrays of a cached result. Those of one that has more are computed each time."""


def _path(directory: RunDirectory, cell: CellEntry) -> Path:
    return directory.path / "statistics" / f"{cell.key}.{cell.fingerprint[:12]}.npz"


def _read(directory: RunDirectory, cell: CellEntry, state: str) -> BootstrapResult | None:
    unreadable = contextlib.suppress(
        *(OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, MemoryError),
        *(BadZipFile, zlib.error),
    )
    with unreadable, open_regular(_path(directory, cell)) as file:
        if not _small(file):
            return None
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            if str(arrays["state"]) != state:
                return None
            names = [str(name) for name in arrays["names"]]
            return BootstrapResult(
                directory=directory,
                cell=cell,
                images=tuple(str(image) for image in arrays["images"]),
                values=dict(zip(names, arrays["values"].tolist(), strict=True)),
                draws=dict(zip(names, arrays["draws"], strict=True)),
                each=arrays["each"],
            )
    return None


def _small(file: IO[bytes]) -> bool:
    """Whether the arrays of a file are few, by what it declares: more than that is not inflated."""
    with ZipFile(file) as members:
        return sum(member.file_size for member in members.infolist()) <= _MOST_CACHED


def _write(result: BootstrapResult, state: str) -> None:
    names = list(result.draws)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        state=np.asarray(state),
        names=np.asarray(names),
        values=np.asarray([result.values[name] for name in names]),
        draws=np.stack([result.draws[name] for name in names]),
        images=np.asarray(result.images),
        each=result.each,
    )
    if _small(buffer):
        write_cache(_path(result.directory, result.cell), buffer.getvalue())
