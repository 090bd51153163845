"""What a run directory's manifest holds: one typed model, written and read here alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

from harness.errors import UserError
from harness.plugins.types import Json
from harness.study.device import CPU_KIND
from harness.study.shard import Shard
from harness.study.study import Cell, Condition

FORMAT = 3
"""The schema's version: raised when an older harness could misread what is written."""

READABLE = (1, 2, 3)
"""The versions that are read: compact files came with the second, checksums with the third."""


_LONGEST = 255 - len(".0123456789ab.jsonl.xz.tmp")
"""Bytes of a name that the name of a file begins with."""


def _inside(path: str) -> str:
    """Refuse what would lead out of the run directory."""
    parts = path.split("/")
    if "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{path!r} leads out of the run directory")
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:
        raise ValueError(f"{path[:40]!r} is no name of a file") from None
    if longest > _LONGEST:
        raise ValueError(f"{path[:40]!r}… is too long for the name of a file")
    return path


def _word(text: str) -> str:
    if not re.fullmatch(r"[\w-]*", text):
        raise ValueError(f"{text[:40]!r} is no hash")
    return text


def _shard(text: str) -> str:
    try:
        return text and str(Shard.parse(text))
    except UserError as error:
        raise ValueError(f"{text[:40]!r} is no shard") from error


PathPart = Annotated[str, AfterValidator(_inside)]
"""A part of the name of a file in the run directory."""

Word = Annotated[str, AfterValidator(_word)]
"""Letters and digits, as a hash is written with."""


class CellFiles(Protocol):
    """What names a cell's files: a `Cell` of a study or a `CellEntry` of a manifest."""

    @property
    def key(self) -> str:
        """The cell's place in the grid, see `Cell.key`."""

    @property
    def fingerprint(self) -> str:
        """Everything that can change its number, hashed, see `Cell.fingerprint`."""


class _Entry(BaseModel):
    """A part of the manifest. Keys of a later harness are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class CellEntry(_Entry):
    """A cell of the run: see `harness.study.study.Cell`."""

    key: PathPart
    task: PathPart
    dataset: str
    model: str
    codec: str
    qf: int | None
    restorer: str
    fingerprint: Word
    inputs: dict[str, Any] = Field(default_factory=dict)

    @property
    def condition(self) -> Condition:
        """Codec and QF; None where nothing was compressed."""
        return None if self.qf is None else (self.codec, self.qf)

    @classmethod
    def from_cell(cls, cell: Cell) -> CellEntry:
        """The entry of a study's cell."""
        return cls(
            key=cell.key,
            task=cell.task,
            dataset=cell.dataset,
            model=cell.model,
            codec=cell.codec,
            qf=cell.qf,
            restorer=cell.restorer,
            fingerprint=cell.fingerprint,
            inputs=cell.inputs,
        )


class RestorerEntry(_Entry):
    """What tables need of a restorer: see `harness.plugins.Restorer`."""

    multi_model: bool | None = None
    year: int = 9999
    reference: bool = False


class DataSetEntry(_Entry):
    """The images of a run.

    Attributes:
        name: of the data set.
        images: how many are measured.
        total: how many the data set has.
        image_list_sha256: over the ids, in order.
        ids: of the images measured, in order; empty in the oldest runs.
    """

    name: str = ""
    images: int = 0
    total: int = Field(
        default=0, validation_alias=AliasChoices("total", "of"), serialization_alias="of"
    )
    image_list_sha256: str = ""
    ids: tuple[str, ...] = ()

    @cached_property
    def known(self) -> frozenset[str]:
        """The ids, to look one up."""
        return frozenset(self.ids)


class ExpectedScore(_Entry):
    """What a vision model is expected to score (`harness.plugins.Expected`).

    Attributes:
        metric: of the task.
        value: in percent.
        tolerance: points by which a measurement may differ.
        source: who says so.
        ignored: the user went on without the check.
    """

    metric: str
    value: float
    tolerance: float
    source: str
    ignored: bool = False


class Identity(_Entry):
    """What sets a run directory apart: cells that differ in any of this never share one.

    ``device`` is a class of device: ``cpu``, ``cuda``, ``mps``.
    """

    dataset: str = ""
    data: Any = Field(default_factory=dict)
    images: str = ""
    codecs: dict[str, dict[str, str]] = Field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    device: str = CPU_KIND

    @model_validator(mode="before")
    @classmethod
    def _one_codec(cls, written: Any) -> Any:
        """A run from before there were several codecs names its only one."""
        if isinstance(written, Mapping) and "codec" in written and "codecs" not in written:
            codec = written["codec"]
            if isinstance(codec, Mapping) and isinstance(codec.get("codec"), str):
                return {**written, "codecs": {codec["codec"]: codec}}
        return written


class Manifest(_Entry):
    """A run: its study, its cells and what they were made with.

    Attributes:
        harness: version that wrote it last.
        created: when the run began, ISO 8601 in UTC.
        updated: when a study was last added to it.
        study: fields of the `Study`, grown with every one that was run into this directory.
        folder: that its relative paths are meant from, seen from the run directory; empty where
            it has none.
        identity: see `Identity`.
        models: the vision model of each task; empty without one.
        data_set: the images.
        restorers: by name, in table order.
        gates: by task, what its vision model is expected to score on the uncompressed images.
        environments: of every machine that computed records.
        cells: in table order.
        skipped: the keys of cells that cannot be measured, with the reason.
        truth: the sha256 of each task's ground truth; none in runs from before there were any.
        shard: ``i/n`` where the directory is to have every n-th image alone; else empty.
    """

    format: int = FORMAT
    harness: str = ""
    created: str = ""
    updated: str = ""
    study: Json = Field(default_factory=dict)
    folder: str = ""
    identity: Identity = Field(default_factory=Identity)
    models: dict[str, str] = Field(default_factory=dict)
    data_set: DataSetEntry = Field(default_factory=DataSetEntry)
    restorers: dict[str, RestorerEntry] = Field(default_factory=dict)
    gates: dict[str, ExpectedScore] = Field(default_factory=dict)
    environments: tuple[Json, ...] = ()
    cells: tuple[CellEntry, ...] = ()
    skipped: dict[str, str] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("skipped", "absent"),
        serialization_alias="absent",
    )
    truth: dict[str, str] = Field(default_factory=dict)
    shard: Annotated[str, AfterValidator(_shard)] = ""

    @property
    def ids_here(self) -> tuple[str, ...]:
        """The ids of the images that the directory is to have, in order; see `DataSetEntry.ids`."""
        ids = self.data_set.ids
        return Shard.parse(self.shard).select(ids) if self.shard else ids

    def to_json(self) -> Json:
        """What is written down, in the present format whatever it was read from."""
        written = self.model_dump(by_alias=True) | {"format": FORMAT}
        if not self.shard:
            del written["shard"]
        if self.identity.device == CPU_KIND:
            del written["identity"]["device"]
        return written
