"""The one door to detectron2: its configs, its checkpoints and its predictor.

detectron2 is optional and imported by these functions alone.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from harness.assets.reading import load_yaml
from harness.errors import UserError
from tasks.classes import COCO
from tasks.detection.models.detectron2_weights import IncompatibleKeys, check_fit, refuse_code
from tasks.weights.torch_files import check_numbers

if TYPE_CHECKING:
    from detectron2.config import CfgNode
    from detectron2.engine import DefaultPredictor

INSTALL = (
    "pip install 'setuptools<81' fvcore iopath yacs omegaconf hydra-core cloudpickle tabulate && "
    "pip install --no-build-isolation 'git+https://github.com/facebookresearch/detectron2'"
)
"""How to get it: it is in no package index."""


def need() -> str:
    """Import detectron2; returns its version.

    Raises:
        UserError: it is not installed, or does not import; with the command that installs it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is full of what other packages deprecate
            import detectron2
            import detectron2.engine
            import detectron2.model_zoo  # which needs pkg_resources, gone from setuptools 81
    except Exception as error:  # compiled for another torch, it fails in many ways
        raise UserError(
            f"This model needs detectron2, which cannot be imported ({_line(error)}); install it "
            f"with: {INSTALL}"
        ) from error
    return str(detectron2.__version__)


def zoo_config(name: str) -> CfgNode:
    """detectron2's own config ``COCO-Detection/<name>.yaml``, for the CPU."""
    from detectron2 import model_zoo

    return _on_cpu(model_zoo.get_config(f"COCO-Detection/{name}.yaml"))


def file_config(path: Path) -> CfgNode:
    """The config in a YAML file, with the files it builds on, for the CPU.

    Raises:
        UserError: the file, or one it builds on, is missing, is no YAML, is on the web, or has a
            key that detectron2 itself does not know.
    """
    from detectron2.config import get_cfg

    _check_bases(path)
    config = get_cfg()
    try:
        config.merge_from_file(str(path), allow_unsafe=False)
    except Exception as error:  # yacs raises what it likes
        raise UserError(
            f"The detectron2 config {path} cannot be used: {_line(error)}. Configs of projects "
            "that add keys or networks of their own are not supported."
        ) from error
    return _on_cpu(config)


def predictor(
    config: CfgNode, weights: Path, published: bool = False, device: str = "cpu"
) -> DefaultPredictor:
    """A `DefaultPredictor` of ``config`` with the weights in a file.

    detectron2's own checkpointer reads the file, but only warns of weights that do not fit: here
    that is an error. The file is first read with everything but arrays and numbers refused.

    Args:
        config: of the network.
        weights: a ``.pkl`` or ``.pth`` file.
        published: it is the model zoo's own file for this config, so that an array the network
            has no use for is an old version's, and not another network's.
        device: where it runs.

    Raises:
        UserError: the file is damaged, could run code, or is for another network or class count;
            the network finds no boxes.
    """
    from detectron2.checkpoint import DetectionCheckpointer
    from detectron2.engine import DefaultPredictor

    class Checkpointer(DetectionCheckpointer):  # type: ignore[misc]
        """Keeps what does not fit instead of logging it."""

        odd: IncompatibleKeys | None = None

        def _log_incompatible_keys(self, incompatible: IncompatibleKeys) -> None:
            self.odd = incompatible

    refuse_code(weights)
    config = config.clone()
    config.MODEL.WEIGHTS, config.MODEL.DEVICE = "", device
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = DefaultPredictor(config)
    except Exception as error:
        raise UserError(
            f"detectron2 cannot build the network of the config: {_line(error)}."
        ) from error
    checkpointer = Checkpointer(made.model)
    try:
        checkpointer.load(str(weights))
    except Exception as error:
        raise UserError(
            f"detectron2 cannot read the weights {weights}: {_line(error)}. Give it a file that "
            "its checkpointer wrote, or the state_dict alone."
        ) from error
    check_fit(checkpointer.odd, weights, published)
    check_numbers(made.model, weights)
    _try(made)
    return made


def class_names(config: CfgNode, path: Path) -> tuple[str, ...]:
    """The names of a config's classes, in the order of its outputs.

    From ``classes.txt`` beside the config (a name a line), else from what detectron2 knows of the
    config's data sets, else COCO's where there are 80.

    Raises:
        UserError: there are no names, or another number than the network has classes.
    """
    count = int(
        config.MODEL.RETINANET.NUM_CLASSES
        if config.MODEL.META_ARCHITECTURE == "RetinaNet"
        else config.MODEL.ROI_HEADS.NUM_CLASSES
    )
    listed = path.parent / "classes.txt"
    if listed.is_file():
        lines = listed.read_text(encoding="utf-8").splitlines()
        names = tuple(line.strip() for line in lines if line.strip())
        if len(names) != count:
            raise UserError(f"{listed} names {len(names)} classes; {path} has {count}.")
        return names
    for names in (*_catalogued((*config.DATASETS.TEST, *config.DATASETS.TRAIN)), COCO):
        if len(names) == count:
            return names
    raise UserError(
        f"Nothing says what the {count} classes of {path} are called: write them into {listed}, "
        "a name a line, in the order of the training data."
    )


def _try(made: DefaultPredictor) -> None:
    """Run a small image: what fails then fails here, and what warns once warns unheard."""
    import torch

    log = logging.getLogger("torch.fx._symbolic_trace")  # detectron2 asks it an old question
    level = log.level
    log.setLevel(logging.ERROR)
    side = 64
    image = {"image": torch.zeros(3, side, side), "height": side, "width": side}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            result = made.model([image])[0]
    finally:
        log.setLevel(level)
    if "instances" not in result or not result["instances"].has("pred_boxes"):
        raise UserError(
            f"The network of the config is no detector: it gives {', '.join(result)}, and no boxes."
        )


def _on_cpu(config: CfgNode) -> CfgNode:
    config.MODEL.DEVICE = "cpu"
    return config


def _check_bases(path: Path, depth: int = 0) -> None:
    try:
        content = load_yaml(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or _line(error)
        raise UserError(f"Cannot read the detectron2 config {path}: {reason}.") from error
    bases = content.get("_BASE_", []) if isinstance(content, dict) else []
    for base in map(str, bases if isinstance(bases, list) else [bases]):
        if "://" in base:
            raise UserError(
                f"The detectron2 config {path} builds on {base}: download that beside it, and "
                "name the copy in _BASE_."
            )
        if depth > 10:
            raise UserError(f"The detectron2 config {path} builds on itself.")
        _check_bases(path.parent / Path(base).expanduser(), depth + 1)


def _catalogued(data_sets: Sequence[str]) -> list[tuple[str, ...]]:
    import detectron2.data.datasets  # noqa: F401 - registers the data sets it knows
    from detectron2.data import MetadataCatalog

    known = [MetadataCatalog.get(name) for name in data_sets if name in MetadataCatalog.list()]
    return [tuple(metadata.get("thing_classes") or ()) for metadata in known]


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return (text[:300] + "…" if len(text) > 300 else text).rstrip(".")
