"""Run directories of one study put together into one: shards that several machines computed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness._version import __version__
from harness.errors import UserError
from harness.plugins.record import Record
from harness.plugins.types import Json
from harness.records.atomic import finite, write_atomic
from harness.records.run_directory import RunDirectory
from harness.records.same_study import check_unused, grown_study, study_differences
from harness.records.schema import CellEntry, ExpectedScore, Manifest
from harness.study.shard import Shard

Source = tuple[RunDirectory, Manifest]

_SHOWN = 5
"""Shards or cells that are named."""


@dataclass(frozen=True)
class Merged:
    """What came together.

    Attributes:
        images: of the study.
        cells: of the study.
        records: that the run directory has now.
        twice: records that more than one of the directories had; each is there once.
        missing: what there is no record of, a clause a shard, or a cell where there are no shards.
    """

    images: int
    cells: int
    records: int
    twice: int
    missing: tuple[str, ...]

    def incompleteness(self, output: Path) -> str:
        """What to say where records are missing, and what to do; ``output``: where they went."""
        more = len(self.missing) - _SHOWN
        named = [*self.missing[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        return (
            f"{output} is not complete: {'; '.join(named)}. What there is stays in it: merge what "
            "is missing into it, or have 'harness run' with this --output compute it."
        )


def merge(directories: Iterable[RunDirectory], output: RunDirectory) -> Merged:
    """Put the records of run directories into one, each once, and say which are missing.

    A record is taken if its checksum is right. Of an image that failed in one directory and not in
    another the good record is taken. What ``output`` holds already stays, so that a shard that was
    late can be added.

    Args:
        directories: of one study; cells may differ as within one run directory.
        output: where the records go.

    Raises:
        UserError: they are not of one study, or disagree about an image; nothing is written then,
            unless it is about an image. ``output`` is used otherwise, or is being written to.
        HarnessError: a directory is damaged, or the disk is full.
    """
    sources = _sources(directories, output)
    first = sources[0]
    for source in sources[1:]:
        _check_one_study(first, source)
    merged = _manifest(sources, output)
    with output.locked():
        output.sweep()
        for task in merged.truth:
            _copy_truth(task, sources, output)
        output.write_manifest(merged)
        held: dict[str, set[str]] = {}
        twice = 0
        for cell in merged.cells:
            held[cell.key], again = _merge_cell(cell, sources, output, merged.data_set.ids)
            twice += again
        output.compact()
    shards = [Shard.parse(manifest.shard) for _, manifest in sources if manifest.shard]
    return Merged(
        images=len(merged.data_set.ids),
        cells=len(merged.cells),
        records=sum(map(len, held.values())),
        twice=twice,
        missing=tuple(_missing(merged.data_set.ids, held, shards)),
    )


def _sources(directories: Iterable[RunDirectory], output: RunDirectory) -> list[Source]:
    """The directories, the one that all is put into first if it holds something, none twice."""
    if output.manifest_path.exists():
        directories = [output, *directories]
    else:
        check_unused(output)
    distinct = {directory.path.resolve(): directory for directory in reversed([*directories])}
    sources = [(directory, directory.manifest()) for directory in reversed(distinct.values())]
    for directory, manifest in sources:
        if not manifest.data_set.ids:
            raise UserError(
                f"{directory.path} is of a version that did not list its images: run its study "
                "again with this --output, which computes nothing and adds the list."
            )
    return sources


def _check_one_study(first: Source, second: Source) -> None:
    """Refuse a run directory of another study than the first one's.

    Raises:
        UserError: see above; what differs is named.
    """
    (one, held), (other, manifest) = first, second
    differing = study_differences(held, manifest.identity.model_dump(), manifest.models)
    known = {cell.key: cell for cell in held.cells}
    for cell in manifest.cells:
        if known.get(cell.key, cell).fingerprint != cell.fingerprint:
            inputs, others = known[cell.key].inputs, cell.inputs
            names = [n for n in {**inputs, **others} if inputs.get(n) != others.get(n)]
            differing.append(f"{cell.key} by another {', '.join(names) or 'version'}")
    differing += [
        f"another ground truth of {task}"
        for task, content in manifest.truth.items()
        if held.truth.get(task, content) != content
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise UserError(
            f"{one.path} and {other.path} are not of one study: {'; '.join(differing[:3])}{more}. "
            "Only records of the same images, codec, models, weights and versions go together."
        )


def _manifest(sources: Sequence[Source], output: RunDirectory) -> Manifest:
    """The manifest that one run of the whole study would have written."""
    manifests = [manifest for _, manifest in sources]
    merged = manifests[0]
    for manifest in manifests[1:]:
        codecs = {**merged.identity.codecs, **manifest.identity.codecs}
        cells = {cell.key: cell for cell in (*merged.cells, *manifest.cells)}
        environments = [e for e in manifest.environments if e not in merged.environments]
        merged = merged.model_copy(
            update={
                "created": min(merged.created, manifest.created),
                "updated": max(merged.updated, manifest.updated),
                "study": grown_study(merged.study, manifest.study),
                "identity": merged.identity.model_copy(update={"codecs": codecs}),
                "models": {**merged.models, **manifest.models},
                "restorers": {**merged.restorers, **manifest.restorers},
                "gates": _gates(merged, manifest),
                "environments": (*merged.environments, *environments),
                "cells": tuple(cells.values()),
                "skipped": {**merged.skipped, **manifest.skipped},
                "truth": {**merged.truth, **manifest.truth},
            }
        )
    measured = {cell.key for cell in merged.cells}
    skipped = {key: why for key, why in merged.skipped.items() if key not in measured}
    folders = (_folder(source, output) for source in sources if source[1].folder)
    update = {"harness": __version__, "shard": "", "skipped": skipped}
    return merged.model_copy(update={**update, "folder": next(folders, "")})


def _gates(one: Manifest, other: Manifest) -> dict[str, ExpectedScore]:
    """The expected scores; where one run went on without the check, the whole did."""
    ignored = {task: score for task, score in one.gates.items() if score.ignored}
    return {**one.gates, **other.gates, **ignored}


def _folder(source: Source, output: RunDirectory) -> str:
    """A source's `Manifest.folder`, seen from the output."""
    directory, manifest = source
    folder = (directory.path.resolve() / manifest.folder).resolve()
    return os.path.relpath(folder, output.path.resolve())


def _copy_truth(task: str, sources: Sequence[Source], output: RunDirectory) -> None:
    """Copy a task's ground truth, held against its hash, unless it is there."""
    for directory, _ in sources:
        if directory.truth(task) is not None:
            if directory is not output:
                data = directory.truth_path(task).read_bytes()
                write_atomic(output.truth_path(task), data)
            return


def _merge_cell(
    cell: CellEntry, sources: Sequence[Source], output: RunDirectory, ids: Sequence[str]
) -> tuple[set[str], int]:
    """Write a cell's records; the images they are of, and how many were there more than once.

    Raises:
        UserError: two records of an image differ.
    """
    records: dict[str, Record] = {}
    origins: dict[str, RunDirectory] = {}
    twice, changed = 0, False
    for directory, manifest in sources:
        if all(known.key != cell.key for known in manifest.cells):
            continue
        for image, record in directory.records(cell).items():
            before = records.get(image)
            twice += before is not None and origins[image] is not output
            if before is None or (before.failed and not record.failed):
                records[image], origins[image] = record, directory
                changed = changed or directory is not output
            elif not record.failed and _numbers(before) != _numbers(record):
                raise UserError(
                    f"{origins[image].path} and {directory.path} have different records of {image} "
                    f"in {cell.key}: two machines computed it, and not alike. Leave one of them "
                    "out."
                )
    if changed:
        ordered = [records[image] for image in ids if image in records]
        output.record_file(cell).replace(ordered, finished=len(ordered) == len(ids))
    return set(records), twice


def _numbers(record: Record) -> str:
    """A record without its times, which differ from run to run."""
    written: Json = finite(replace(record, seconds={}).to_json())
    return json.dumps(written, sort_keys=True)


def _missing(
    ids: Sequence[str], held: dict[str, set[str]], shards: Sequence[Shard]
) -> Iterable[str]:
    """What there is no record of: shard by shard where there are shards of one count."""
    counts = {shard.count for shard in shards}
    if len(counts) != 1:
        for key, images in held.items():
            if len(images) < len(ids):
                example = next(image for image in ids if image not in images)
                count = f"{len(ids) - len(images)} of {len(ids)} images"
                yield f"{key} lacks {count}, such as {example}"
        return
    for index in range(1, max(counts) + 1):
        shard = Shard(index, max(counts))
        share = shard.select(ids)
        gaps = [(image, key) for key in held for image in share if image not in held[key]]
        if shard not in shards and len(gaps) == len(share) * len(held) > 0:
            yield f"shard {shard} is missing, with {len(share)} of {len(ids)} images"
        elif gaps:
            image, key = gaps[0]
            lacking = len({image for image, _ in gaps})
            yield (
                f"shard {shard} lacks {len(gaps)} records of {lacking} of its {len(share)} images, "
                f"such as that of {image} in {key}"
            )
