"""What is said where a network, a disk or several restorers fail: of each its own reason."""

import csv

import numpy as np
import pytest
import torch
from evaluations import evaluate
from pictures import textured
from torch import nn

import harness as library
from harness.errors import HarnessError, ImageError
from harness.images.io import write_png
from harness.images.jpeg import Jpeg
from harness.plugins.training_loop import Loop
from restorers.architectures.arcnn import ARCNN
from restorers.checkpoints.format import Header, save
from restorers.formats.onnx import OnnxRestorer
from restorers.formats.torchscript import TorchScriptRestorer

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script`"),
    pytest.mark.usefixtures("trusted_code"),
]


def restore(network, folder, size=(16, 24)):
    torch.jit.script(network).save(str(folder / "net.ts"))
    compressed = Jpeg().compress(textured(0, *size), 50)
    return TorchScriptRestorer.open(folder / "net.ts").restore(compressed)


class Last(nn.Module):
    """Takes its channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image @ self.weight


class Turned(nn.Module):
    """Gives its channels last."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.permute(0, 2, 3, 1)


class Counted(nn.Module):
    """A number first, then the image."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return image.mean(), image


class Named(nn.Module):
    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"restored": image, "qf": image.mean()}


class Grey(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layer(image)


class Broken(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.view(1, 3, 8, 8)


class Unhappy(nn.Module):
    """Fails for a reason that has nothing to do with sizes."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.shape[1] == 3:  # it would work on luma, which is not the point
            raise RuntimeError("no licence")
        return image


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (Last(), r"It takes its channels last \(1×H×W×C\): export it with its channels first"),
        (Turned(), "makes 1×16×24×3 of 1×3×16×24: .* Its channels come last: export it with"),
        (Counted(), "makes one number of 1×3×16×24: .* the image must be the first output"),
        (Named(), "gives back a dictionary of restored, qf: a network must give back an image"),
        (Grey(), r"It takes one channel \(luma\): TorchScript files must take RGB"),
        (Broken(), "A network must take images of any size"),
        (Unhappy(), r"24×16 pixels: .*no licence\. The network must be mended"),
    ],
)
def test_torchscript_of_another_form_is_told_what_it_is(network, sentence, tmp_path):
    with pytest.raises(ImageError, match=sentence) as refused:
        restore(network, tmp_path)
    others = {
        "channels last",
        "come last",
        "one number",
        "dictionary",
        "luma",
        "any size",
        "mended",
    }
    assert sum(other in str(refused.value) for other in others) == 1


@pytest.mark.parametrize(
    ("shape", "outputs", "sentence"),
    [
        ((1, 3, "h", "w"), ["scalar", "image"], "That is a number and no image: the image must"),
        ((1, 3, "h", "w"), ["last"], "Its channels come last"),
        ((1, "h", "w", 3), ["image"], "channels first, as it is now it has its channels last"),
        (("n", "h", "w", 3), ["image"], "channels first, as it is now it has its channels last"),
    ],
)
def test_onnx_likewise(shape, outputs, sentence, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    made = {
        "scalar": helper.make_node("ReduceMean", ["given"], ["scalar"], keepdims=0),
        "image": helper.make_node("Identity", ["given"], ["image"]),
        "last": helper.make_node("Transpose", ["given"], ["last"], perm=[0, 2, 3, 1]),
    }
    graph = helper.make_graph(
        [made[name] for name in outputs],
        "net",
        [helper.make_tensor_value_info("given", single, shape)],
        [helper.make_tensor_value_info(name, single, None) for name in outputs],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "net.onnx")

    with pytest.raises(HarnessError, match=sentence):
        OnnxRestorer.open(tmp_path / "net.onnx").restore(Jpeg().compress(textured(0, 16, 24), 50))


def test_every_failing_restorer_of_an_image_is_explained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_png(textured(0, 24, 32), tmp_path / "photos" / "0.png")

    def first(rgb):
        raise ValueError("no licence")

    def second(rgb):
        raise ValueError(f"out of tokens: {rgb.mean()}")

    run = evaluate("photos", "jpeg", first, second, qf=[10, 20])

    assert run.failed["0.png"].count("no licence") == 1
    assert run.failed["0.png"].count("out of tokens") == 1  # of two QFs, with two means


def test_an_unreadable_image_is_explained_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_png(textured(0, 24, 32), tmp_path / "photos" / "0.png")
    (tmp_path / "photos" / "bad.png").write_bytes(b"nothing")

    run = evaluate("photos", "jpeg", library.restorer(lambda rgb: rgb, name="own"))

    assert run.failed["bad.png"].count("Cannot read image") == 1


def loop(folder, steps):
    weight = nn.Linear(3000, 100)
    return Loop(lambda step: {"loss": 1.0}, {"model": weight}, steps, folder, 2, 1)


@pytest.mark.parametrize("file", ["last.pt.tmp", "log.csv"])
def test_a_full_disk_in_training_is_a_sentence_and_keeps_the_last_checkpoint(file, tmp_path):
    loop(tmp_path, 2).run()
    before = (tmp_path / "last.pt").read_bytes()
    kept = tmp_path / "kept.csv"
    if file == "log.csv":
        (tmp_path / file).rename(kept)
    (tmp_path / file).symlink_to("/dev/full")

    with pytest.raises(
        HarnessError, match=r"disk is full.*(run the same command: it goes on here)"
    ):
        loop(tmp_path, 4).run()

    assert (tmp_path / "last.pt").read_bytes() == before
    assert not (tmp_path / "last.pt.tmp").is_symlink()
    if file == "log.csv":
        (tmp_path / file).unlink()
        kept.rename(tmp_path / file)
    loop(tmp_path, 4).run()
    with (tmp_path / "log.csv").open() as lines:
        assert [row["step"] for row in csv.DictReader(lines)] == ["1", "2", "3", "4"]


def test_a_full_disk_at_the_end_of_training_keeps_the_old_weights(tmp_path):
    path = tmp_path / "net.safetensors"
    save(path, ARCNN.build(3), Header("arcnn", 3))
    before = path.read_bytes()
    (tmp_path / "net.safetensors.new").symlink_to("/dev/full")

    with pytest.raises(HarnessError, match=r"The disk is full: cannot write .*net\.safetensors"):
        save(path, ARCNN.build(3), Header("arcnn", 3))

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]
    assert np.isfinite(
        ARCNN.make(str(path)).restore(Jpeg().compress(textured(0, 16, 24), 50))
    ).all()
