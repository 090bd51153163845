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
    tasks = join_words(dict.fromkeys(cell.task for cell in manifest.cells))
    what = f"{tasks} on {manifest.data_set.name}"
    return f"{name}: {what}" if name else what[:1].upper() + what[1:]


def abstract(manifest: Manifest, table: Table) -> str:
    """What was measured on what, in one paragraph."""
    data = manifest.data_set
    names = [n for n in table.restorers if not _is_reference(manifest, n)]
    codecs = join_words(manifest.identity.codecs)
    qfs = sorted({cell.qf for cell in manifest.cells if cell.qf is not None})
    at = f" at QF {join_words(map(str, qfs))}" if qfs else ""
    images = f"{'all ' if data.images > 1 else ''}{plural(data.images, 'image')} of {data.name}"
    if data.images < data.total:
        images = f"a subset, {data.images} of the {data.total} images of {data.name}"
    restorers = (
        f"{plural(len(names), 'restorer')} ({join_words(names)})" if names else "No restorer"
    )
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
    statements = []
    for (task, metric), numbers in conditions.items():
        loss = _loss(table, [table.rows[k] for k in numbers], metric)
        sentences = (*loss, *_significant(table, assessment, numbers))
        statements.append(Statement(f"{task}, {metric}", sentences))
    return tuple(statements)


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
    parts = [f"{r.text(BASELINE)} at QF {r.labels[2]}" for r in rows if BASELINE in r.values]
    if clean is not None and parts:
        compressed = join_words(parts)
        yield f"{metric} is {clean} on the uncompressed images; compressed, it is {compressed}."


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
    if not any(groups.values()):
        yield "Nothing can be said of the restorers' differences from jpeg."
        return
    every = [table.rows[number].labels[2] for number in numbers]
    better, worse, same = (
        join_words(f"{name} ({_at(qfs, every)})" for name, qfs in by_restorer.items())
        for by_restorer in groups.values()
    )
    yield f"Significantly better than jpeg: {better or 'none'}."
    yield f"Significantly worse than jpeg: {worse or 'none'}."
    if same:
        yield f"Not significantly different from jpeg: {same}."


def significance_note(assessment: Assessment, draws: int) -> str:
    """How the differences were judged; nothing where none was."""
    if not assessment.against_jpeg:
        return ""
    few = f" {plural(assessment.images, 'image')} are few to judge by."
    few = few if assessment.images < FEW else ""
    return (
        f"Judged by paired bootstraps over the images ({draws} draws), p < {ALPHA:.2g} after "
        f"Holm's correction for {plural(assessment.against_jpeg, 'comparison')} with jpeg.{few}"
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
        gains = [gain for gain in gains if not math.isnan(gain[0])]
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


def join_words(parts: Iterable[str]) -> str:
    """``a, b and c``."""
    items = list(parts)
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def _at(qfs: Sequence[str], every: Sequence[str]) -> str:
    if len(qfs) == len(every) and len(every) > 1:
        return "every QF"
    return f"QF {join_words(qfs)}"


def plural(number: int, noun: str) -> str:
    """``1 panel``, ``2 panels``."""
    return f"{number} {noun if number == 1 else f'{noun}s'}"


def _is_reference(manifest: Manifest, name: str) -> bool:
    return name == BASELINE or (name in manifest.restorers and manifest.restorers[name].reference)
