"""mmsegmentation's networks: from a config and a checkpoint, from pixels to pixels."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import HarnessError, ImageError, UserError
from harness.plugins import RGB, Json, check_finite
from tasks.segmentation.models.segmenter import numbered
from tasks.weights.torch_files import fill, named_as, read_checkpoint

if TYPE_CHECKING:
    from mmengine import Config
    from mmengine.config import ConfigDict

_HEAD = re.compile(r"^decode_head\.(?:\d+\.)?conv_seg\.weight$")


class MMSegNetwork:
    """A segmentor with its weights and its own test pipeline.

    Args:
        config: see `read_config`; it is changed.
        weights: a checkpoint of the network.
        what: the network's name, for messages.
        any_classes: give the heads as many classes as the checkpoint has.

    Raises:
        UserError: the network cannot be built, the weights cannot be read or are another
            network's, or the classes' names do not fit them.
    """

    def __init__(self, config: Config, weights: Path, what: str, any_classes: bool = False) -> None:
        tensors, meta = read_checkpoint(weights)
        tensors = named_as(tensors, lambda names: any(map(_HEAD.match, names)))
        model = config.model
        heads = [value for name, value in tensors.items() if _HEAD.match(name)]
        if any_classes and heads:
            _set_classes(model, len(heads[-1]))
        if not any(name.startswith("auxiliary_head.") for name in tensors):
            model.pop("auxiliary_head", None)  # it is for training, and left out of some files
        names = _names(meta, config)
        with _mmseg(what):
            from mmengine.dataset import Compose
            from mmengine.model import revert_sync_batchnorm
            from mmseg.registry import MODELS, TRANSFORMS

            self._pipeline = Compose([TRANSFORMS.build(step) for step in _pipeline(config, what)])
            # SyncBN cannot train on one processor; in evaluation the two are the same.
            module = revert_sync_batchnorm(MODELS.build(model))
        fill(module, tensors, weights, what)
        count = int(module.num_classes)
        self.labels = names or numbered(count)
        if len(self.labels) != count:
            raise UserError(
                f"A class count that does not fit the model: {what} has {count} classes, and "
                f"{len(self.labels)} are named with {weights.name}."
            )
        self._module = module

    def to(self, device: str) -> None:
        """See `SegmentationNetwork`; mmengine's preprocessor moves the images."""
        self._module.to(device)

    def __call__(self, image: RGB) -> NDArray[np.uint8]:
        """The class map, (height, width), of an image, (height, width, 3) RGB.

        Raises:
            ImageError: the image is too slim to be resized as the pipeline says.
        """
        import cv2

        try:
            # mmcv reads BGR, and the config's preprocessor turns that round if need be.
            data = self._pipeline({"img": np.ascontiguousarray(image[:, :, ::-1])})
        except cv2.error as error:
            raise ImageError(
                f"the image is {image.shape[1]}×{image.shape[0]} pixels, and the model's own "
                "resizing leaves nothing of the short side"
            ) from error
        with torch.inference_mode():
            answer = self._module.test_step(
                {"inputs": [data["inputs"]], "data_samples": [data["data_samples"]]}
            )[0]
        if "pred_sem_seg" not in answer:
            raise HarnessError("the mmsegmentation model predicts no classes")
        if "seg_logits" in answer:
            check_finite(answer.seg_logits.data.cpu().numpy(), "the network")
        classes: NDArray[np.uint8] = answer.pred_sem_seg.data[0].to(torch.uint8).cpu().numpy()
        return classes


def read_config(path: Path) -> Config:
    """An mmsegmentation config, without the weights it would begin training with.

    The file is Python, and is run.

    Returns:
        A mmengine ``Config``.

    Raises:
        UserError: it cannot be read, or is of no segmentor.
    """
    try:
        with _quiet():
            from mmengine import Config

            config = Config.fromfile(path)
    except Exception as error:  # a config is a program, and fails as programs do
        raise UserError(f"The config {path} cannot be read: {_reason(error)}.") from error
    if not isinstance(config.get("model"), dict):
        raise UserError(f"The config {path} is of no segmentor: it has no 'model'.")
    config.model.setdefault("data_preprocessor", config.get("data_preprocessor"))
    config.model.train_cfg = None
    _drop_pretrained(config.model)
    return config


def config_sha256(config: Config) -> str:
    """The sha256 of what decides a prediction: the model, and how images reach it."""
    facts = {"model": config.model.to_dict(), "pipeline": _pipeline(config, "the config")}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _drop_pretrained(node: dict[str, object] | Sequence[object]) -> None:
    """Take away what would be downloaded to begin training with."""
    if isinstance(node, dict):
        if "pretrained" in node:
            node["pretrained"] = None
        start = node.get("init_cfg")
        if isinstance(start, dict) and "checkpoint" in start:
            node["init_cfg"] = None
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, (dict, list, tuple)):
            _drop_pretrained(child)


def _set_classes(model: ConfigDict, count: int) -> None:
    for head in ("decode_head", "auxiliary_head"):
        parts = model.get(head) or []
        for part in [parts] if isinstance(parts, dict) else parts:
            part["num_classes"] = count


def _pipeline(config: Config, what: str) -> list[Json]:
    """The config's test pipeline for an image that is read already.

    Raises:
        UserError: it has none, or reads something else than images.
    """
    dataset = _dataset(config)
    steps = config.get("test_pipeline") or dataset.get("pipeline") or []
    kinds = [str(getattr(step["type"], "__name__", step["type"])) for step in steps]
    if not kinds or kinds[0].rpartition(".")[2] != "LoadImageFromFile":
        raise UserError(
            f"{what} has no test pipeline that begins with LoadImageFromFile "
            f"(but {', '.join(kinds) or 'nothing'}), so photographs cannot be handed to it."
        )
    read = {**steps[0], "type": "LoadImageFromNDArray"}
    rest = [
        dict(step)
        for step, kind in zip(steps[1:], kinds[1:], strict=True)
        if not kind.endswith("LoadAnnotations")
    ]
    return [read, *rest]


def _dataset(config: Config) -> ConfigDict:
    loader = config.get("test_dataloader") or config.get("val_dataloader") or {}
    dataset = loader.get("dataset") or {}
    while isinstance(dataset.get("dataset"), dict):  # a wrapper
        dataset = dataset["dataset"]
    return dataset


def _names(meta: Json, config: Config) -> tuple[str, ...]:
    """The classes as the checkpoint names them, else the config's data set, else none."""
    names = (meta.get("dataset_meta") or {}).get("classes") or meta.get("CLASSES")
    dataset = _dataset(config)
    names = names or (dataset.get("metainfo") or {}).get("classes")
    if not names and dataset.get("type"):
        with _quiet():
            from mmseg.datasets import BaseSegDataset
            from mmseg.registry import DATASETS

            kind = dataset["type"]
            known = DATASETS.get(kind) if isinstance(kind, str) else kind
            names = getattr(known or BaseSegDataset, "METAINFO", {}).get("classes")
    return tuple(str(name).strip() for name in names or ())


@contextlib.contextmanager
def _mmseg(what: str) -> Iterator[None]:
    """Build things of mmsegmentation by name, quietly; turn its errors into one sentence."""
    try:
        with _quiet():
            from mmengine.registry import DefaultScope

            # For as long as it takes: a default scope that is set for good is global state.
            with DefaultScope.overwrite_default_scope("mmseg"):
                yield
    except UserError:
        raise
    except Exception as error:  # plugins of plugins may fail in any way
        operator = re.search(r"onedl-mmcv for (\S+) ops|mmcv\._ext", str(error))
        if operator:
            named = f" ({operator[1]})" if operator[1] else ""
            raise UserError(
                f"{what} needs operators that mmcv compiles{named}, and the mmcv that is "
                "installed has none. Choose a config without them, or build onedl-mmcv from "
                "source."
            ) from error
        raise UserError(f"mmsegmentation cannot build {what}: {_reason(error)}.") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep mmcv's and mmseg's notes on what is not installed and not used to themselves."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _reason(error: Exception) -> str:
    reason = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    for rest in (", the current sys.path", ". Please check whether"):  # long, and no help
        reason = reason.partition(rest)[0]
    return f"{type(error).__name__}: {' '.join(reason.split()).rstrip('.')}"
