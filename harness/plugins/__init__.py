"""What a third party implements: one import for a restorer, a data set, a model, a task, a codec.

    from harness.plugins import RGB, Compressed, Restorer

What stands here is imported when it is asked for, so that listing names stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.plugins.codec import Codec as Codec
    from harness.plugins.codec import Compressed as Compressed
    from harness.plugins.codec import check_image as check_image
    from harness.plugins.codec import checked_qf as checked_qf
    from harness.plugins.dataset import DataSet as DataSet
    from harness.plugins.dataset import DataSetFormat as DataSetFormat
    from harness.plugins.dataset import ImageRef as ImageRef
    from harness.plugins.drawing import Drawing as Drawing
    from harness.plugins.drawing import MarkedBox as MarkedBox
    from harness.plugins.expected import Expected as Expected
    from harness.plugins.expected import own_score as own_score
    from harness.plugins.expected import published_score as published_score
    from harness.plugins.image_files import read_image as read_image
    from harness.plugins.image_files import upright as upright
    from harness.plugins.image_files import upright_size as upright_size
    from harness.plugins.pixel_values import check_finite as check_finite
    from harness.plugins.pixel_values import check_values as check_values
    from harness.plugins.predictions import Detections as Detections
    from harness.plugins.record import Record as Record
    from harness.plugins.restorer import Cost as Cost
    from harness.plugins.restorer import Restored as Restored
    from harness.plugins.restorer import Restorer as Restorer
    from harness.plugins.restorer import RestorerFormat as RestorerFormat
    from harness.plugins.restorer import as_restored as as_restored
    from harness.plugins.task import Sample as Sample
    from harness.plugins.task import Task as Task
    from harness.plugins.task import reference_metrics as reference_metrics
    from harness.plugins.types import RGB as RGB
    from harness.plugins.types import ClassMap as ClassMap
    from harness.plugins.types import ClassScores as ClassScores
    from harness.plugins.types import Json as Json
    from harness.plugins.types import Prediction as Prediction
    from harness.plugins.vision_model import Classifier as Classifier
    from harness.plugins.vision_model import Detector as Detector
    from harness.plugins.vision_model import Segmenter as Segmenter
    from harness.plugins.vision_model import VisionModel as VisionModel
    from harness.plugins.vision_model import VisionModelFormat as VisionModelFormat

_HOMES = {
    "ClassMap": "types",
    "ClassScores": "types",
    "Classifier": "vision_model",
    "Codec": "codec",
    "Compressed": "codec",
    "Cost": "restorer",
    "DataSet": "dataset",
    "DataSetFormat": "dataset",
    "Detections": "predictions",
    "Detector": "vision_model",
    "Drawing": "drawing",
    "Expected": "expected",
    "ImageRef": "dataset",
    "Json": "types",
    "MarkedBox": "drawing",
    "Prediction": "types",
    "RGB": "types",
    "Record": "record",
    "Restored": "restorer",
    "Restorer": "restorer",
    "RestorerFormat": "restorer",
    "Sample": "task",
    "Segmenter": "vision_model",
    "Task": "task",
    "VisionModel": "vision_model",
    "VisionModelFormat": "vision_model",
    "as_restored": "restorer",
    "check_finite": "pixel_values",
    "check_image": "codec",
    "check_values": "pixel_values",
    "checked_qf": "codec",
    "own_score": "expected",
    "published_score": "expected",
    "read_image": "image_files",
    "reference_metrics": "task",
    "upright": "image_files",
    "upright_size": "image_files",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
