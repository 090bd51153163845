"""What a run found, in sentences computed from its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.inference import ALPHA
from harness.analysis.metrics import GROUPS, printed
from harness.analysis.significance import BASELINE, Assessment
from harness.plugins import registry
from harness.records.schema import Manifest
from harness.report.tables.build import FEW
from harness.report.tables.model import Row, Table


@dataclass(frozen=True)
class Statement:
    """What is said of one metric of a task.

    Attributes:
        heading: the task and the metric.
        sentences: each one claim.
    """

    heading: str
    sentences: tuple[str, ...]


def page_title(manifest: Manifest) -> str:
    """The title where nobody gives one: the study's name, or what was measured on what."""
    name = str(manifest.study.get("name") or "")
    tasks = listed(dict.fromkeys(cell.task for cell in manifest.cells))
    what = f"{tasks} on {manifest.data_set.name}"
    return f"{name}: {what}" if name else what[:1].upper() + what[1:]


def abstract(manifest: Manifest, table: Table) -> str:
    """What was measured on what, in one paragraph."""
    data = manifest.data_set
    names = [n for n in table.restorers if not _is_reference(manifest, n)]
    codecs = listed(manifest.identity.codecs)
    qfs = sorted({cell.qf for cell in manifest.cells if cell.qf is not None})
    at = f" at QF {listed(map(str, qfs))}" if qfs else ""
    subset = data.images < data.total
    images = (
        f"a subset, {data.images} of the {data.total} images of {data.name}"
        if subset
        else f"{'all ' * (data.images > 1)}{_count(data.images, 'image')} of {data.name}"
    )
    restorers = f"{_count(len(names), 'restorer')} ({listed(names)})" if names else "No restorer"
    verb = "was" if len(names) < 2 else "were"
    measured = "; ".join(_measured(manifest, table)) or "nothing yet"
    return (
        f"{restorers} {verb} run on {images}, compressed with {codecs}{at}. "
        f"What was measured: {measured}."
    )


def findings(table: Table, assessment: Assessment) -> tuple[Statement, ...]:
    """What the numbers say of each task and metric: the loss, and who is better or worse."""
    conditions: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(table.rows):
        conditions.setdefault((row.labels[0], row.labels[1]), []).append(number)
    found = []
    for (task, metric), numbers in conditions.items():
        sentences = [*_loss(table, [table.rows[k] for k in numbers], metric)]
        sentences += _significant(table, assessment, numbers)
        if sentences:
            found.append(Statement(f"{task}, {metric}", tuple(sentences)))
    return tuple(found)


def _measured(manifest: Manifest, table: Table) -> Iterable[str]:
    for name in dict.fromkeys(row.labels[0] for row in table.rows):
        title = registry.tasks().get(name).title
        model = manifest.models.get(name)
        yield f"{title[:1].lower()}{title[1:]}" + (f", with {model}" if model else "")


def _loss(table: Table, rows: Sequence[Row], metric: str) -> Iterable[str]:
    """What compression takes."""
    references = [n for label, names in table.groups if label == GROUPS[None] for n in names]
    uncompressed = [name for name in references if name != BASELINE]
    clean = next((r.text(n) for r in rows for n in uncompressed if n in r.values), None)
    left = [(row.labels[2], row.text(BASELINE)) for row in rows if BASELINE in row.values]
    if clean is None or not left:
        return
    parts = listed(f"{value} at QF {qf}" for qf, value in left)
    yield f"{metric} is {clean} on the uncompressed images; compressed, it is {parts}."


def _significant(table: Table, assessment: Assessment, numbers: Sequence[int]) -> Iterable[str]:
    """Which restorers differ from ``jpeg``, and where."""
    groups: dict[str, dict[str, list[str]]] = {"better": {}, "worse": {}, "same": {}}
    for number in numbers:
        row = table.rows[number]
        for name, verdict in assessment.lines[number].items():
            if math.isnan(verdict.p_jpeg) or verdict.against_jpeg is None:
                continue
            side = "better" if verdict.against_jpeg.value > 0 else "worse"
            kind = side if verdict.p_jpeg < ALPHA else "same"
            groups[kind].setdefault(name, []).append(row.labels[2])
    every = [table.rows[number].labels[2] for number in numbers]
    if not any(groups.values()):
        yield "Nothing can be said of the restorers' differences from jpeg."
        return
    for kind in ("better", "worse"):
        said = [f"{name} ({_at(qfs, every)})" for name, qfs in groups[kind].items()]
        yield f"Significantly {kind} than jpeg: {listed(said) or 'none'}."
    said = [f"{name} ({_at(qfs, every)})" for name, qfs in groups["same"].items()]
    if said:
        yield f"Not significantly different from jpeg: {listed(said)}."


def significance_note(assessment: Assessment, draws: int) -> str:
    """How the differences were judged; nothing where none was."""
    if not assessment.against_jpeg:
        return ""
    return (
        "Judged by paired bootstraps over the images "
        f"({draws} draws), p < {ALPHA:.2g} after Holm's correction for "
        f"{_count(assessment.against_jpeg, 'comparison')} with jpeg."
        + f" {_count(assessment.images, 'image')} are few to judge by."
        * (assessment.images < FEW)
    )


def best_gain(table: Table) -> str:
    """Who gains most over ``jpeg``, by each task's first metric; nothing where none competes."""
    sentences = []
    for task in dict.fromkeys(row.labels[0] for row in table.rows):
        rows = [row for row in table.rows if row.labels[0] == task]
        rows = [row for row in rows if row.labels[1] == rows[0].labels[1]]
        gains = [
            (row.values[name] - row.values[BASELINE], name, row)
            for row in rows
            for name in row.ranked
            if name != BASELINE and BASELINE in row.values and name in row.values
        ]
        gains = [gain for gain in gains if math.isfinite(gain[0])]
        if not gains:
            continue
        value, name, row = max(gains, key=lambda gain: gain[0])
        metric, at = row.labels[1], f"at QF {row.labels[2]}"
        if round(value, row.digits) > 0:
            shown = printed(value, row.digits, "+")
            sentences.append(
                f"In {task} the largest gain over jpeg is {name}’s, {shown} {metric} {at}."
            )
        else:
            sentences.append(f"In {task} no restorer gains over jpeg at any QF.")
    return " ".join(sentences)


def listed(parts: Iterable[str]) -> str:
    """``a, b and c``."""
    items = list(parts)
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def _at(qfs: Sequence[str], every: Sequence[str]) -> str:
    if len(qfs) == len(every) and len(every) > 1:
        return "every QF"
    return f"QF {listed(qfs)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _is_reference(manifest: Manifest, name: str) -> bool:
    return name == BASELINE or (name in manifest.restorers and manifest.restorers[name].reference)
