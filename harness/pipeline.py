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
from numpy.typing import NDArray

from harness import fidelity
from harness.errors import HarnessError, ImageError, UserError
from harness.images import read_image
from harness.plan import Plan
from harness.study import Cell

RGB = NDArray[np.uint8]
Json = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """An image read and compressed, ready for the models.

    Attributes:
        image: the `ImageRef`.
        original: the uncompressed pixels, None when reading failed.
        compressed: by QF.
        seconds: ``read`` once, and compressing by QF.
        errors: by QF, the sentence saying why there is no compressed image; by None, why there
            is no original.
    """

    image: Any
    original: RGB | None
    compressed: dict[int, Any] = field(default_factory=dict)
    seconds: dict[Any, float] = field(default_factory=dict)
    errors: dict[int | None, str] = field(default_factory=dict)


def prepare(plan: Plan, image: Any, qfs: Collection[int]) -> Prepared:
    """Read ``image``, take its luma if the study says so, and compress it at each of ``qfs``."""
    began = time.perf_counter()
    try:
        original = read_image(image.path)
    except ImageError as error:
        return Prepared(image, None, errors=dict.fromkeys([None, *qfs], str(error)))
    if plan.study.luma:
        original = fidelity.to_luma(original)
    ready = Prepared(image, original, seconds={"read": time.perf_counter() - began})
    for qf in qfs:
        began = time.perf_counter()
        try:
            ready.compressed[qf] = plan.codec.compress(original, qf)
        except Exception as error:  # too large for the format, or a plugin's mistake
            _raise_if_general(error)
            ready.errors[qf] = _sentence(f"codec {plan.codec.name}", image.id, error)
        ready.seconds[qf] = time.perf_counter() - began
    return ready


def process(plan: Plan, ready: Prepared, wanted: Collection[Cell]) -> Iterator[tuple[Cell, Json]]:
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
        for qf in dict.fromkeys(cell.qf for cell in wanted if cell.restorer == name):
            cells = [cell for cell in wanted if cell.restorer == name and cell.qf == qf]
            yield from _restored(plan, ready, restorer, qf, cells)


def _restored(
    plan: Plan, ready: Prepared, restorer: Any, qf: int | None, cells: list[Cell]
) -> Iterator[tuple[Cell, Json]]:
    base: Json = {"image": ready.image.id}
    if ready.original is None or qf in ready.errors:
        yield from ((cell, {**base, "error": ready.errors[qf]}) for cell in cells)
        return
    seconds = {"read": ready.seconds["read"]}
    compressed = None if qf is None else ready.compressed[qf]
    try:
        if compressed is None:
            pixels = ready.original
        else:
            seconds["compress"] = ready.seconds[qf]
            # A copy of its own: a restorer that works in place must not reach the next column.
            own = replace(compressed, pixels=compressed.pixels.copy())
            result = _timed(seconds, "restore", lambda: restorer.restore(own))
            # A restorer may return an image, or one with what it says about the file.
            pixels = getattr(result, "pixels", result)
            predicted = getattr(result, "predicted_qf", None)
            if predicted is not None:
                base["predicted_qf"] = float(predicted)
        _same_size(restorer.name, ready.original, pixels)
    except Exception as error:  # any restorer may fail on any image; the others go on
        _raise_if_general(error)
        message = _sentence(f"restorer {restorer.name}", ready.image.id, error)
        yield from ((cell, {**base, "error": message}) for cell in cells)
        return
    base["height"], base["width"] = ready.original.shape[:2]
    base["bytes"] = ready.original.size if compressed is None else len(compressed.data)
    base["bpp"] = 8 * base["bytes"] / (base["height"] * base["width"])
    original = ready.original
    score = fidelity.luma_fidelity if plan.study.luma else fidelity.fidelity
    base["fidelity"] = _timed(seconds, "fidelity", lambda: score(original, pixels))
    for cell in cells:
        yield cell, {**base, **_predicted(plan, cell, pixels, ready.image, dict(seconds))}


def _predicted(plan: Plan, cell: Cell, pixels: RGB, image: Any, seconds: dict[str, float]) -> Json:
    part = plan.tasks[cell.task]
    try:
        prediction = None
        if part.model is not None:
            prediction = _timed(seconds, "predict", lambda: part.model.predict(pixels))
        outcome = _timed(
            seconds, "outcome", lambda: part.task.outcome(prediction, plan.data_set, image.id)
        )
    except Exception as error:  # as above: named, recorded, and the other cells go on
        _raise_if_general(error)
        who = f"{cell.task} model {cell.model}" if cell.model else cell.task
        return {"error": _sentence(who, image.id, error)}
    return {"outcome": outcome, "seconds": seconds}


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
