"""Study and cell: what is to be measured, validated, serialisable and fingerprinted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.assets.reading import load_yaml
from harness.assets.shipped import shipped_file
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.plugins.types import Json

SMALLEST_TILE = 32
"""Pixels a side: less than that, and a tile is nothing but overlap."""


_SHOWN = 80
"""Characters of a bad value that are shown."""


class Study(BaseModel):
    """A grid of cells: tasks × QFs × restorers on one data set with one vision model a task.

    The defaults of ``harness run`` live here and nowhere else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="", description="names the default run directory")
    task: tuple[str, ...] = Field(
        default=("detection",), description="detection, segmentation, classification, fidelity"
    )
    dataset: str = Field(
        default="auto",
        description="auto, a data set's name, or a path to images or annotations",
        min_length=1,
    )
    images: str | None = Field(
        default=None, description="folder of the images of an annotations file"
    )
    masks: str | None = Field(default=None, description="folder of the masks of an image folder")
    classes: str | None = Field(default=None, description="file of class names, one a line")
    split: str | None = Field(default=None, description="list of images of a VOC-layout folder")
    model: tuple[str, ...] = Field(
        default=(), description="vision models; empty: the data set's own"
    )
    codec: tuple[str, ...] = Field(default=("jpeg",), description="what degrades the images")
    qf: tuple[int, ...] = Field(
        default=(10, 20, 30, 40),
        description="quality factors (or qualities of another codec), 1..100",
    )
    restorers: tuple[str, ...] = Field(
        default=("all",),
        description="names, names with a variant (fbcnn:known_qf), weights files, or all",
    )
    nearest_qf: bool = Field(
        default=False, description="a QF without a checkpoint takes the nearest one's", strict=True
    )
    tile: int | None = Field(
        default=None,
        description="side of the restorers' tiles in pixels; 0: never in tiles",
        strict=True,
    )
    luma: bool = Field(default=False, description="compress and score luma alone", strict=True)
    limit: int | None = Field(
        default=None, description="only the first N images", ge=1, strict=True
    )
    seed: int = Field(
        default=0, description="seeds every random generator", ge=0, lt=2**32, strict=True
    )

    @field_validator("task", "qf", "restorers", "model", "codec", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        """A single value or a comma-separated string is a list too; repeats count once."""
        if value is None:
            return ()
        parts: list[object] = []
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, bool | list | tuple | dict):
                raise ValueError("needs a value or a plain list of values")
            parts += [p.strip() for p in item.split(",")] if isinstance(item, str) else [item]
        return tuple(dict.fromkeys(part for part in parts if part != ""))

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, value: str) -> str:
        if value.startswith(".") or "/" in value or "\0" in value:
            raise ValueError("it names a folder, so it has no '/' and starts with no dot")
        return value

    @field_validator("qf")
    @classmethod
    def _in_range(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        for qf in value:
            if not 1 <= qf <= 100:
                raise ValueError(f"QF {qf} is outside 1..100")
        return tuple(sorted(set(value)))

    @field_validator("tile")
    @classmethod
    def _large_enough(cls, value: int | None) -> int | None:
        if value is not None and value != 0 and value < SMALLEST_TILE:
            raise ValueError(f"a tile has {SMALLEST_TILE} pixels or more a side; 0 is no tiles")
        return value

    @field_validator("task", "qf", "restorers", "codec")
    @classmethod
    def _not_empty(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        if not value:
            raise ValueError("needs at least one value")
        return value

    @property
    def options(self) -> dict[str, str]:
        """What was said of the data set besides its path."""
        said = {name: getattr(self, name) for name in ("images", "masks", "classes", "split")}
        return {name: value for name, value in said.items() if value is not None}


def read_study(path: Path | None, flags: Mapping[str, object]) -> Study:
    """The study of a YAML file with the flags that were given laid over it.

    Args:
        path: a YAML mapping of `Study` fields, or the name of one that is shipped, or None.
        flags: values by field; None and empty lists mean the flag was not given.

    Raises:
        UserError: the file cannot be read, or a value does not fit (field, value and reason).
    """
    values: dict[str, object] = {}
    if path is not None:
        if not path.suffix:
            path = shipped_file(str(path), "configs", "study")
        try:
            loaded = load_yaml(path)
        except OSError as error:
            raise UserError(f"Cannot read the study {path}: {error.strerror}.") from error
        except (yaml.YAMLError, ValueError) as error:  # ValueError: 2020-13-45, or not UTF-8
            reason = " ".join(str(error).split())
            raise UserError(f"The study {path} is not valid YAML: {reason}.") from error
        if not isinstance(loaded, dict):
            raise UserError(f"The study {path} must be a mapping such as 'task: detection'.")
        values.update(loaded)
    values.update({key: value for key, value in flags.items() if value not in (None, [], ())})
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise UserError(_explain(error, path)) from error


def _explain(error: ValidationError, path: Path | None) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][:1])
    where = f" in {path}" if path is not None else ""
    if first["type"] == "extra_forbidden":
        known = ", ".join(Study.model_fields)
        return f"A study has no field '{field}'{where}. Fields: {known}."
    given = first["input"]
    shown = ", ".join(map(str, given)) if isinstance(given, list | tuple) else repr(given)
    if len(shown) > _SHOWN:  # a whole annotations file was taken for a study
        shown = f"{shown[:_SHOWN]}…"
    if first["type"] in ("int_parsing", "int_type", "int_from_float"):
        return f"Bad value for {field}{where}: {shown} is not a whole number."
    reason = first["msg"].removeprefix("Value error, ")
    return f"Bad value for {field}{where}: {reason} (got {shown})."


def study_yaml(study: Study) -> str:
    """The study as YAML, as ``--show-study`` prints it and ``--study`` reads it."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


Condition = tuple[str, int] | None
"""Codec and QF; None: not compressed."""


@dataclass(frozen=True)
class Cell:
    """One number of the table, before it is measured.

    Attributes:
        task: task name.
        dataset: data set name.
        model: vision model name, empty for ``fidelity``.
        codec: codec name; empty for a restorer that sees the uncompressed image.
        qf: quality factor; None for a restorer that sees the uncompressed image.
        restorer: restorer name.
        inputs: everything that can change the number, for the fingerprint.
    """

    task: str
    dataset: str
    model: str
    codec: str
    qf: int | None
    restorer: str
    inputs: Json = field(compare=False)

    @property
    def key(self) -> str:
        """The cell's place in the grid, and of its files; unique within a run directory."""
        usual = Study.model_fields["codec"].default
        codec = "" if self.qf is None or self.codec in usual else f"@{self.codec}"
        qf = "original" if self.qf is None else f"q{self.qf}"
        restorer = self.restorer
        for letter in "%/@\0":  # "@" is what sets the codec apart
            restorer = restorer.replace(letter, f"%{ord(letter):02X}")
        return f"{self.task}/{restorer}{codec}-{qf}"

    @property
    def condition(self) -> Condition:
        """Which compressed image it starts from; None: the uncompressed one."""
        return None if self.qf is None else (self.codec, self.qf)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of `inputs` and the place: no other cell ever reuses its records."""
        return stable_hash({"key": self.key, "model": self.model, **self.inputs})

    def as_json(self) -> Json:
        """For the manifest."""
        return {
            "task": self.task,
            "dataset": self.dataset,
            "model": self.model,
            "codec": self.codec,
            "qf": self.qf,
            "restorer": self.restorer,
            "fingerprint": self.fingerprint,
            "inputs": self.inputs,
        }


def stable_hash(value: object) -> str:
    """The sha256 of a JSON-serialisable value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
