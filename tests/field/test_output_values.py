"""A network that answers with what is no image of 0..1: refused through every door, never clipped.

A few NaN became black pixels, 255 where white is 1 became a white image of 5.01 dB: both were
measured without a word.
"""

import numpy as np
import pytest
import torch
from evaluations import evaluate
from pictures import textured
from torch import nn

import harness as library
from harness.errors import ImageError, UserError
from harness.images.io import write_png
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from restorers.architectures.arcnn import ARCNN
from restorers.checkpoints.format import Header, save
from restorers.formats.onnx import OnnxRestorer
from restorers.formats.spandrel import Spandrel
from restorers.formats.torchscript import TorchScriptRestorer

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script`"),
    pytest.mark.usefixtures("trusted_code"),
]

NO_NUMBERS = r"values that are no numbers \(NaN or infinite\), the first"


class Affine(nn.Module):
    """``scale * image + shift``; one pixel, if wanted, is something else."""

    def __init__(self, scale: float = 1.0, shift: float = 0.0, pixel: float = 0.0) -> None:
        super().__init__()
        self.scale, self.shift, self.pixel = scale, shift, pixel

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        made = image * self.scale + self.shift
        if self.pixel != 0.0:
            made[:, :, 3, 4] = self.pixel
        return made


class Bytes(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image * 255).to(torch.uint8)


def torchscript(network, folder):
    torch.jit.script(network).save(str(folder / "net.ts"))
    return TorchScriptRestorer.open(folder / "net.ts")


def onnx_file(folder, scale=1.0, shift=0.0, channels=3, kind=None):
    """One multiplication and one addition, and, if wanted, another type of number."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Mul", ["image", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["moved"]),
        helper.make_node("Cast", ["moved"], ["restored"], to=single if kind is None else kind),
    ]
    numbers = [
        onnx.numpy_helper.from_array(np.float32(value), name)
        for name, value in (("scale", scale), ("shift", shift))
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", single, (1, channels, "h", "w"))],
        [helper.make_tensor_value_info("restored", single if kind is None else kind, None)],
        numbers,
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "net.onnx")
    return OnnxRestorer.open(folder / "net.onnx")


def image(grey=False):
    codec = Jpeg().as_grey() if grey else Jpeg()
    pixels = textured(3, 24, 32)
    return codec.compress(np.repeat(pixels[..., :1], 3, 2) if grey else pixels, 60)


@pytest.mark.parametrize("pixel", [float("nan"), float("inf"), float("-inf")])
def test_one_pixel_that_is_no_number_is_told_with_count_and_place(pixel, tmp_path):
    restorer = torchscript(Affine(pixel=pixel), tmp_path)

    with pytest.raises(ImageError, match=rf"gave 3 of 2304 {NO_NUMBERS}, .*at \[3, 4, 0\]"):
        restorer.restore(image())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("grey", [False, True])
def test_an_onnx_network_of_nan_is_refused_for_luma_too(channels, grey, tmp_path):
    restorer = onnx_file(tmp_path, shift=float("nan"), channels=channels)

    with pytest.raises(ImageError, match=NO_NUMBERS):
        restorer.restore(image(grey))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("scale", "shift", "read"),
    [(255, 0, "0 to 255"), (2, -1, "-1 to 1"), (1, -0.5, "-0.5 to 0.5"), (1 / 255, 0, "0 to 1/2")],
)
def test_another_range_than_0_to_1_is_refused(channels, scale, shift, read, tmp_path):
    restorer = onnx_file(tmp_path, scale, shift, channels)

    for grey in (False, True):
        with pytest.raises(ImageError, match=f"an image in {read}.*Have it return 0 to 1"):
            restorer.restore(image(grey))


def test_a_dark_image_in_0_to_255_is_refused_too(tmp_path):
    dark = Jpeg().compress(np.full((16, 16, 3), 3, np.uint8), 90)

    with pytest.raises(ImageError, match="an image in 0 to 255"):
        torchscript(Affine(scale=255.0), tmp_path).restore(dark)


def test_what_only_leaves_the_range_a_little_is_clipped_as_ever(tmp_path):
    restored = torchscript(Affine(scale=2.0), tmp_path).restore(image())

    assert restored.max() == 255
    assert torchscript(Affine(scale=0.0), tmp_path).restore(image()).max() == 0


def test_integers_are_refused_whatever_they_hold(tmp_path):
    onnx = pytest.importorskip("onnx")
    for restorer in (
        onnx_file(tmp_path, 255.0, kind=onnx.TensorProto.UINT8),
        onnx_file(tmp_path, kind=onnx.TensorProto.INT64),
        torchscript(Bytes(), tmp_path),
    ):
        with pytest.raises(ImageError, match="u?int[0-9]* values: a network must give back float"):
            restorer.restore(image())


def test_a_pth_file_and_one_of_ours_are_no_exception(tmp_path):
    from spandrel.architectures.DnCNN import DnCNN

    network = DnCNN(in_nc=3, out_nc=3, nc=4, nb=8, act_mode="R")
    with torch.no_grad():
        network.model[0].bias[0] = float("nan")
    torch.save(network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(ImageError, match=NO_NUMBERS):
        Spandrel.open(tmp_path / "net.pth").restore(image())

    size = ARCNN.presets()["published"]
    own = ARCNN.build(size)
    with torch.no_grad():
        next(own.parameters()).fill_(float("inf"))
    save(tmp_path / "own.safetensors", own, Header("arcnn", size))
    with pytest.raises(ImageError, match=NO_NUMBERS):
        ARCNN.make(str(tmp_path / "own.safetensors")).restore(image())


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(2):
        write_png(textured(index, 24, 32), tmp_path / "photos" / f"{index}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (Affine(pixel=float("inf")), "net gave 3 of 2304 values that are no numbers"),
        (Affine(scale=255.0), "say harness.restorer(..., scale=255)"),
        (Affine(scale=2.0, shift=-1.0), "an image in -1 to 1, where white is 1"),
        (Bytes(), "net gave uint8 values; a module must return floating-point ones"),
    ],
)
def test_a_module_in_python_is_told_what_fits(network, sentence, photos):
    failed = evaluate(photos, library.restorer(network, name="net")).failed["0.png"]

    assert sentence in failed
    assert ("scale=255" in failed) == ("scale=255" in sentence)


def test_a_function_in_python_and_a_predicted_qf_are_checked(photos):
    def holes(rgb):
        values = rgb / 255
        values[0, 0] = np.nan
        return values

    def guess(rgb):
        return Restored(rgb, predicted_qf=float("nan"))

    run = evaluate(photos, holes, guess)

    assert (
        "holes gave 3 of 2304 values that are no numbers"
        in run.records("fidelity", "holes")["error"].iloc[0]
    )
    assert "guess predicted the QF nan" in run.records("fidelity", "guess")["error"].iloc[0]


def test_the_command_says_it_and_measures_nothing(harness, tmp_path):
    write_png(textured(0, 24, 32), tmp_path / "photos" / "0.png")
    torchscript(Affine(scale=255.0), tmp_path)

    _, out, err = harness(
        *("run", "--task", "fidelity", "--dataset", "photos", "--qf", "90"),
        *("--restorers", "jpeg,net.ts"),
    )

    assert "restorer net failed on 0.png: the network gave values from" in out + err
    assert "5.01" not in out


def test_weights_of_a_vision_model_that_are_no_numbers_are_refused(tmp_path):
    from torchvision.models import get_model

    from tasks.weights.torch_files import fill

    network = get_model("mobilenet_v3_small", weights=None, num_classes=3)
    state = network.state_dict()
    state["classifier.3.bias"][1] = float("nan")

    with pytest.raises(UserError, match=r"'classifier.3.bias' holds 1 of 3 values that are no num"):
        fill(network, state, tmp_path / "net.pth", "mobilenet")
