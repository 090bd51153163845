"""Which images are shown, from the records alone, and why."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.analysis.metrics import headline, incomplete, measure
from harness.errors import UserError, nearest_hint
from harness.panels.changes import measure_changes
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

    @property
    def condition(self) -> tuple[str, int]:
        """Codec and QF."""
        return self.codec, self.qf


def choose(
    directory: RunDirectory, request: PanelRequest, without: Collection[str] = ()
) -> list[Choice]:
    """The images to show, task by task; without some restorers, unless the user named them.

    Raises:
        UserError: the run has no such task, codec, QF, restorer or image.
    """
    manifest = directory.manifest()
    kept = [c for c in manifest.cells if request.keys is None or c.key in request.keys]
    cells = [cell for cell in kept if cell.qf is not None]
    every = list(dict.fromkeys(cell.task for cell in cells))
    tasks = request.tasks or tuple(every)
    for task in tasks:
        _check_known("task", task, every, directory)
    for image in request.images:
        _check_known("image", image, manifest.data_set.ids, directory)
    choices: list[Choice] = []
    complaints: list[str] = []
    for task in tasks:
        of_task = [cell for cell in cells if cell.task == task]
        codec, qf = _condition(of_task, request, directory)
        row = {c.restorer: c for c in of_task if (c.codec, c.qf) == (codec, qf)}
        row_choices = _choose_in_row(directory, manifest, row, request, without)
        if not row_choices:
            complaints.append(_no_change(task, codec, qf, request))
            _LOG.info(complaints[-1])
        choices += row_choices
    if not choices:
        raise UserError(complaints[0])
    return choices


def _no_change(task: str, codec: str, qf: int, request: PanelRequest) -> str:
    what = "gets worse" if request.worst else "changes"
    condition = f"QF {qf}" if codec == "jpeg" else f"{codec} {qf}"
    return (
        f"No image {what} in {task} at {condition} between the two restorers: name images with "
        "--image, or other restorers with --between."
    )


def _condition(
    cells: list[CellEntry], request: PanelRequest, directory: RunDirectory
) -> tuple[str, int]:
    codecs = list(dict.fromkeys(cell.codec for cell in cells))
    codec = codecs[0] if request.codec is None else request.codec
    _check_known("codec", codec, codecs, directory)
    qfs = sorted({cell.qf for cell in cells if cell.codec == codec and cell.qf is not None})
    qf = qfs[0] if request.qf is None else request.qf
    _check_known("QF", qf, qfs, directory)
    return codec, qf


def _choose_in_row(
    directory: RunDirectory,
    manifest: Manifest,
    row: dict[str, CellEntry],
    request: PanelRequest,
    without: Collection[str],
) -> list[Choice]:
    """The choices in one row of the table, whose cells are given by restorer."""
    references = [name for name, entry in manifest.restorers.items() if entry.reference]
    for name in request.named:
        if name not in references:
            _check_known("restorer", name, [*sorted(references), *row], directory)
    order = list(manifest.restorers)
    ordered = sorted(row, key=order.index)
    left_out = set(without) - set(request.named)
    missing = () if request.restorers else tuple(name for name in ordered if name in left_out)
    shown = request.restorers or tuple(name for name in ordered if name not in missing)
    shown = tuple(name for name in shown if name != UNDONE and name not in references)
    between = request.between or _usual_pair(directory, row, shown)
    if between is None:  # nothing is restored: what compression does
        between = (references[0] if references else UNDONE, UNDONE)
    shown += tuple(name for name in between if name not in (*shown, UNDONE, *references))
    first = next(iter(row.values()))
    pair = [_cell(manifest, first.task, row, name, directory) for name in between]
    changes = measure_changes(directory, pair)
    if request.images:
        reasons = [(image, changes.reason_asked(image)) for image in request.images]
    else:
        if not request.worst and not changes.any():
            changes = measure_changes(directory, pair, per_image=False)
        reasons = changes.largest(request.top, request.worst)
    return [
        Choice(
            task=first.task,
            codec=first.codec,
            qf=first.qf or 0,
            image=image,
            restorers=shown,
            between=between,
            reason=reason,
            missing=missing,
        )
        for image, reason in reasons
    ]


def _cell(
    manifest: Manifest, task: str, row: dict[str, CellEntry], name: str, directory: RunDirectory
) -> CellEntry:
    if name in row:
        return row[name]
    for cell in manifest.cells:
        if cell.task == task and cell.restorer == name and cell.qf is None:
            return cell
    raise UserError(
        f"{directory.path} has no {name} in {task}, so no difference from it. It has: "
        f"{', '.join(row)}."
    )


def _usual_pair(
    directory: RunDirectory, row: dict[str, CellEntry], shown: Sequence[str]
) -> tuple[str, str] | None:
    """`UNDONE` and the restorer with the highest headline metric; the best two without `UNDONE`."""
    keys = [cell.key for cell in row.values()]
    results = {result.cell.restorer: result for result in measure(directory, keys)}
    known = directory.manifest().restorers
    apart = incomplete({n: r for n, r in results.items() if not known[n].reference})
    metrics = {name: result.metrics for name, result in results.items() if name not in apart}
    task = registry.tasks().get(next(iter(row.values())).task)

    def score(name: str) -> float:
        value = metrics[name].get(headline(task, metrics[name]), math.nan)
        return -math.inf if math.isnan(value) else value

    ranked = sorted((name for name in shown if name in metrics), key=score, reverse=True)
    if UNDONE in metrics:
        ranked.insert(0, UNDONE)
    return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def _check_known(
    kind: str, name: str | int, known: Sequence[str | int], directory: RunDirectory
) -> None:
    """Refuse a name the run does not have.

    Raises:
        UserError: it has no such name (with the nearest one).
    """
    if name in known:
        return
    names = [str(known_name) for known_name in known]
    listed = ", ".join(names[:8]) + (f", … ({len(names)})" if len(names) > 8 else "")
    raise UserError(
        f"{directory.path} has no {kind} '{name}'.{nearest_hint(str(name), names)} It has: "
        f"{listed or 'none'}."
    )
