"""The card of a TorchScript or ONNX file: all that the file does not say of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from harness.assets.cards import Card, cache_root, check_file, file_sha256, locate_file, megabytes
from harness.assets.reading import load_yaml
from harness.errors import UserError
from harness.plugins import Json
from tasks.classes import COCO, COCO_IDS, VOC
from tasks.exported.fields import BoxesOutput, ClassMapOutput, Input, ScoresOutput

KNOWN = {"coco": COCO, "coco-ids": COCO, "voc": VOC}
"""Classes by the name of their data set."""


class ModelFile(Card):
    """A card of a network in a file, and how to use it; see `Card` for the other fields.

    Attributes:
        task: of the network.
        framework: what runs the file.
        file: relative to the card, absolute, or a file name in the cache's ``weights``.
        sha256: compared before the file is loaded; empty: not.
        classes: names, without the background.
        input: what the network is given.
        quantized_engine: torch's engine that a quantised network was made for.
    """

    task: str
    framework: Literal["torchscript", "onnx"]
    sha256: str = ""
    source: str = ""
    licence: str = ""
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    input: Input
    quantized_engine: Literal["qnnpack", "fbgemm", "x86", "onednn"] | None = None

    @field_validator("sha256")
    @classmethod
    def _hex(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-fA-F]{8,64}", value):
            raise ValueError("not 64 hexadecimal digits, or the first 8 or more of them")
        return value.lower()

    @model_validator(mode="after")
    def _identified(self) -> ModelFile:  # here a file of the user's needs no sha256
        if self.url and (Path(self.file).name != self.file or not self.file.strip(".")):
            name = Path(self.file).name.strip(".") or "net.onnx"
            raise ValueError(
                "with a url, file is a file name without a folder, under which the download is "
                f"kept, as {name}; a file that is here already, as {self.file}, needs no url"
            )
        if self.quantized_engine and self.framework != "torchscript":
            raise ValueError("quantized_engine is of TorchScript files")
        if self.input.size and self.input.size.crop and self.task != "classification":
            raise ValueError("input.size.crop is of classifiers: what lies outside would be missed")
        return self


class DetectorFile(ModelFile):
    """The card of a detector."""

    task: Literal["detection"]
    output: BoxesOutput

    @model_validator(mode="after")
    def _in_step(self) -> DetectorFile:
        if self.output.ids is not None and len(self.output.ids) != len(self.classes):
            raise ValueError(
                f"output.ids has {len(self.output.ids)} numbers for {len(self.classes)} classes"
            )
        return self


class SegmenterFile(ModelFile):
    """The card of a segmenter."""

    task: Literal["segmentation"]
    output: ClassMapOutput


class ClassifierFile(ModelFile):
    """The card of a classifier."""

    task: Literal["classification"]
    output: ScoresOutput


KINDS: dict[str, type[DetectorFile | SegmenterFile | ClassifierFile]] = {
    "detection": DetectorFile,
    "segmentation": SegmenterFile,
    "classification": ClassifierFile,
}
"""Cards by task."""

_ELSEWHERE = {"mmseg": "CONFIG.py:CHECKPOINT.pth", "detectron2": "CONFIG.yaml:CHECKPOINT.pkl"}


def read_model_card(path: Path) -> DetectorFile | SegmenterFile | ClassifierFile:
    """Read a card, its classes by name or from a text file included.

    Raises:
        UserError: it cannot be read, or a field is missing, unknown or wrong.
    """
    try:
        raw = load_yaml(path)
    except OSError as error:
        raise UserError(f"Cannot read the model card {path}: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise UserError(f"The model card {path} is no YAML: {reason}{where}.") from error
    if not isinstance(raw, dict):
        raise _invalid(path, "it holds no fields, such as 'task: detection'")
    framework = raw.get("framework")
    if isinstance(framework, str) and framework in _ELSEWHERE:
        raise UserError(
            f"{path}: a model card is for TorchScript and ONNX files. A model of {framework} runs "
            f"without a card: --model {_ELSEWHERE[framework]}."
        )
    task = raw.get("task")
    if not isinstance(task, str) or task not in KINDS:
        raise _invalid(path, f"'task' is one of {', '.join(KINDS)}, not {task!r}")
    try:
        return KINDS[task].model_validate(_with_classes(raw, path))
    except ValidationError as error:
        raise _invalid(path, _first(error)) from error


def checked_weights(path: Path, card: ModelFile) -> tuple[Path, str]:
    """A card's file and its sha256, after comparing it with what the card says of it.

    Args:
        path: of the card.
        card: what is in it.

    Raises:
        UserError: the file is missing, cannot be read, or is another one.
    """
    file = _file(path, card)
    if not file.is_file():
        if not card.url:
            raise UserError(f"The card {path} names the file {card.file}, but there is no {file}.")
        size = f", {megabytes(card.size)}" if card.size else ""
        raise UserError(
            f"The weights of {card.name} are not on this machine: `harness fetch {path}` "
            f"downloads them, or put the file (from {card.url}{size}) at {file}."
        )
    # Its advice is `harness fetch NAME`, and this card's name is its path.
    check_file(file, card.model_copy(update={"name": str(path)}))
    try:
        return file, card.sha256 if len(card.sha256) == 64 else file_sha256(file)
    except OSError as error:
        raise UserError(f"Cannot read the weights {file}: {error.strerror}.") from error


def _file(path: Path, card: ModelFile) -> Path:
    try:
        card = card.model_copy(update={"file": str(Path(card.file).expanduser())})
    except RuntimeError as error:
        raise UserError(f"The card {path} names the file {card.file}: no such home.") from error
    beside = locate_file(path, card)
    cached = cache_root() / "weights" / card.file
    return cached if not beside.is_file() and cached.is_file() else beside


def _with_classes(raw: Json, path: Path) -> Json:
    """The fields with the names of the classes, where the card says where they are."""
    classes, output = raw.get("classes"), raw.get("output")
    if isinstance(classes, dict):
        return {**raw, "classes": _numbered(path, classes)}
    if not isinstance(classes, str):
        return raw
    if classes == "coco-ids":
        if raw["task"] != "detection":
            raise _invalid(path, "'classes': coco-ids is of detectors")
        if isinstance(output, dict):
            if "ids" in output or "label_base" in output:
                raise _invalid(path, "'classes': coco-ids says the labels: no ids, no label_base")
            output = {**output, "ids": COCO_IDS}
    names = KNOWN.get(classes) or _lines(path, classes)
    return {**raw, "classes": names, **({} if output is None else {"output": output})}


def _numbered(path: Path, classes: dict[object, object]) -> list[object]:
    """Classes that are given as a mapping from 0, 1, …, in the order of the numbers."""
    numbers = {int(str(key)): name for key, name in classes.items() if str(key).isdecimal()}
    if sorted(numbers) != list(range(len(classes))):
        keys = ", ".join(map(str, list(classes)[:3]))
        raise _invalid(
            path,
            f"'classes' maps {keys}… to names, which is understood where these are 0, 1, 2, …; "
            "otherwise give a list of the names, and a detector's labels as output.label_base or "
            "output.ids",
        )
    return [numbers[place] for place in range(len(numbers))]


def _lines(path: Path, name: str) -> tuple[str, ...]:
    """The classes in a text file beside a card, one a line."""
    known = ", ".join(KNOWN)
    try:
        text = (path.parent / Path(name).expanduser()).read_text(encoding="utf-8-sig")
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _invalid(
            path,
            f"'classes' is a list, one of {known}, or a text file with a name a line, and "
            f"{name} cannot be read: {reason}",
        ) from error
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if "" in lines:
        raise _invalid(path, f"'classes': line {lines.index('') + 1} of {name} is empty")
    return tuple(lines)


def _invalid(path: Path, reason: str) -> UserError:
    return UserError(f"The model card {path} is not valid: {reason}.")


def _first(error: ValidationError) -> str:
    """What pydantic found first, as the end of a sentence."""
    errors = error.errors(include_url=False)
    first = errors[0]
    where = f"'{'.'.join(map(str, first['loc']))}'" if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        reason = f"{where} is no field of a card"
    elif first["type"] == "missing":
        reason = f"{where} is missing"
    elif first["type"] == "value_error":
        reason = f"{where}: {first['ctx']['error']}" if where else str(first["ctx"]["error"])
    else:
        text = first["msg"][0].lower() + first["msg"][1:]
        reason = f"{where}: {text.removeprefix('input ')}, not {first['input']!r}"
    more = len(errors) - 1
    return reason + (f" (and {more} more)" if more else "")
