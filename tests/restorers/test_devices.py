"""Every restorer on a CUDA device that is faked: what is left on the wrong one raises."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_cuda import CUDA, fake_cuda
from torch import nn

from harness.api.callables import ModuleRunner
from harness.assets.programs import name_code
from harness.images.jpeg import Jpeg
from harness.plugins import as_restored, registry
from restorers.architectures.arcnn.network import ARCNNNetwork, restore_plane
from restorers.architectures.fbcnn import FBCNN, PRESETS
from restorers.architectures.fbcnn.network import restore_luma
from restorers.common.tiling import Tile
from restorers.formats.base import Loaded, NetworkFile
from restorers.formats.onnx import OnnxRestorer
from restorers.formats.python_code import PythonCode

NAMES = ("arcnn", "dmcnn", "qgac", "fbcnn", "swinir", "ipt", "dagn")
NEVER = ("arcnn", "ipt")
"""Those that need no tiles."""


def picture(height=24, width=64, codec=None):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if codec is not None:
        pixels[:] = pixels[..., :1]
    return (codec or Jpeg()).compress(pixels, 10)


def on_fake_cuda(restorer):
    """Its network, on the fake device."""
    [network] = restorer._networks.values()
    assert restorer.place(CUDA) == CUDA
    assert all(value.device.type == "cuda" for value in network.state_dict().values())
    return network


@pytest.mark.parametrize(
    "name, tile",
    [(name, None) for name in NAMES]
    + [(name, Tile(48, 16)) for name in NAMES if name not in NEVER],
)
def test_a_restorer_runs_where_it_is_placed_and_its_image_comes_home(name, tile, monkeypatch):
    restorer = registry.restorers().get(name).make()
    restorer.prepare(10)  # its weights, and what it keeps of them, are loaded on the CPU
    file = picture()
    with fake_cuda(monkeypatch):
        network = on_fake_cuda(restorer)
        restored = as_restored(restorer.run(network, file, tile)).pixels

    assert (restored.shape, restored.dtype) == (file.pixels.shape, np.uint8)


@pytest.mark.parametrize("name", ["fbcnn:known_qf", "dagn:known_qf"])
def test_the_quality_factor_that_is_told_goes_along(name, monkeypatch):
    name, variant = name.split(":")
    restorer = registry.restorers().get(name).make(variant)
    restorer.prepare(10)
    with fake_cuda(monkeypatch):
        restorer.run(on_fake_cuda(restorer), picture(), None)


@pytest.mark.parametrize("name", ["dmcnn", "qgac"])
def test_a_grey_file_goes_along(name, monkeypatch):
    restorer = registry.restorers().get(name).make()
    restorer.prepare(10)
    with fake_cuda(monkeypatch):
        restorer.run(on_fake_cuda(restorer), picture(codec=Jpeg().as_grey()), None)


def test_networks_for_luma_get_their_plane_and_give_it_back(monkeypatch):
    arcnn = ARCNNNetwork(colours=1).eval().requires_grad_(False)
    fbcnn = FBCNN.build(replace(PRESETS["small"], colours=1)).eval().requires_grad_(False)
    with fake_cuda(monkeypatch):
        plane = restore_plane(arcnn.to(CUDA), np.zeros((20, 24), np.float32))
        assert plane.shape == (20, 24)
        restored, _ = restore_luma(fbcnn.to(CUDA), picture().pixels, False, None)
    assert restored.shape == (24, 64, 3)


class Convolution(NetworkFile):
    """A file of one convolution."""

    kind = library = "torch"

    @classmethod
    def accepts(cls, path):
        return False

    def load(self):
        return Loaded(self.layer.to(self._device), channels=self.layer.in_channels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("tile", [0, 32])
def test_a_file_of_the_users_runs_where_it_is_placed(channels, tile, monkeypatch, tmp_path):
    restorer = Convolution(tmp_path / "mine.pth", tile)
    restorer.layer = nn.Conv2d(channels, channels, 3, padding=1).requires_grad_(False)
    restorer.prepare(10)
    with fake_cuda(monkeypatch):
        assert restorer.place(CUDA) == CUDA  # it is loaded again
        restored = restorer.restore(picture())
        assert restorer._loaded.apply.weight.device.type == "cuda"
    assert restored.shape == (24, 64, 3)


OWN_CODE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image):
        return self.layer(image)

def inverted(rgb):
    return 255 - rgb
"""


@pytest.mark.parametrize("name", ["Net", "inverted"])
def test_a_network_or_function_in_python_runs_where_it_is_placed(name, monkeypatch, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(OWN_CODE)
    monkeypatch.setattr("harness.assets.programs._named", set())
    name_code([str(path)])
    restorer = PythonCode.open(Path(f"{path}:{name}"))
    # One that is made while devices are faked could not be moved.
    layer = nn.Conv2d(3, 3, 3, padding=1).requires_grad_(False)
    monkeypatch.setattr("restorers.formats.python_code.made", lambda thing, spec: layer)
    restorer.prepare(10)
    with fake_cuda(monkeypatch):
        assert restorer.place(CUDA) == CUDA
        assert restorer.restore(picture()).shape == (24, 64, 3)


def test_onnx_files_stay_on_the_cpu(tmp_path):
    assert OnnxRestorer(tmp_path / "mine.onnx").place(CUDA) == "cpu"


def test_a_callers_module_is_copied_and_the_copy_moved(monkeypatch):
    module = nn.Conv2d(3, 3, 3, padding=1)
    runner = ModuleRunner(module, "mine", multiple=16, scale=255.0)
    monkeypatch.setattr("harness.api.callables._check_values", lambda *arguments: None)
    with fake_cuda(monkeypatch):
        assert runner.place(CUDA) == CUDA
        assert runner(picture()).shape == (24, 64, 3)
    assert module.weight.device.type == "cpu"


def test_the_fake_device_tells_what_is_left_behind(monkeypatch):
    layer = nn.Conv2d(3, 3, 3).requires_grad_(False)
    with fake_cuda(monkeypatch):
        layer.to(CUDA)
        with pytest.raises(RuntimeError, match="cpu"):
            layer(torch.zeros(1, 3, 8, 8))
        with pytest.raises(AssertionError, match="values of a tensor on cuda"):
            layer(torch.zeros(1, 3, 8, 8, device=CUDA)).numpy()
