"""One image's way: read → compress → restore → predict → record.

Each step is done once however many cells need its result: one read and one compression a QF
serve every restorer, one restoration serves every task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.engine.failures import check_restored, failure_sentence, raise_if_general
from harness.engine.heartbeats import UNWATCHED, Watch
from harness.errors import PART_FAILURES, HarnessError, ImageError
from harness.images import fidelity
from harness.images.io import read_image
from harness.plugins import RGB, Compressed, ImageRef, Json, Record, Restorer, as_restored
from harness.study.grid import TaskPlan
from harness.study.plan import Plan
from harness.study.study import Cell, Condition

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """An image read and compressed, ready for the models.

    Attributes:
        image: which one.
        original: the uncompressed pixels, None when reading failed.
        compressed: by codec and QF.
        seconds: reading by None, compressing by codec and QF.
        errors: by codec and QF, the sentence saying why there is no compressed image; by None,
            why there is no original.
        references: what a vision model says of the original, by task: see `_reference`.
    """

    image: ImageRef
    original: RGB | None
    compressed: dict[Condition, Compressed] = field(default_factory=dict)
    seconds: dict[Condition, float] = field(default_factory=dict)
    errors: dict[Condition, str] = field(default_factory=dict)
    references: dict[str, object] = field(default_factory=dict)


def prepare(
    plan: Plan, image: ImageRef, conditions: Collection[Condition], watch: Watch = UNWATCHED
) -> Prepared:
    """Read ``image``, take its luma if the study says so, and compress it for ``conditions``.

    Args:
        plan: the study.
        image: which one.
        conditions: codecs and QFs; None, the uncompressed image, is there in any case.
        watch: told of every step.
    """
    watch.step("reading", ())
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
        watch.step(f"codec {codec}", plan.keys[condition], original.size // 3)
        began = time.perf_counter()
        try:
            ready.compressed[condition] = plan.codecs[codec].compress(original, qf)
        except PART_FAILURES as error:  # too large for the format, or a plugin's mistake
            raise_if_general(error)
            ready.errors[condition] = failure_sentence(f"codec {codec}", image.id, error)
        ready.seconds[condition] = time.perf_counter() - began
    return ready


def process(
    plan: Plan, ready: Prepared, wanted: Collection[Cell], watch: Watch = UNWATCHED
) -> Iterator[tuple[Cell, Record]]:
    """The records of one image for the ``wanted`` cells.

    Args:
        plan: the study.
        ready: what `prepare` made.
        wanted: the cells that still miss this image.
        watch: told of every step.

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
            yield from _restored(plan, ready, restorer, cells, watch)


def _restored(
    plan: Plan, ready: Prepared, restorer: Restorer, cells: list[Cell], watch: Watch
) -> Iterator[tuple[Cell, Record]]:
    condition = cells[0].condition  # of all
    if ready.original is None or condition in ready.errors:
        failed = Record(ready.image.id, error=ready.errors[condition])
        yield from ((cell, failed) for cell in cells)
        return
    original = ready.original
    seconds = {"read": ready.seconds[None]}
    compressed = None if condition is None else ready.compressed[condition]
    predicted_qf = tile = None
    who = f"restorer {restorer.name}"
    watch.step(who, [cell.key for cell in cells], original.size // 3)
    try:
        if compressed is None:
            pixels = original
        else:
            seconds["compress"] = ready.seconds[condition]
            # A copy of its own: a restorer that works in place must not reach the next column.
            writable = replace(compressed, pixels=compressed.pixels.copy())
            restored = as_restored(_timed(seconds, "restore", lambda: restorer.restore(writable)))
            check_restored(restorer.name, original, restored)
            pixels, predicted_qf, tile = restored.pixels, restored.predicted_qf, restored.tile
    except PART_FAILURES as error:  # any restorer may fail on any image; the others go on
        raise_if_general(error)
        message = failure_sentence(who, ready.image.id, error)
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
        tile=tile,
        fidelity=_timed(seconds, "fidelity", lambda: score(original, pixels)),
    )
    for cell in cells:
        watch.step(_model_name(cell), [cell.key], original.size // 3)
        yield cell, _predicted(plan, cell, pixels, ready, record, dict(seconds))


def _model_name(cell: Cell) -> str:
    return f"{cell.task} model {cell.model}" if cell.model else cell.task


def _predicted(
    plan: Plan, cell: Cell, pixels: RGB, ready: Prepared, record: Record, seconds: dict[str, float]
) -> Record:
    part, image = plan.tasks[cell.task], ready.image
    against = part.task.against_model
    model = part.model
    try:
        prediction: object = None
        reference = _reference(part, cell.task, ready) if against else None
        if against and pixels is ready.original:
            prediction = reference
        elif model is not None:
            prediction = _timed(seconds, "predict", lambda: model.predict(pixels))

        def outcome() -> Json:
            if against:
                return part.task.compared(prediction, reference, image.id)
            return part.task.outcome(prediction, plan.data_set, image.id)

        measured = _timed(seconds, "outcome", outcome)
        _check_outcome(cell.task, measured)
    except PART_FAILURES as error:  # as above: named, recorded, and the other cells go on
        raise_if_general(error)
        return replace(record, error=failure_sentence(_model_name(cell), image.id, error))
    return replace(record, outcome=dict(measured), seconds=seconds)


def _check_outcome(task: str, outcome: object) -> None:
    if not isinstance(outcome, Mapping):
        raise HarnessError(
            f"the task {task} made {type(outcome).__name__} of the prediction; its outcome must be "
            "a dictionary"
        )


def _reference(part: TaskPlan, task: str, ready: Prepared) -> object:
    """The model's prediction on the uncompressed image, made once an image."""
    if task not in ready.references:
        assert part.model is not None and ready.original is not None
        ready.references[task] = part.model.predict(ready.original)
    return ready.references[task]


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], T]) -> T:
    began = time.perf_counter()
    result = work()
    seconds[stage] = time.perf_counter() - began
    return result
