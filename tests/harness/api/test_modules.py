"""A torch module of the caller as a restorer, and what its hash covers."""

import subprocess
import sys
import threading

import pytest
from evaluations import evaluate, figures

import harness as library

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("trusted_code")]


def blur(strength=1.0):
    import torch

    class Blur(torch.nn.Module):
        def __init__(self):
            super().__init__()
            kernel = torch.full((3, 1, 3, 3), strength / 9)
            self.kernel = torch.nn.Parameter(kernel)
            self.training_only = torch.nn.Dropout(0.5)

        def forward(self, image):
            padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
            return self.training_only(torch.nn.functional.conv2d(padded, self.kernel, groups=3))

    return Blur()


def test_a_module_is_what_its_torchscript_file_is(photos, tmp_path):
    import torch

    module = blur()
    torch.jit.trace(module.eval(), torch.rand(1, 3, 24, 24)).save(tmp_path / "file.pt")
    run = evaluate(photos, module.train(), str(tmp_path / "file.pt"))

    assert figures(run, "Blur").equals(figures(run, "file"))
    assert module.training  # the caller's own is as it was
    assert module.kernel.requires_grad


def test_a_modules_records_are_reused_until_a_weight_changes(photos):
    import torch

    module = blur()
    restorer = library.restorer(module, name="net")
    assert evaluate(photos, restorer).computed == 3
    assert evaluate(photos, restorer).computed == 0
    assert evaluate(photos, library.restorer(blur(), name="net")).computed == 0
    with torch.no_grad():
        module.kernel[0, 0, 0, 0] += 1e-6
    assert evaluate(photos, restorer).computed == 3
    assert evaluate(photos, library.restorer(module, name="net", scale=255)).computed == 3


def test_what_a_modules_hash_covers():
    import torch
    from torch import nn

    from harness.api.module_hash import describe_module

    def network(**options):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 3, 3, **options), nn.PReLU())

    class Scaled(nn.Module):
        factor = 2

        def forward(self, image):
            return image * self.factor

    class Other(Scaled):
        def forward(self, image):
            return image * self.factor + 0.5

    same = describe_module(network(padding=2))
    assert same == describe_module(network(padding=2))
    assert describe_module(network(padding=2, dilation=2)) != same  # weights of the same shapes
    assert len({describe_module(one())["module"] for one in (Scaled, Other)}) == 2
    before = describe_module(Scaled())
    Scaled.factor = 3
    assert describe_module(Scaled()) != before

    hooked = network()
    hooked[0].register_forward_hook(lambda *_: None)
    assert describe_module(hooked) is None
    strange = network()
    strange.thing = threading.Lock()
    assert describe_module(strange) is None
    assert describe_module(strange, whole=False) is not None  # a version stands for the rest


def test_a_helper_that_a_module_calls_is_in_its_hash():
    import torch

    from harness.api.module_hash import describe_module

    source = """
import torch
def helper(x): return x * {}
class Net(torch.nn.Module):
    def forward(self, x): return helper(x)
"""
    found = []
    for factor in (2, 2, 3):
        space = {"__name__": "cell"}
        exec(source.format(factor), space)
        found.append(describe_module(space["Net"]()))

    assert found[0] == found[1] != found[2]
    assert isinstance(torch.__version__, str)


@pytest.mark.slow
def test_a_modules_hash_is_the_same_in_another_process():
    code = """
import functools, sys, torch
from torch import nn
from harness.api.module_hash import describe_module
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = functools.partial(nn.BatchNorm2d, eps=1e-3)
        self.kinds = {"relu", "prelu", "gelu"}
        self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.LayerNorm(3)])
    def forward(self, image):
        if image.ndim in {3, 4}:
            return [layer for layer in self.layers if layer not in {"a", "b", "c"}]
torch.manual_seed(0)
found = describe_module(Net())
"""
    here = {"__name__": "__main__"}
    exec(code, here)
    done = subprocess.run(
        [sys.executable, "-c", code + "print(found)"],
        env={"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == str(here["found"])
    assert here["found"]["weights"]


def test_padding_and_scale(photos):
    import torch
    from torch import nn

    sides = []

    class Coarse(nn.Module):
        def forward(self, image):
            sides.append((image.shape[2] % 8, image.shape[3] % 8, float(image.max())))
            return [image, 3]

    run = evaluate(photos, "jpeg", library.restorer(Coarse(), multiple=8, scale=255))

    assert {side[:2] for side in sides} == {(0, 0)}  # the images are 30×36
    assert 1 < max(side[2] for side in sides) <= 255
    assert figures(run, "Coarse").equals(figures(run, "jpeg"))
    assert torch.is_grad_enabled()


def modules():
    from torch import nn

    class Wrong(nn.Module):
        def __init__(self, change):
            super().__init__()
            self.change = change

        def forward(self, image):
            return self.change(image)

    return Wrong


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda image: image[:, :, 1:], "own gave a tensor of (1, 3, 29, 36)"),
        (lambda image: image[:, :1], "own gave a tensor of (1, 1, 30, 36)"),
        (lambda image: image / 0, "values that are no numbers (NaN or infinite)"),
        (lambda image: {}, "own gave dict; a module must return a tensor"),
        (lambda image: image * 255, "if its white is 255, say harness.restorer(..., scale=255)"),
    ],
)
def test_what_a_module_must_not_return(photos, change, sentence):
    run = evaluate(photos, library.restorer(modules()(change), name="own"))

    assert sentence in run.failed["0.png"]


def test_a_white_that_is_not_the_modules_is_refused(photos):
    run = evaluate(photos, library.restorer(modules()(lambda i: i / 255), name="own", scale=255))

    assert "if its white is 1, leave scale out" in run.failed["0.png"]


def test_a_module_that_cannot_be_copied_is_said(photos):
    import torch

    nowhere = torch.nn.Conv2d(3, 3, 3, padding=1, device="meta")
    with pytest.raises(library.UserError, match=r"own cannot be copied to the CPU: .*[^.]\. Load"):
        evaluate(photos, library.restorer(nowhere, name="own"))


def test_a_module_is_measured_as_it_is_when_asked(photos):
    """Training goes on while a study runs."""
    import torch

    module = blur()
    seen = threading.Event()

    def train(rgb):
        with torch.no_grad():
            module.kernel.zero_()
        seen.set()
        return rgb

    run = evaluate(photos, library.restorer(train, name="a"), module, workers=1)

    assert seen.is_set()
    assert figures(run, "Blur")["psnr"].min() > 12  # black images would have less
