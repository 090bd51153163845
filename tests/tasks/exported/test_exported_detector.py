"""A trained Faster R-CNN of torchvision's, exported to ONNX as docs/guides/model_cards.md says."""

import warnings

import numpy as np
import pytest
import torch
from model_tools import DETECTOR, opened
from vision_tools import pixels

from tasks.detection.models.faster_rcnn import FasterRCNNScenes
from tasks.scenes import CLASSES

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.mark.slow
def test_an_onnx_export_of_torchvisions_finds_what_the_network_finds(tmp_path, few_scenes):
    reference = FasterRCNNScenes()
    reference.prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what an export keeps fixed
        torch.onnx.export(
            reference._module, ([torch.rand(3, 240, 320)],), str(tmp_path / "scenes.onnx"),
            dynamo=False, input_names=["image"], output_names=["boxes", "labels", "scores"],
            dynamic_axes={"image": {1: "height", 2: "width"}},
        )  # fmt: skip
    model = opened(tmp_path, DETECTOR, {
        "file": "scenes.onnx", "framework": "onnx", "classes": list(CLASSES),
        "output.box_units": "original",
    })  # fmt: skip

    for scene in few_scenes.images()[:4]:
        for image in (pixels(scene), pixels(scene, 10)[:201, 30:]):
            wanted, found = reference.predict(image), model.predict(image)
            assert len(found) > 3
            assert np.array_equal(found.labels, wanted.labels)
            assert np.abs(found.boxes - wanted.boxes).max() < 1e-3
            assert np.abs(found.scores - wanted.scores).max() < 1e-4
