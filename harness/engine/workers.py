"""Several images at a time, one thread each.

Every model runs on one thread. At the sizes vision models see, many small operators on many
threads wait for each other longer than they work (Faster R-CNN on 320×240: 0.06 s on one thread,
0.26 s on two), and the order of floating-point sums, so the number itself, would depend on the
number of cores. Cores are kept busy by images instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Container, Generator, Iterator, Sequence

from harness.engine.determinism import deterministic
from harness.engine.heartbeats import UNWATCHED, Watch
from harness.engine.pipeline import Prepared, prepare, process
from harness.engine.thread_safety import ThreadSafety
from harness.plugins import ImageRef, Record
from harness.study.plan import Plan
from harness.study.study import Cell, Condition

Job = tuple[ImageRef, list[Cell]]

MOST_WORKERS = 8
"""Images at a time unless the user says more: each holds a model's activations in memory."""


_SOON = 0.5
"""Seconds that one may wait for images at work without being told."""

KEPT_BYTES = 128 << 20
"""Pixels of prepared images that are kept for the next restorer."""


def default_workers() -> int:
    """The cores this process may use, at most `MOST_WORKERS`."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def process_images(
    plan: Plan,
    jobs: Sequence[Job],
    workers: int,
    stopped: Container[Cell] = (),
    run: str = "",
    watch: Watch = UNWATCHED,
    tell_waiting: Callable[[list[str]], None] = lambda images: None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Generator[tuple[Cell, Record], None, None]:
    """The records of the jobs, as they come.

    Args:
        plan: the study.
        jobs: images with the cells that miss them.
        workers: images at a time.
        stopped: cells for which nothing more is computed; the caller may add some meanwhile.
        run: the run directory, for ``watch``.
        watch: told where the workers are.
        tell_waiting: told the images that are waited for, where the caller leaves early.
        tell: told where a restorer is not thread-safe, so that one image at a time is computed.

    Yields:
        A cell and a record. Records of one image in one cell come once; images come in no
        particular order.

    Raises:
        UserError: something fails that is not about one image, see `harness.engine.pipeline`.
    """
    if not jobs:
        return
    import torch

    deterministic(plan.study.seed)
    threads = torch.get_num_threads()
    todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        todo.put(job)
    crew = _Crew(plan, todo, stopped, run, watch)
    at_once = min(workers, len(jobs))
    if at_once > 1:
        crew.safety = ThreadSafety(plan, run, watch, crew.tell)
    team = [
        threading.Thread(target=crew.work, name=f"worker-{number}", daemon=True)
        for number in range(at_once)
    ]
    try:
        with kept_memory():
            for worker in team:
                worker.start()
            try:
                yield from crew.results(len(team), tell)
            finally:
                crew.stop.set()
                soon = time.monotonic() + _SOON
                for worker in team:
                    worker.join(max(0.0, soon - time.monotonic()))
                if images := crew.images_at_work():
                    tell_waiting(images)
                for worker in team:
                    worker.join()
    finally:
        torch.set_num_threads(threads)


class _Crew:
    """What the workers share."""

    def __init__(
        self,
        plan: Plan,
        todo: queue.SimpleQueue[Job],
        stopped: Container[Cell],
        run: str,
        watch: Watch,
    ) -> None:
        self._plan = plan
        self._todo = todo
        self._stopped = stopped
        self._run = run
        self._watch = watch
        self._at_work: dict[str, str] = {}
        self._prepared = _PreparedImages(plan, watch)
        self.safety: ThreadSafety | None = None
        self._done: queue.SimpleQueue[tuple[Cell, Record] | str | BaseException | None] = (
            queue.SimpleQueue()
        )
        self.stop = threading.Event()

    def work(self) -> None:
        """Take images until there are none, or somebody says stop."""
        import torch

        torch.set_num_threads(1)
        try:
            while not self.stop.is_set():
                image, missing = self._todo.get_nowait()
                cells = [cell for cell in missing if cell not in self._stopped]
                if not cells:
                    continue
                if self.safety is None:
                    self._compute(image, cells)
                    continue
                self.safety.see(image, cells)
                with self.safety.turn():
                    if not self.stop.is_set():
                        self._compute(image, cells)
        except queue.Empty:
            pass
        except BaseException as error:  # told to the main thread, which raises it
            self._done.put(error)
        finally:
            self._done.put(None)

    def _compute(self, image: ImageRef, cells: list[Cell]) -> None:
        worker = threading.current_thread().name
        self._at_work[worker] = image.id
        try:
            restorers = " ".join(dict.fromkeys(cell.restorer for cell in cells))
            self._watch.begin(self._run, image.id, [cell.key for cell in cells], restorers)
            conditions = tuple(dict.fromkeys(cell.condition for cell in cells))
            ready = self._prepared.get(image, conditions)
            well = []
            for cell, record in process(self._plan, ready, cells, self._watch):
                self._done.put((cell, record))
                if not record.failed:
                    well.append(cell.key)
                if self.stop.is_set():
                    break
            self._watch.end(well)
        finally:
            del self._at_work[worker]

    def tell(self, sentence: str) -> None:
        """Have the main thread tell it."""
        self._done.put(sentence)

    def images_at_work(self) -> list[str]:
        """Their ids."""
        return sorted(set(self._at_work.values()))

    def results(self, workers: int, tell: Callable[[str], None]) -> Iterator[tuple[Cell, Record]]:
        """What the workers put, until the last one is done."""
        while workers:
            item = self._done.get()
            if item is None:
                workers -= 1
            elif isinstance(item, BaseException):
                raise item
            elif isinstance(item, str):
                tell(item)
            else:
                yield item


class _PreparedImages:
    """Images read and compressed, kept from one restorer to the next as far as memory allows."""

    def __init__(self, plan: Plan, watch: Watch) -> None:
        self._plan = plan
        self._watch = watch
        self._lock = threading.Lock()
        self._conditions: tuple[Condition, ...] = ()
        self._images: dict[str, Prepared] = {}
        self._bytes = 0

    def get(self, image: ImageRef, conditions: tuple[Condition, ...]) -> Prepared:
        """The image, read and compressed for these conditions."""
        with self._lock:
            if conditions == self._conditions and image.id in self._images:
                return self._images[image.id]
        ready = prepare(self._plan, image, conditions, self._watch)
        if ready.original is None:
            return ready
        size = ready.original.nbytes * (1 + len(ready.compressed))
        with self._lock:
            if conditions != self._conditions:  # nobody comes back to the ones before
                self._conditions, self._images, self._bytes = conditions, {}, 0
            if self._bytes + size <= KEPT_BYTES:
                self._images[image.id] = ready
                self._bytes += size
        return ready


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Have the C library keep what models free, for the next image; on Linux with glibc.

    It gives large blocks back to the system at once otherwise, and every page of the next ones is
    mapped and cleared again: SwinIR spends half of its time on that.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        yield
        return
    for parameter, value in _KEEPING:
        mallopt(parameter, value)
    try:
        yield
    finally:
        for parameter, value in _USUAL:
            mallopt(parameter, value)
        if hasattr(ctypes.CDLL(None), "malloc_trim"):
            ctypes.CDLL(None).malloc_trim(0)


_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_KEEPING = ((_TRIM_THRESHOLD, 2**31 - 1), (_MMAP_THRESHOLD, 1 << 30), (_ARENA_MAX, 1))
_USUAL = ((_TRIM_THRESHOLD, 128 << 10), (_MMAP_THRESHOLD, 128 << 10), (_ARENA_MAX, 0))
