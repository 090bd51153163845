"""What stands below a table: gaps, failures, subsets, whatever changes how a number is read."""

from __future__ import annotations

import math
from collections.abc import Collection

from harness.analysis.metrics import CellResult
from harness.plugins import registry
from harness.records.schema import Manifest
from harness.study.study import Study

_NEAREST = (
    "nearest: where a multi-model restorer has no checkpoint for a QF, it ran with that of the "
    "nearest one"
)

_CODECS = (
    "codecs: the column jpeg is the image as its codec left it; rows of like bits per pixel (bpp) "
    "are those to compare"
)

_OWN = ("qf", "restorer", "codec", "decoder")
"""The inputs in which the cells of a task differ by design."""


def table_notes(
    manifest: Manifest, results: list[CellResult], keys: Collection[str] | None
) -> list[str]:
    """What a reader of the table must know.

    Args:
        manifest: of the run directory.
        results: its cells, measured.
        keys: the cells wanted; all by default.
    """
    absent = {k: why for k, why in manifest.skipped.items() if keys is None or k in keys}
    notes = [f"empty: {reason}" for reason in dict.fromkeys(absent.values())]
    if manifest.study.get("nearest_qf"):
        notes.append(_NEAREST)
    notes += _codec_notes(manifest)
    begun = {result.cell.key for result in results}
    notes += [
        f"incomplete: {cell.key} has 0 of {manifest.data_set.images} images"
        for cell in manifest.cells
        if cell.key not in begun and (keys is None or cell.key in keys)
    ]
    for result in results:
        missing = result.expected - result.images - len(result.failed)
        if missing:
            notes.append(
                f"incomplete: {result.cell.key} has {result.images} of {result.expected} images"
            )
    notes += _undefined(results)
    notes += _mixed(manifest, results)
    failures: dict[str, list[str]] = {}
    for result in results:
        for image in result.failed:
            failures.setdefault(image, []).append(result.cell.key)
    if failures:
        shown = ", ".join(
            f"{image} (in {len(keys)} of {len(results)} cells)"
            for image, keys in list(failures.items())[:5]
        )
        more = ", …" if len(failures) > 5 else ""
        notes.append(
            f"{len(failures)} of {manifest.data_set.images} images failed and are "
            f"not in the numbers of their cells: {shown}{more}"
        )
    return notes


def _codec_notes(manifest: Manifest) -> list[str]:
    """What the numbers beside codecs other than plain JPEG mean."""
    others = [n for n in manifest.identity.codecs if n not in Study.model_fields["codec"].default]
    if not others:
        return []
    known = registry.codecs()
    meant = [f"{n}: {known.get(n).quality}" for n in others if n in known]
    return [f"{_CODECS}{' (' * bool(meant)}{'; '.join(meant)}{')' * bool(meant)}"]


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


def _mixed(manifest: Manifest, results: list[CellResult]) -> list[str]:
    """Tasks whose cells were measured by different software: a directory may outlive an update."""
    notes = []
    for name in dict.fromkeys(result.cell.task for result in results):
        inputs = [result.cell.inputs for result in results if result.cell.task == name]
        shared = dict.fromkeys(key for one in inputs for key in one if key not in _OWN)
        odd = [key for key in shared if any(one.get(key) != inputs[0].get(key) for one in inputs)]
        if odd:
            notes.append(
                f"mixed: the cells of {name} were not measured with the same {', '.join(odd)}; "
                "run the whole study again to compare them"
            )
    return notes
