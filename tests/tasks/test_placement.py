"""Vision models run where they are placed: their networks, and the images that these get."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fake_cuda import CUDA, fake_cuda
from torch import nn

from harness.plugins import registry
from tasks.detection.models.detectron2_base import Detectron2Model
from tasks.exported.networks import KINDS
from tasks.segmentation.models.mmseg_network import MMSegNetwork
from tasks.segmentation.models.torchvision_network import TorchvisionNetwork

SIDE = 24
IMAGE = np.zeros((SIDE, SIDE, 3), np.uint8)


class Recording(nn.Module):
    """A network that knows where it is, and is given nothing that is elsewhere.

    Args:
        answer: what it makes of a device.
    """

    def __init__(self, answer):
        super().__init__()
        self.register_buffer("somewhere", torch.zeros(1))
        self.answer, self.seen = answer, []

    def forward(self, given):
        images = given if isinstance(given, list) else [given]
        assert [image.device for image in images] == [self.somewhere.device] * len(images)
        self.seen.append(str(self.somewhere.device))
        return self.answer(self.somewhere.device)


def boxes(device):
    shapes = {"boxes": (2, 4), "scores": (2,)}
    found = {name: torch.zeros(shape, device=device) for name, shape in shapes.items()}
    return [found | {"labels": torch.ones(2, dtype=torch.int64, device=device)}]


def scores(device):
    return torch.zeros(1, 10, device=device)


def logits(device):
    return torch.zeros(1, 11, SIDE, SIDE, device=device)


@pytest.mark.parametrize(
    "task, name, answer",
    [
        ("detection", "faster_rcnn_scenes", boxes),
        ("segmentation", "pspnet_scenes", logits),
        ("classification", "mobilenet_scenes", scores),
        ("detection", "fasterrcnn_resnet50_fpn", boxes),
        ("classification", "resnet18", scores),
    ],
)
def test_a_network_of_torch_is_moved_and_its_answer_comes_home(task, name, answer, monkeypatch):
    model = registry.models(task).get(name).make()
    network = model._module = Recording(answer)
    model._transform = lambda image: image.float()
    model._transforms = lambda image: torch.zeros(3, SIDE, SIDE)
    with fake_cuda(monkeypatch):
        assert model.place(CUDA) == CUDA
        model.predict(IMAGE)

    assert network.seen == [CUDA]


def test_one_that_is_placed_before_it_is_loaded_is_loaded_there(monkeypatch):
    model = registry.models("classification").get("mobilenet_scenes").make()
    made = Recording(scores)
    monkeypatch.setattr(type(model), "_network", lambda self: made)
    monkeypatch.setattr("tasks.weights.embedded.load_weights", lambda module, card: None)
    with fake_cuda(monkeypatch):
        model.place(CUDA)
        model.predict(IMAGE)
    assert made.seen == [CUDA]


def test_torchvisions_segmenter_moves_its_images(monkeypatch):
    network = TorchvisionNetwork.__new__(TorchvisionNetwork)
    network._module = Recording(lambda device: {"out": logits(device)})
    network._transform = lambda image: torch.zeros(3, SIDE, SIDE)
    with fake_cuda(monkeypatch):
        network.to(CUDA)
        classes = network(IMAGE)
    assert network._module.seen == [CUDA]
    assert classes.shape == (SIDE, SIDE)


def test_mmsegmentations_segmenter_is_moved_and_its_answer_comes_home(monkeypatch):
    module = Recording(lambda device: None)

    def step(data):  # the preprocessor of mmengine's model moves the images
        here = module.somewhere.device
        classes = SimpleNamespace(data=torch.zeros(1, SIDE, SIDE, dtype=torch.int64, device=here))
        return [Answer(seg_logits=SimpleNamespace(data=logits(here)), pred_sem_seg=classes)]

    class Answer(SimpleNamespace):
        def __contains__(self, name):
            return hasattr(self, name)

    module.test_step = step
    network = MMSegNetwork.__new__(MMSegNetwork)
    network._module = module
    network._pipeline = lambda data: {"inputs": data["img"], "data_samples": None}
    with fake_cuda(monkeypatch):
        network.to(CUDA)
        assert module.somewhere.device.type == "cuda"
        assert network(IMAGE).shape == (SIDE, SIDE)


def test_detectron2_is_told_the_device_and_its_answer_comes_home(monkeypatch):
    told = []

    class Instances(SimpleNamespace):
        def to(self, device):
            told.append(device)
            return self

    def predictor(config, weights, published, device):
        told.append(device)
        empty = Instances(
            pred_boxes=SimpleNamespace(tensor=torch.zeros(0, 4)),
            scores=torch.zeros(0),
            pred_classes=torch.zeros(0, dtype=torch.int64),
        )
        return lambda image: {"instances": empty}

    library = "tasks.detection.models.detectron2_library"
    monkeypatch.setattr(f"{library}.need", lambda: "0.6")
    monkeypatch.setattr(f"{library}.predictor", predictor)
    monkeypatch.setattr(Detectron2Model, "_config", lambda self: None)
    model = Detectron2Model(None)
    model._file = None
    model.predict(IMAGE)
    model.place(CUDA)
    model.predict(IMAGE)
    assert told == ["cpu", "cpu", CUDA, "cpu"]


def test_torchscript_files_are_moved_quantised_and_onnx_ones_are_not(monkeypatch):
    plain, quantised = (SimpleNamespace(quantized_engine=engine) for engine in (None, "qnnpack"))
    script, onnx = KINDS["torchscript"], KINDS["onnx"]
    assert script.runs_on(CUDA, plain)
    assert not script.runs_on(CUDA, quantised)
    assert not onnx.runs_on(CUDA, plain)

    network = script.__new__(script)
    network.card = SimpleNamespace(quantized_engine=None, input=SimpleNamespace(layout="nchw"))
    network.device, network._network = CUDA, Recording(lambda device: {"out": [logits(device)]})
    with fake_cuda(monkeypatch):
        network._network.to(CUDA)
        answer = network.run(torch.zeros(3, SIDE, SIDE))
        assert answer["out"][0].device.type == "cpu"
