"""A network in a Python file of the user's: made, filled, run, hashed, refused."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from jpeg_tools import jpeg

from harness.assets import programs
from harness.errors import HarnessError, ImageError, UserError
from restorers.formats.python_code import PythonCode

NET = """
import torch
from torch import nn
from blocks import SHIFT

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, image):
        return image * self.gain + SHIFT

def wide():
    net = Net()
    net.gain.data.fill_(0.5)
    return net

def inverted(rgb):
    return 255 - rgb

def grey(rgb):
    return rgb[:, :, 0]

def failing():
    raise ValueError("no such size")
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_named", set())
    (tmp_path / "blocks.py").write_text("SHIFT = 0.0\n")
    path = tmp_path / "net.py"
    path.write_text(NET)
    programs.name_code([str(path)])
    yield path
    sys.modules.pop("blocks", None)


def opened(path, behind=""):
    return PythonCode.open(Path(f"{path}{behind}"))


def restored(path, behind, compressed):
    return opened(path, behind).restore(compressed)


@pytest.fixture
def compressed():
    return jpeg(40, 56)


def test_a_class_a_function_that_makes_one_and_a_function_of_an_image(net, compressed):
    pixels = compressed.pixels

    assert np.array_equal(restored(net, ":Net", compressed), pixels)
    assert np.array_equal(restored(net, "", compressed), pixels)  # the only class
    half = restored(net, ":wide", compressed).astype(int)
    assert np.abs(half - pixels / 2).max() <= 0.5
    assert np.array_equal(restored(net, ":inverted", compressed), 255 - pixels)


def test_weights_are_loaded_behind_the_prefixes_of_training(net, tmp_path, compressed):
    torch.save({"params": {"module.gain": torch.full((1,), 0.25)}}, tmp_path / "best.pth")

    restorer = opened(net, f":Net@{tmp_path / 'best.pth'}")

    assert restorer.name == "Net-best"
    quarter = restorer.restore(compressed).astype(int)
    assert np.abs(quarter - compressed.pixels / 4).max() <= 0.5


def test_weights_of_another_network_are_refused_with_the_names_that_differ(net, tmp_path):
    torch.save({"scale": torch.ones(1)}, tmp_path / "other.pth")

    with pytest.raises(UserError, match=r"does not fit .*it lacks gain; it has besides scale"):
        opened(net, f":Net@{tmp_path / 'other.pth'}").prepare(10)


def test_what_the_file_says_of_grid_and_white_is_kept_to(net, compressed):
    net.write_text(
        NET.replace(
            "        return image * self.gain + SHIFT",
            "        assert image.shape[2] % 16 == image.shape[3] % 16 == 0\n"
            "        assert image.max() > 2\n"
            "        return image + SHIFT",
        )
        + "\nMULTIPLE, WHITE = 16, 255\n"
    )

    assert np.array_equal(restored(net, ":Net", compressed), compressed.pixels)

    net.write_text(NET + "\nWHITE = 100\n")
    with pytest.raises(UserError, match="WHITE = 100: it is 1 or 255"):
        opened(net, ":Net").prepare(10)


def test_the_code_and_what_it_imports_from_its_folder_are_in_the_fingerprint(net):
    before = opened(net, ":Net").fingerprint(10)
    sys.modules.pop("blocks")
    (net.parent / "blocks.py").write_text("SHIFT = 0.1\n")
    after = opened(net, ":Net").fingerprint(10)

    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"code blocks.py"}
    assert before["code net.py"] == after["code net.py"]
    assert opened(net, ":wide").fingerprint(10) != after


@pytest.mark.parametrize(
    ("behind", "sentence"),
    [
        (":Nett", "has no 'Nett'. It has Net."),
        (":failing", r"failing\(\) fails: no such size"),
        (":SHIFT", "neither a class nor a function"),
        (":Net@missing.pth", "There is no file missing.pth"),
    ],
)
def test_what_is_no_network_is_said(net, behind, sentence):
    with pytest.raises(UserError, match=sentence):
        opened(net, behind).prepare(10)


def test_a_file_that_fails_says_in_which_line(net):
    net.write_text("import torch\n\n1 / 0\n")
    with pytest.raises(UserError, match=r"net.py cannot be run \(line 3\): ZeroDivisionError"):
        opened(net).prepare(10)
    net.write_text("class :\n")
    with pytest.raises(UserError, match=r"cannot be run \(line 1\): SyntaxError"):
        opened(net).prepare(10)
    net.write_text("raise SystemExit(3)\n")
    with pytest.raises(UserError, match="SystemExit: 3"):
        opened(net).prepare(10)


def test_an_answer_that_is_no_image_is_that_images_failure(net, compressed):
    with pytest.raises(ImageError, match=r"gives back \(\d+, \d+\) for an image"):
        restored(net, ":grey", compressed)


def test_code_that_the_user_did_not_name_is_not_run(net, monkeypatch):
    monkeypatch.setattr(programs, "_named", set())
    monkeypatch.delenv(programs.VARIABLE, raising=False)
    net.write_text("raise AssertionError('it was run')\n")

    with pytest.raises(programs.UntrustedError, match="not you who named it here"):
        opened(net)
    with pytest.raises(HarnessError, match="it was run"), programs.trusting(True):
        opened(net).prepare(10)
