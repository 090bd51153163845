"""A CUDA device that is not there: shapes and places of tensors are known, their values are not.

Torch's fake tensors raise where an operator gets tensors of two devices, as CUDA does. Whatever a
program asks of a value must be on the CPU.
"""

from contextlib import contextmanager

import numpy as np
import torch
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import FakeTensor

CUDA = "cuda:0"


def _at_home(tensor):
    assert tensor.device.type == "cpu", f"asked for the values of a tensor on {tensor.device}"


def _numpy(tensor):
    _at_home(tensor)
    kind = np.dtype(str(tensor.dtype).removeprefix("torch."))
    return np.full(tuple(tensor.shape), 0.5 if kind.kind == "f" else 1, kind)


@contextmanager
def fake_cuda(monkeypatch):
    """Tensors may be put on `CUDA`; modules that are moved there get fake parameters."""
    monkeypatch.setattr(FakeTensor, "numpy", _numpy)
    # One number comes home by itself: float(tensor), tensor.item().
    monkeypatch.setattr(FakeTensor, "__float__", lambda tensor: 0.5)
    # Real tensors cannot be moved to the fake device in inference mode.
    monkeypatch.setattr(torch, "inference_mode", lambda mode=True: torch.no_grad())
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
