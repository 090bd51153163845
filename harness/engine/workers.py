"""Several images at a time, one thread each.

Every model runs on one thread. At the sizes vision models see, many small operators on many
threads wait for each other longer than they work (Faster R-CNN on 320×240: 0.06 s on one thread,
0.26 s on two), and the order of floating-point sums, so the number itself, would depend on the
number of cores. Cores are kept busy by images instead.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Container, Generator, Iterator, Sequence

from harness.engine.pipeline import prepare, process
from harness.plugins import ImageRef, Record
from harness.study.plan import Plan
from harness.study.study import Cell

Job = tuple[ImageRef, list[Cell]]

MOST_WORKERS = 8
"""Images at a time unless the user says more: each holds a model's activations in memory."""


def default_workers() -> int:
    """The cores this process may use, at most `MOST_WORKERS`."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def process_images(
    plan: Plan, jobs: Sequence[Job], workers: int, stopped: Container[Cell] = ()
) -> Generator[tuple[Cell, Record], None, None]:
    """The records of the jobs, as they come.

    Args:
        plan: the study.
        jobs: images with the cells that miss them.
        workers: images at a time.
        stopped: cells for which nothing more is computed; the caller may add some meanwhile.

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
    crew = _Crew(plan, todo, stopped)
    team = [
        threading.Thread(target=crew.work, name=f"worker-{number}", daemon=True)
        for number in range(min(workers, len(jobs)))
    ]
    for worker in team:
        worker.start()
    try:
        yield from crew.results(len(team))
    finally:
        crew.stop.set()
        for worker in team:
            worker.join()
        torch.set_num_threads(threads)


class _Crew:
    """What the workers share."""

    def __init__(self, plan: Plan, todo: queue.SimpleQueue[Job], stopped: Container[Cell]) -> None:
        self._plan = plan
        self._todo = todo
        self._stopped = stopped
        self._done: queue.SimpleQueue[tuple[Cell, Record] | BaseException | None] = (
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
                conditions = list(dict.fromkeys(cell.condition for cell in cells))
                for item in process(self._plan, prepare(self._plan, image, conditions), cells):
                    self._done.put(item)
                    if self.stop.is_set():
                        break
        except queue.Empty:
            pass
        except BaseException as error:  # told to the main thread, which raises it
            self._done.put(error)
        finally:
            self._done.put(None)

    def results(self, workers: int) -> Iterator[tuple[Cell, Record]]:
        """What the workers put, until the last one is done."""
        while workers:
            item = self._done.get()
            if item is None:
                workers -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item


def deterministic(seed: int) -> None:
    """Seed the process's random generators and make torch prefer deterministic algorithms."""
    import numpy as np
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
