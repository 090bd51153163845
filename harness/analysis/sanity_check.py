"""The sanity check: a vision model must score on uncompressed images what its card says it does.

Wrong preprocessing, wrong weights or a wrong label map cost every restorer the same, and a table
of them looks plausible. The score on the uncompressed images is where they show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from harness.analysis.metrics import CellResult, measure, scaled
from harness.errors import HarnessError
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import ExpectedScore, Manifest


@dataclass(frozen=True)
class SanityVerdict:
    """How a vision model does on the uncompressed images.

    Attributes:
        task: of the model.
        passed: whether it scores what is expected, on every image of the data set.
        judged: whether that says anything: not of a subset.
        sentence: what was found and what is expected.
    """

    task: str
    passed: bool
    judged: bool
    sentence: str


def check(directory: RunDirectory, tasks: Collection[str]) -> None:
    """Hold the vision models of a run directory against their cards.

    Args:
        directory: with the records of the uncompressed images.
        tasks: of the study at hand; others of the directory are not judged.

    Raises:
        HarnessError: one is outside its tolerance on the whole data set (both numbers are named),
            or some of its images failed.
    """
    manifest = directory.manifest()
    keys = [cell.key for cell in manifest.cells if cell.qf is None]
    for verdict in _verdicts(manifest, measure(directory, keys)):
        if verdict.task in tasks and verdict.judged and not verdict.passed:
            raise HarnessError(
                f"The sanity check stopped the study: {verdict.sentence}. Its preprocessing, "
                "weights or labels are not those of the published score, or the data set is not: "
                "see docs/explanation/footguns.md. --no-sanity-check goes on and marks the table."
            )


def sanity_notes(directory: RunDirectory, tasks: Collection[str]) -> list[str]:
    """What a table of these tasks says of the check, whether or not it shows those images.

    Args:
        directory: with the records.
        tasks: those that the table shows.
    """
    manifest = directory.manifest()
    expected = {task: score for task, score in manifest.gates.items() if task in tasks}
    uncompressed = {c.task: c.key for c in manifest.cells if c.qf is None}
    keys = [uncompressed[task] for task in expected if task in uncompressed]
    notes = []
    for verdict in _verdicts(manifest, measure(directory, keys) if keys else []):
        mark = "sanity check passed"
        if not verdict.judged:
            mark = "sanity check, subset"
        elif not verdict.passed:
            ignored = expected[verdict.task].ignored
            mark = "SANITY CHECK FAILED" + (" (--no-sanity-check)" if ignored else "")
        notes.append(f"{mark}: {verdict.sentence}")
    for task, score in expected.items():
        if task not in uncompressed:
            notes.append(
                f"NOT CHECKED (--no-sanity-check): {manifest.models[task]} was not measured on the "
                f"uncompressed images, where {_expectation(score)}"
            )
    return notes


def _verdicts(manifest: Manifest, results: list[CellResult]) -> Iterator[SanityVerdict]:
    """Of each gated task whose uncompressed images are all measured, or failed."""
    data = manifest.data_set
    for result in results:
        task = result.cell.task
        expected = manifest.gates.get(task)
        done = result.images + len(result.failed) >= result.expected
        if expected is None or result.cell.qf is not None or not done:
            continue
        model, whole = manifest.models[task], data.images >= data.total
        which = "" if whole else f"first {data.images} "
        on = f"on the {which}uncompressed images of {data.name}"
        if result.failed:
            failure = next(iter(result.failed.values()))
            count = f"{len(result.failed)} of {result.expected} images"
            outcome, passed = f"{model} failed {on}, {count} ({failure})", False
        else:
            kind = registry.tasks().get(task)
            score = scaled(kind, expected.metric, result.metrics[expected.metric])
            outcome = f"{model} has {expected.metric} {score:.1f} {on}"
            passed = abs(score - expected.value) <= expected.tolerance
        yield SanityVerdict(task, passed, whole, f"{outcome}, {_expectation(expected, whole)}")


def _expectation(expected: ExpectedScore, whole: bool = True) -> str:
    value = f"{expected.metric} {expected.value:.1f}"
    if not whole:
        return f"{value} is expected on all of them ({expected.source})"
    return f"{value} ± {expected.tolerance:g} is expected ({expected.source})"
