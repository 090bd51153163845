"""Finds restorers and vision models that two threads may not use at the same time."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import TypeVar

import numpy as np

from harness.engine.heartbeats import Watch
from harness.errors import PART_FAILURES, ImageError
from harness.images import fidelity
from harness.images.io import read_image
from harness.plugins import RGB, Codec, ImageRef, Restored, Restorer, VisionModel, as_restored
from harness.study.plan import Plan
from harness.study.study import Cell

T = TypeVar("T")

SIDE = 256
"""Pixels a side, at most, of the part of the first image that is restored."""

MOST_TRIES = 3
"""Images of which one must be restored or tell something to the model, or nothing is found out."""

SAFE, UNSAFE, TRYING = "safe", "unsafe", "trying"


class ThreadSafety:
    """Tries restorers and models before their first image; workers that want the same one wait.

    A part of the first image and its negative are restored one after the other, then at the same
    time: two images, so that what is kept in one place for both is found out. A vision model is
    given the whole image and its mirror image. One that promises to be thread-safe
    (`Restorer.thread_safe`, `VisionModel.thread_safe`) is not tried. After one that is not, images
    are computed one at a time, whatever they are computed by.

    Args:
        plan: the study.
        run: the run directory, for ``watch``.
        watch: told what is tried: it may end the process.
        tell: told a sentence where one is not thread-safe.
    """

    def __init__(self, plan: Plan, run: str, watch: Watch, tell: Callable[[str], None]) -> None:
        self._plan, self._run, self._watch, self._tell = plan, run, watch, tell
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._one_at_a_time = False
        self._tries: Counter[_Part] = Counter()
        self._known: set[_Part] = set()
        for part in dict.fromkeys(part for cell in plan.cells for part in self._parts(cell)):
            self._recall(part)

    def _parts(self, cell: Cell) -> list[_Part]:
        """Those that are at work in a cell, and do not promise to be thread-safe."""
        restorer, model = self._plan.restorers[cell.restorer], self._plan.tasks[cell.task].model
        parts = []
        if cell.condition is not None and not (restorer.thread_safe or restorer.reference):
            parts.append(_Part("restorer", cell.restorer))
        if model is not None and not model.thread_safe:
            parts.append(_Part(f"{cell.task} model", cell.model, cell.task))
        return parts

    def _recall(self, part: _Part) -> None:
        """What the processes before this one found out."""
        verdict = self._watch.past.kept.get(part.note)
        if verdict is None:
            return
        self._known.add(part)
        if verdict == TRYING:
            done = "predicted" if part.task else "restored"
            self._refuse(part, f"The process ended while the {part} {done} two images at a time")
        elif verdict == UNSAFE:
            self._one_at_a_time = True

    def turn(self) -> AbstractContextManager[object]:
        """To be held while an image is computed."""
        return self._turn if self._one_at_a_time else contextlib.nullcontext()

    def see(self, image: ImageRef, cells: Collection[Cell]) -> None:
        """Try what is at work in these cells and was not tried yet."""
        first = {part: cell for cell in reversed([*cells]) for part in self._parts(cell)}
        if self._known.issuperset(first):
            return
        with self._lock:
            for part in sorted(first, key=lambda part: bool(part.task)):
                if part not in self._known:
                    self._try(part, image, first[part])

    def _try(self, part: _Part, image: ImageRef, cell: Cell) -> None:
        self._tries[part] += 1
        self._watch.begin(self._run, "", [], str(part))
        self._watch.keep(part.note, TRYING)
        try:
            same = self._gives_the_same(part, image, cell)
        finally:
            self._watch.end(())
        if same is None and self._tries[part] < MOST_TRIES:
            self._watch.keep(part.note, None)  # the next image will tell
            return
        same = same is not False
        self._watch.keep(part.note, SAFE if same else UNSAFE)
        self._known.add(part)
        if not same:
            what = "predicts something else" if part.task else "gives another image"
            done = "predicted" if part.task else "restored"
            self._refuse(part, f"The {part} {what} when two are {done} at the same time")

    def _refuse(self, part: _Part, why: str) -> None:
        self._one_at_a_time = True
        self._watch.keep(part.note, UNSAFE)
        self._tell(f"{why}: from here on images are computed one at a time, as with --workers 1.")

    def _gives_the_same(self, part: _Part, image: ImageRef, cell: Cell) -> bool | None:
        """Whether company changes what it gives; None: this image does not tell."""
        try:
            whole = read_image(image.path)
        except ImageError:
            return None
        if self._plan.study.luma:
            whole = fidelity.to_luma(whole)
        model = self._plan.tasks[part.task].model if part.task else None
        if model is not None:
            return predicts_the_same(model, whole)
        assert cell.condition is not None
        codec, qf = cell.condition
        top, left = (max(0, side - SIDE) // 2 for side in whole.shape[:2])
        crop = np.ascontiguousarray(whole[top : top + SIDE, left : left + SIDE])
        return restores_the_same(
            self._plan.restorers[cell.restorer], self._plan.codecs[codec], qf, crop
        )


@dataclasses.dataclass(frozen=True)
class _Part:
    """A restorer, or a vision model of a task.

    Attributes:
        kind: what it is, in a sentence.
        name: its own.
        task: of a vision model; empty for restorers.
    """

    kind: str
    name: str
    task: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def note(self) -> str:
        """Under which a process tells the next one what it found out."""
        return f"thread-safety of {self if self.task else self.name}"


def restores_the_same(restorer: Restorer, codec: Codec, qf: int, image: RGB) -> bool | None:
    """Whether a restorer gives the same image alone and at the same time as its negative.

    Args:
        restorer: prepared for ``qf``.
        codec: compresses both.
        qf: quality factor.
        image: (height, width, 3) uint8 RGB.

    Returns:
        See `same_in_company`.
    """

    def restore(pixels: RGB) -> Restored:
        restored = as_restored(restorer.restore(codec.compress(pixels, qf)))
        return Restored(np.array(restored.pixels), restored.predicted_qf)  # not its own buffer

    return same_in_company(restore, [image, 255 - image])


def predicts_the_same(model: VisionModel, image: RGB) -> bool | None:
    """Whether a vision model says the same of an image alone and at the same time as its mirror's.

    Args:
        model: prepared.
        image: (height, width, 3) uint8 RGB.

    Returns:
        See `same_in_company`; None as well where it says the same of both: one that found nothing
        could not have mixed anything up.
    """

    def predict(pixels: RGB) -> object:
        prediction = model.predict(pixels.copy())
        try:
            return copy.deepcopy(prediction)  # not its own buffer
        except PART_FAILURES:
            return prediction

    images = [image, np.ascontiguousarray(image[:, ::-1])]
    return same_in_company(predict, images, must_differ=True)


def same_in_company(
    compute: Callable[[RGB], T], images: list[RGB], must_differ: bool = False
) -> bool | None:
    """Whether something is computed of images alone as it is of all of them at the same time.

    Args:
        compute: of an image.
        images: different ones.
        must_differ: equal results tell nothing.

    Returns:
        False as well for what fails in company only. True as well for what gives something else
        each time it is asked, which threads have no part in. None: it fails alone.
    """
    try:
        alone = [compute(image) for image in images]
    except PART_FAILURES:
        return None
    if must_differ and all(equal(alone[0], other) for other in alone[1:]):
        return None
    # All: of two that are kept in one place, the later one may come out right.
    together = _at_once(compute, images)
    if all(map(equal, alone, together)):
        return True
    try:
        return not all(map(equal, alone, [compute(image) for image in images]))
    except PART_FAILURES:
        return False


def _at_once(compute: Callable[[RGB], T], images: list[RGB]) -> list[T | None]:
    """What threads that begin at the same moment make of the images; None where one fails."""
    import torch

    threads_of_torch = torch.get_num_threads()
    start = threading.Barrier(len(images))
    results: list[T | None] = [None] * len(images)

    def work(number: int) -> None:
        torch.set_num_threads(threads_of_torch)  # those of a thread are its own
        start.wait()
        with contextlib.suppress(*PART_FAILURES):
            results[number] = compute(images[number])

    team = [
        threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(images))
    ]
    for worker in team:
        worker.start()
    for worker in team:
        worker.join()
    return results


def equal(one: object, other: object) -> bool:
    """Whether two results are the same, whatever they are made of; False where nothing tells."""
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(equal(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    try:
        arrays = np.asarray(one), np.asarray(other)
        if arrays[0].dtype == object:
            return bool(one == other)
        shapes = {(array.shape, array.dtype) for array in arrays}
        return len(shapes) == 1 and arrays[0].tobytes() == arrays[1].tobytes()
    except PART_FAILURES:
        return False
