"""What stands below a table: gaps, failures, subsets, whatever changes how a number is read."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from harness.analysis.metrics import CellResult, counted, incomplete
from harness.analysis.published_fidelity import published_notes
from harness.analysis.sanity_check import sanity_notes
from harness.images import fidelity
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import Manifest
from harness.study.study import Condition, Study

_NEAREST = (
    "nearest: where a multi-model restorer has no checkpoint for a QF, it ran with that of the "
    "nearest one"
)

_CODECS = (
    "codecs: the column jpeg is the image as its codec left it; rows of like bits per pixel (bpp) "
    "are those to compare"
)

_BY_FORMULA = ("PSNR-B", "PSNR-B-Y")
"""The metrics that `fidelity.VERSION` last changed."""

_PER_CELL = ("qf", "restorer", "codec", "decoder")
"""The inputs in which the cells of a task differ by design."""


def run_notes(
    directory: RunDirectory,
    manifest: Manifest,
    results: list[CellResult],
    keys: Collection[str] | None,
) -> tuple[str, ...]:
    """What a reader of the table must know.

    Args:
        directory: the run directory.
        manifest: its manifest.
        results: its cells, measured.
        keys: the cells wanted; all by default.
    """
    skipped = {k: why for k, why in manifest.skipped.items() if keys is None or k in keys}
    notes = [f"empty: {reason}" for reason in dict.fromkeys(skipped.values())]
    if manifest.study.get("nearest_qf"):
        notes.append(_NEAREST)
    notes += _codec_notes(manifest)
    begun = {result.cell.key for result in results}
    notes += [
        f"incomplete: {cell.key} has 0 of {manifest.data_set.images} images"
        for cell in manifest.cells
        if cell.key not in begun and (keys is None or cell.key in keys)
    ]
    notes += [
        f"incomplete: {result.cell.key} has {result.images} of {result.expected} images"
        for result in results
        if result.expected > result.images + len(result.failed)
    ]
    notes += [*_undefined(results), *_mixed(results), *_earlier(results)]
    notes += [*_failures(manifest, results), *published_notes(manifest, results)]
    notes += [*_tiled(results), *_lossless(manifest, results), *_truth(directory, results)]
    return (*notes, *sanity_notes(directory, {result.cell.task for result in results}))


def _failures(manifest: Manifest, results: list[CellResult]) -> list[str]:
    failures: dict[str, int] = {}
    for result in results:
        for image in result.failed:
            failures[image] = failures.get(image, 0) + 1
    if not failures:
        return []
    shown = [f"{image} (in {n} of {len(results)} cells)" for image, n in failures.items()]
    more = ", …" if len(failures) > 5 else ""
    return [
        f"{len(failures)} of {manifest.data_set.images} images failed and are not in the numbers "
        f"of their cells: {', '.join(shown[:5])}{more}"
    ]


def unranked_notes(manifest: Manifest, results: Sequence[CellResult]) -> list[str]:
    """Which numbers do not compete, because they are on other images than their row's.

    Args:
        manifest: of the run directory.
        results: its cells, measured.
    """
    rows: dict[tuple[str, Condition], dict[str, CellResult]] = {}
    for result in results:
        if not manifest.restorers[result.cell.restorer].reference:
            row = rows.setdefault((result.cell.task, result.condition), {})
            row[result.cell.restorer] = result
    apart = []
    for row in rows.values():
        images = len(frozenset().union(*(result.measured for result in row.values())))
        short = incomplete(row)
        apart += [(row[name].cell.key, n, images) for name, n in short.items() if n]
    if not apart:
        return []
    key, count, images = apart[0]
    if len(apart) == 1:
        said = f"n: {key} is on {count} of the {images} images of its row, and not ranked"
    else:
        said = (
            f"n: {len(apart)} cells are not on all images of their rows, and not ranked, such as "
            f"{key}, on {count} of {images}"
        )
    return [said]


def _tiled(results: list[CellResult]) -> list[str]:
    """Which images were restored in another way than the others, for want of memory."""
    return [
        f"tiles: memory ran out for {len(result.tiled)} of {counted(result.images, 'image')} of "
        f"{result.cell.key}, such as {result.tiled[0]}: restored in tiles that change nothing but "
        "the order of sums, so by one level at most; --tile restores all alike"
        for result in results
        if result.tiled
    ]


def _lossless(manifest: Manifest, results: list[CellResult]) -> list[str]:
    """Which images make a number infinite."""
    infinite: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for result in results:
        metrics = registry.tasks().get(result.cell.task).displayed_metrics
        known = manifest.restorers[result.cell.restorer]
        if not known.reference and any(result.metrics.get(m) == math.inf for m in metrics):
            images = (tuple(sorted(result.lossless)), result.images)
            infinite.setdefault(images, []).append(result.cell.key)
    return [
        f"∞: {counted(len(images), 'image')} of {total} {'is' if len(images) == 1 else 'are'} "
        f"equal to the original in {', '.join(keys)}: {', '.join(images[:3])}"
        + (", …" if len(images) > 3 else "")
        for (images, total), keys in infinite.items()
    ]


def _truth(directory: RunDirectory, results: list[CellResult]) -> list[str]:
    """What the tasks say of their ground truth, of the cell of each with most images."""
    notes = []
    for name in dict.fromkeys(result.cell.task for result in results):
        of_task = [r for r in results if r.cell.task == name and r.images]
        if not of_task:
            continue
        records = directory.records(max(of_task, key=lambda result: result.images).cell)
        good = {image: record for image, record in records.items() if not record.failed}
        task = registry.tasks().get(name)()
        notes += [f"{name}: {n}" for n in task.truth_notes(good, directory.truth(name))]
    return notes


def _codec_notes(manifest: Manifest) -> list[str]:
    """What the numbers beside codecs other than plain JPEG mean."""
    others = [n for n in manifest.identity.codecs if n not in Study.model_fields["codec"].default]
    if not others:
        return []
    known = registry.codecs()
    meant = "; ".join(f"{n}: {known.get(n).quality}" for n in others if n in known)
    return [f"{_CODECS} ({meant})" if meant else _CODECS]


def _undefined(results: list[CellResult]) -> list[str]:
    """A dash for a number that was measured and is none looks like one that was not measured."""
    cells: dict[str, list[str]] = {}
    for result in results:
        for metric in registry.tasks().get(result.cell.task).displayed_metrics:
            if math.isnan(result.metrics.get(metric, 0.0)):
                cells.setdefault(metric, []).append(result.cell.key)
    return [
        f"undefined: {metric} has no value over the images of {', '.join(keys)}"
        for metric, keys in cells.items()
    ]


def _mixed(results: list[CellResult]) -> list[str]:
    """Tasks whose cells were measured by different software: a directory may outlive an update."""
    notes = []
    for name in dict.fromkeys(result.cell.task for result in results):
        first, *others = [result.cell.inputs for result in results if result.cell.task == name]
        keys = dict.fromkeys(key for inputs in (first, *others) for key in inputs)
        odd = [
            key
            for key in keys
            if key not in _PER_CELL and any(i.get(key) != first.get(key) for i in others)
        ]
        if odd:
            notes.append(
                f"mixed: the cells of {name} were not measured with the same {', '.join(odd)}; "
                "run the whole study again to compare them"
            )
    return notes


def _earlier(results: list[CellResult]) -> list[str]:
    """Figures of records that were made with an earlier formula than this harness has."""
    cells: dict[str, list[str]] = {}
    for result in results:
        version = result.cell.inputs.get("fidelity", fidelity.VERSION)
        shown = [name for name in _BY_FORMULA if name in result.metrics]
        if shown and version != fidelity.VERSION:
            cells.setdefault(f"{', '.join(shown)} by version {version}", []).append(result.cell.key)
    return [
        f"earlier: {what} of the formula (this harness has version {fidelity.VERSION}) in "
        f"{len(keys)} of {len(results)} cells; run the study again to compare them with new ones"
        for what, keys in cells.items()
    ]
