"""Which images are shown, from the records alone, and why."""

from __future__ import annotations

import difflib
import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.metrics import headline, measure
from harness.errors import UserError
from harness.panels.changes import Changes, measure_changes, split
from harness.panels.reasons import asked, ordinal, values
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest

_LOG = logging.getLogger(__name__)

UNDONE = "jpeg"
"""The restorer that does nothing: every panel shows it, and changes are counted from it."""

TOP = 4
"""Images a task unless the user says more."""


@dataclass(frozen=True)
class PanelRequest:
    """What the user asked for.

    Attributes:
        tasks: task names; all of the run if empty.
        qf: quality factor; the lowest of the run if None.
        codec: codec name; the first of the run if None.
        restorers: what to show besides the uncompressed and the compressed image; all if empty.
        between: the two restorers whose difference counts; `UNDONE` and the best if None.
        images: image ids; chosen by the records if empty.
        top: images a task.
        worst: only images that the second restorer hurts.
        keys: of the cells to keep to (`harness.study.study.Cell.key`); all of the run if None.
    """

    tasks: tuple[str, ...] = ()
    qf: int | None = None
    codec: str | None = None
    restorers: tuple[str, ...] = ()
    between: tuple[str, str] | None = None
    images: tuple[str, ...] = ()
    top: int = TOP
    worst: bool = False
    keys: frozenset[str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The restorers that the user named."""
        return (*self.restorers, *(self.between or ()))


@dataclass(frozen=True)
class Choice:
    """One image to show.

    Attributes:
        task, codec, qf: the row of the table.
        image: its id.
        restorers: to show, in table order, without the reference and `UNDONE`.
        between: the two restorers that are compared.
        reason: a sentence: why this image, with both values.
        missing: restorers of the row that would be shown, but cannot be.
    """

    task: str
    codec: str
    qf: int
    image: str
    restorers: tuple[str, ...]
    between: tuple[str, str]
    reason: str
    missing: tuple[str, ...] = ()


def choose(
    directory: RunDirectory, request: PanelRequest, without: Collection[str] = ()
) -> list[Choice]:
    """The images to show, task by task.

    Args:
        directory: the run.
        request: what the user asked for.
        without: restorers to leave out, unless the user named them.

    Raises:
        UserError: the run has no such task, codec, QF, restorer or image.
    """
    manifest = directory.manifest()
    kept = [c for c in manifest.cells if request.keys is None or c.key in request.keys]
    cells = [cell for cell in kept if cell.qf is not None]
    every = list(dict.fromkeys(cell.task for cell in cells))
    tasks = request.tasks or tuple(every)
    for task in tasks:
        _known("task", task, every, directory)
    for image in request.images:
        _known("image", image, manifest.data_set.ids, directory)
    found: list[Choice] = []
    nothing: list[str] = []
    for task in tasks:
        mine = [cell for cell in cells if cell.task == task]
        codec, qf = _place(mine, request, directory)
        row = [cell for cell in mine if (cell.codec, cell.qf) == (codec, qf)]
        picked = _of_row(directory, manifest, row, request, without)
        if not picked:
            nothing.append(_nothing(task, codec, qf, request))
            _LOG.info(nothing[-1])
        found += picked
    if not found:
        raise UserError(nothing[0])
    return found


def _nothing(task: str, codec: str, qf: int, request: PanelRequest) -> str:
    what = "gets worse" if request.worst else "changes"
    condition = f"QF {qf}" if codec == "jpeg" else f"{codec} {qf}"
    return (
        f"No image {what} in {task} at {condition} between the two restorers: name images with "
        "--image, or other restorers with --between."
    )


def _place(
    cells: list[CellEntry], request: PanelRequest, directory: RunDirectory
) -> tuple[str, int]:
    codecs = list(dict.fromkeys(str(cell.codec) for cell in cells))
    codec = codecs[0] if request.codec is None else request.codec
    _known("codec", codec, codecs, directory)
    qfs = sorted({cell.qf for cell in cells if cell.codec == codec and cell.qf is not None})
    qf = qfs[0] if request.qf is None else request.qf
    _known("QF", qf, qfs, directory)
    return codec, qf


def _of_row(
    directory: RunDirectory,
    manifest: Manifest,
    row: list[CellEntry],
    request: PanelRequest,
    without: Collection[str],
) -> list[Choice]:
    """The choices in one row of the table."""
    cells = {cell.restorer: cell for cell in row}
    references = [name for name, r in manifest.restorers.items() if r.reference]
    for name in request.named:
        if name not in references:
            _known("restorer", name, list(cells), directory, sorted(references))
    order = {name: number for number, name in enumerate(manifest.restorers)}
    every = sorted(cells, key=lambda name: order[name])
    left = set(without) - set(request.named)
    missing = () if request.restorers else tuple(name for name in every if name in left)
    shown = request.restorers or tuple(name for name in every if name not in missing)
    shown = tuple(name for name in shown if name != UNDONE and name not in references)
    between = request.between or _usual_pair(directory, cells, shown)
    if between is None:  # nothing is restored: what compression does
        between = (references[0] if references else UNDONE, UNDONE)
    extra = [name for name in between if name not in (*shown, UNDONE, *references)]
    shown = (*shown, *extra)
    pair = tuple(_cell(manifest, row[0].task, cells, name, directory) for name in between)
    changes = measure_changes(directory, pair)
    if not request.images and not request.worst and not changes.any():
        changes = measure_changes(directory, pair, per_image=False)
    if request.images:
        picked = [(image, asked(changes, image, between)) for image in request.images]
    else:
        picked = _moved_most(changes, between, request)
    head = (row[0].task, row[0].codec, row[0].qf or 0)
    return [Choice(*head, image, shown, between, reason, missing) for image, reason in picked]


def _cell(
    manifest: Manifest, task: str, cells: dict[str, CellEntry], name: str, directory: RunDirectory
) -> CellEntry:
    if name in cells:
        return cells[name]
    for cell in manifest.cells:
        if cell.task == task and cell.restorer == name and cell.qf is None:
            return cell
    raise UserError(
        f"{directory.path} has no {name} in {task}, so no difference from it. It has: "
        f"{', '.join(cells)}."
    )


def _usual_pair(
    directory: RunDirectory, cells: dict[str, CellEntry], shown: Sequence[str]
) -> tuple[str, str] | None:
    """`UNDONE` and the restorer with the highest headline metric; the best two without `UNDONE`."""
    metrics = {
        result.cell.restorer: result.metrics
        for result in measure(directory, [cell.key for cell in cells.values()])
    }
    task = registry.tasks().get(next(iter(cells.values())).task)

    def value(name: str) -> float:
        found = metrics[name].get(headline(task, metrics[name]), math.nan)
        return -math.inf if math.isnan(found) else found

    ranked = sorted((name for name in shown if name in metrics), key=value, reverse=True)
    if UNDONE in metrics:
        ranked.insert(0, UNDONE)
    return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def _moved_most(
    changes: Changes, between: tuple[str, str], request: PanelRequest
) -> list[tuple[str, str]]:
    """The images helped and hurt most, with the reason; none where none changes."""
    with np.errstate(invalid="ignore"):
        change = changes.b - changes.a
    helped, hurt = split(change, request.top, request.worst)
    count = int(np.isfinite(change).sum())
    found = []
    for verb, conditions in (("gains", helped), ("loses", hurt)):
        for rank, condition in enumerate(conditions, start=1):
            most = "most" if rank == 1 else f"{ordinal(rank)} most"
            reason = (
                f"Of {count} image{'s' * (count != 1)} this one {verb} {most} "
                f"from {between[0]} to {between[1]}: its {values(changes, condition)}."
            )
            found.append((changes.images[condition], reason))
    return found


def _known(
    kind: str,
    name: Any,
    known: Collection[Any],
    directory: RunDirectory,
    also: Sequence[str] = (),
) -> None:
    """Refuse a name the run does not have.

    Raises:
        UserError: it has no such name (with the nearest one).
    """
    if name in known:
        return
    names = [str(one) for one in (*also, *known)]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    shown = ", ".join(names[:8]) + (f", … ({len(names)})" if len(names) > 8 else "")
    raise UserError(f"{directory.path} has no {kind} '{name}'.{hint} It has: {shown or 'none'}.")
