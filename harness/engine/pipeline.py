"""One image's way: read → compress → restore → predict → record.

Each step is done once however many cells need its result: one read and one compression a QF
serve every restorer, one restoration serves every task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.errors import HarnessError, ImageError, UserError
from harness.images import fidelity
from harness.images.io import read_image
from harness.plugins.record import Record
from harness.plugins.restorer import Restored
from harness.plugins.types import RGB, Json
from harness.study.plan import Plan
from harness.study.study import Cell, Condition


@dataclass(frozen=True)
class Prepared:
    """An image read and compressed, ready for the models.

    Attributes:
        image: the `ImageRef`.
        original: the uncompressed pixels, None when reading failed.
        compressed: by codec and QF.
        seconds: reading by None, compressing by codec and QF.
        errors: by codec and QF, the sentence saying why there is no compressed image; by None,
            why there is no original.
        references: what a vision model says of the original, by task: see `_reference`.
    """

    image: Any
    original: RGB | None
    compressed: dict[Condition, Any] = field(default_factory=dict)
    seconds: dict[Condition, float] = field(default_factory=dict)
    errors: dict[Condition, str] = field(default_factory=dict)
    references: dict[str, Any] = field(default_factory=dict)


def prepare(plan: Plan, image: Any, conditions: Collection[Condition]) -> Prepared:
    """Read ``image``, take its luma if the study says so, and compress it for ``conditions``.

    Args:
        plan: the study.
        image: an `ImageRef`.
        conditions: codecs and QFs; None, the uncompressed image, is there in any case.
    """
    began = time.perf_counter()
    try:
        original = read_image(image.path)
    except ImageError as error:
        return Prepared(image, None, errors=dict.fromkeys([None, *conditions], str(error)))
    if plan.study.luma:
        original = fidelity.to_luma(original)
    ready = Prepared(image, original, seconds={None: time.perf_counter() - began})
    for condition in conditions:
        if condition is None:
            continue
        codec, qf = condition
        began = time.perf_counter()
        try:
            ready.compressed[condition] = plan.codecs[codec].compress(original, qf)
        except Exception as error:  # too large for the format, or a plugin's mistake
            _raise_if_general(error)
            ready.errors[condition] = _sentence(f"codec {codec}", image.id, error)
        ready.seconds[condition] = time.perf_counter() - began
    return ready


def process(plan: Plan, ready: Prepared, wanted: Collection[Cell]) -> Iterator[tuple[Cell, Record]]:
    """The records of one image for the ``wanted`` cells.

    Args:
        plan: the study.
        ready: what `prepare` made.
        wanted: the cells that still miss this image.

    Yields:
        A cell and its record. A failed step gives records with ``error`` instead of an
        ``outcome``; later cells go on.

    Raises:
        UserError: something fails that is not about this image, such as missing weights: every
            other image would fail too, and mending it must not leave failed records behind.
    """
    for name, restorer in plan.restorers.items():
        mine = [cell for cell in wanted if cell.restorer == name]
        for condition in dict.fromkeys(cell.condition for cell in mine):
            cells = [cell for cell in mine if cell.condition == condition]
            yield from _restored(plan, ready, restorer, condition, cells)


def _restored(
    plan: Plan, ready: Prepared, restorer: Any, condition: Condition, cells: list[Cell]
) -> Iterator[tuple[Cell, Record]]:
    if ready.original is None or condition in ready.errors:
        failed = Record(ready.image.id, error=ready.errors[condition])
        yield from ((cell, failed) for cell in cells)
        return
    original = ready.original
    seconds = {"read": ready.seconds[None]}
    compressed = None if condition is None else ready.compressed[condition]
    predicted_qf = None
    try:
        if compressed is None:
            pixels = original
        else:
            seconds["compress"] = ready.seconds[condition]
            # A copy of its own: a restorer that works in place must not reach the next column.
            writable = replace(compressed, pixels=compressed.pixels.copy())
            restored = _timed(seconds, "restore", lambda: restorer.restore(writable))
            # A restorer may return an image, or one with what it says about the file.
            pixels = restored.pixels if isinstance(restored, Restored) else restored
            predicted_qf = restored.predicted_qf if isinstance(restored, Restored) else None
        _same_size(restorer.name, original, pixels)
    except Exception as error:  # any restorer may fail on any image; the others go on
        _raise_if_general(error)
        message = _sentence(f"restorer {restorer.name}", ready.image.id, error)
        yield from ((cell, Record(ready.image.id, error=message)) for cell in cells)
        return
    height, width = original.shape[:2]
    size = original.size if compressed is None else len(compressed.data)
    score = fidelity.luma_fidelity if plan.study.luma else fidelity.fidelity
    record = Record(
        image=ready.image.id,
        height=height,
        width=width,
        bytes=size,
        bpp=8 * size / (height * width),
        predicted_qf=None if predicted_qf is None else float(predicted_qf),
        fidelity=_timed(seconds, "fidelity", lambda: score(original, pixels)),
    )
    for cell in cells:
        yield cell, _predicted(plan, cell, pixels, ready, record, dict(seconds))


def _predicted(
    plan: Plan, cell: Cell, pixels: RGB, ready: Prepared, record: Record, seconds: dict[str, float]
) -> Record:
    part, image = plan.tasks[cell.task], ready.image
    against = part.task.against_model
    try:
        prediction = None
        reference = _reference(part, cell.task, ready) if against else None
        if against and pixels is ready.original:
            prediction = reference
        elif part.model is not None:
            prediction = _timed(seconds, "predict", lambda: part.model.predict(pixels))

        def outcome() -> Json:
            if against:
                return dict(part.task.compared(prediction, reference, image.id))
            return dict(part.task.outcome(prediction, plan.data_set, image.id))

        measured = _timed(seconds, "outcome", outcome)
    except Exception as error:  # as above: named, recorded, and the other cells go on
        _raise_if_general(error)
        who = f"{cell.task} model {cell.model}" if cell.model else cell.task
        return replace(record, error=_sentence(who, image.id, error))
    return replace(record, outcome=measured, seconds=seconds)


def _reference(part: Any, task: str, ready: Prepared) -> Any:
    """The model's prediction on the uncompressed image, made once an image."""
    if task not in ready.references:
        ready.references[task] = part.model.predict(ready.original)
    return ready.references[task]


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = work()
    seconds[stage] = time.perf_counter() - began
    return result


def _same_size(name: str, original: RGB, pixels: RGB) -> None:
    if pixels.shape != original.shape or pixels.dtype != np.uint8:
        raise HarnessError(
            f"{name} gave {pixels.dtype} {pixels.shape} for an image of {original.shape}; "
            "a restorer must return uint8 RGB of the same size"
        )


def _raise_if_general(error: Exception) -> None:
    if isinstance(error, UserError) and not isinstance(error, ImageError):
        raise error


def _sentence(who: str, image_id: str, error: Exception) -> str:
    kind = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
    reason = " ".join(str(error).split())  # torch's messages have several lines
    return f"{who} failed on {image_id}: {kind}{reason}"
