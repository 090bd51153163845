"""Finds restorers that give another image when two are restored at the same time."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

import numpy as np

from harness.engine.heartbeats import Watch
from harness.errors import PART_FAILURES, ImageError
from harness.images import fidelity
from harness.images.io import read_image
from harness.plugins import RGB, Codec, ImageRef, Restored, Restorer, as_restored
from harness.study.plan import Plan
from harness.study.study import Cell

SIDE = 256
"""Pixels a side, at most, of the part of the first image that is restored."""

MOST_TRIES = 3
"""Images of which one must be restored, or nothing is found out."""

SAFE, UNSAFE, TRYING = "safe", "unsafe", "trying"


class ThreadSafety:
    """Tries each restorer before its first image; workers that want the same one wait for it.

    A part of the first image and its negative are restored one after the other, then at the same
    time: two images, so that what is kept in one place for both is found out. One that promises to
    be thread-safe (`Restorer.thread_safe`) is not tried. After one that is not, images are
    computed one at a time, whatever they are restored by.

    Args:
        plan: the study.
        run: the run directory, for ``watch``.
        watch: told what is tried: it may end the process.
        tell: told a sentence where a restorer is not thread-safe.
    """

    def __init__(self, plan: Plan, run: str, watch: Watch, tell: Callable[[str], None]) -> None:
        self._plan, self._run, self._watch, self._tell = plan, run, watch, tell
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._one_at_a_time = False
        self._tries: Counter[str] = Counter()
        self._known = {
            name
            for name, restorer in plan.restorers.items()
            if restorer.thread_safe or restorer.reference
        }
        for name in plan.restorers:
            self._recall(name)

    def _recall(self, name: str) -> None:
        """What the processes before this one found out."""
        verdict = self._watch.past.kept.get(f"thread-safety of {name}")
        if verdict is None:
            return
        self._known.add(name)
        if verdict == TRYING:
            self._refuse(
                name, f"The process ended while the restorer {name} restored two images at a time"
            )
        elif verdict == UNSAFE:
            self._one_at_a_time = True

    def turn(self) -> AbstractContextManager[object]:
        """To be held while an image is computed."""
        return self._turn if self._one_at_a_time else contextlib.nullcontext()

    def see(self, image: ImageRef, cells: Collection[Cell]) -> None:
        """Try the restorers of these cells that were not tried yet."""
        names = dict.fromkeys(cell.restorer for cell in cells if cell.condition is not None)
        if self._known.issuperset(names):
            return
        with self._lock:
            for name in names:
                if name not in self._known:
                    self._try(name, image, [cell for cell in cells if cell.restorer == name])

    def _try(self, name: str, image: ImageRef, cells: list[Cell]) -> None:
        note = f"thread-safety of {name}"
        self._tries[name] += 1
        self._watch.begin(self._run, "", [], name)
        self._watch.keep(note, TRYING)
        try:
            same = self._gives_the_same(self._plan.restorers[name], image, cells[0])
        finally:
            self._watch.end(())
        if same is None and self._tries[name] < MOST_TRIES:
            self._watch.keep(note, None)  # the next image will tell
            return
        same = same is not False
        self._watch.keep(note, SAFE if same else UNSAFE)
        self._known.add(name)
        if not same:
            self._refuse(
                name,
                f"The restorer {name} gives another image when two are restored at the same time",
            )

    def _refuse(self, name: str, why: str) -> None:
        self._one_at_a_time = True
        self._watch.keep(f"thread-safety of {name}", UNSAFE)
        self._tell(f"{why}: from here on images are computed one at a time, as with --workers 1.")

    def _gives_the_same(self, restorer: Restorer, image: ImageRef, cell: Cell) -> bool | None:
        """Whether company changes what it gives; None: the image cannot be read or restored."""
        assert cell.condition is not None
        codec, qf = cell.condition
        try:
            whole = read_image(image.path)
        except ImageError:
            return None
        if self._plan.study.luma:
            whole = fidelity.to_luma(whole)
        top, left = (max(0, side - SIDE) // 2 for side in whole.shape[:2])
        part = np.ascontiguousarray(whole[top : top + SIDE, left : left + SIDE])
        return same_in_company(restorer, self._plan.codecs[codec], qf, part)


def same_in_company(restorer: Restorer, codec: Codec, qf: int, image: RGB) -> bool | None:
    """Whether a restorer gives the same image alone and at the same time as its negative.

    Args:
        restorer: prepared for ``qf``.
        codec: compresses both.
        qf: quality factor.
        image: (height, width, 3) uint8 RGB.

    Returns:
        False as well for one that fails in company only. True as well for one that gives another
        image each time it is asked, which threads have no part in. None: it fails alone.
    """

    def restore(pixels: RGB) -> Restored:
        restored = as_restored(restorer.restore(codec.compress(pixels, qf)))
        return Restored(np.array(restored.pixels), restored.predicted_qf)  # not its own buffer

    images = [image, 255 - image]
    try:
        alone = [restore(one) for one in images]
    except PART_FAILURES:
        return None
    # Both: of two that are kept in one place, the later one may come out right.
    together = _at_once(restore, images)
    if all(map(_equal, alone, together)):
        return True
    try:
        return not all(map(_equal, alone, [restore(one) for one in images]))
    except PART_FAILURES:
        return False


def _at_once(restore: Callable[[RGB], Restored], images: list[RGB]) -> list[Restored | None]:
    """What threads that begin at the same moment make of the images; None where one fails."""
    import torch

    threads_of_torch = torch.get_num_threads()
    start = threading.Barrier(len(images))
    results: list[Restored | None] = [None] * len(images)

    def work(number: int) -> None:
        torch.set_num_threads(threads_of_torch)  # those of a thread are its own
        start.wait()
        with contextlib.suppress(*PART_FAILURES):
            results[number] = restore(images[number])

    team = [
        threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(images))
    ]
    for worker in team:
        worker.start()
    for worker in team:
        worker.join()
    return results


def _equal(one: Restored, other: Restored | None) -> bool:
    if other is None:
        return False
    return one.predicted_qf == other.predicted_qf and np.array_equal(one.pixels, other.pixels)
