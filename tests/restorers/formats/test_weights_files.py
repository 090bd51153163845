"""Weights files that run by path: what is accepted, what runs, what is refused and how."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from pictures import textured
from safetensors.torch import save_file
from spandrel import architectures
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.Uformer import Uformer
from torch import nn
from weights_tools import restored

from harness.errors import ImageError, UserError
from harness.images.jpeg import Jpeg
from harness.plugins import Restored, registry
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.ipt import IPT, IPTConfig
from restorers.architectures.swinir import SwinIR
from restorers.architectures.swinir import network as swinir
from restorers.checkpoints.format import Header, save
from restorers.formats.spandrel import Spandrel
from restorers.formats.torchscript import TorchScriptRestorer

pytestmark = pytest.mark.usefixtures("trusted_code")

KINDS = ("mat", "onnx", "own", "spandrel", "torchscript")


def opened(path, **options):
    """What opens a file: exactly one kind of those declared."""
    kinds = registry.checkpoints()
    accepting = [kind for kind in KINDS if kind in kinds and kinds.get(kind).accepts(path)]
    assert len(accepting) == 1, accepting
    return kinds.get(accepting[0]).open(path, **options)


def written(network, path, seed=0):
    torch.manual_seed(seed)
    state = network.state_dict()
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


def tiny_dncnn(channels=3):
    torch.manual_seed(0)
    return DnCNN(in_nc=channels, out_nc=channels, nc=4, nb=8, act_mode="R").eval()


def direct(network, pixels):
    """What a network makes of RGB or luma in 0..1."""
    with torch.inference_mode():
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        result = network(image)[0].clamp(0, 1)
        return (result * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors", ".PTH"])
def test_any_network_that_spandrel_knows_runs(suffix, tmp_path):
    network = tiny_dncnn()
    restorer = opened(written(network, tmp_path / f"my-net-q10{suffix}"))
    compressed = Jpeg().compress(textured(0, 33, 47), 30)  # not the QF in the name

    assert isinstance(restorer, Spandrel)
    assert (restorer.name, restorer.multi_model, restorer.year) == ("my-net-q10", False, 9999)
    assert np.array_equal(restorer.restore(compressed), direct(network, compressed.pixels))


def test_sizes_that_a_network_requires_are_met_and_cropped_away(tmp_path):
    torch.manual_seed(0)
    network = Uformer(
        img_size=128, embed_dim=4, depths=[1] * 9, num_heads=[1] * 9, win_size=8, dd_in=3,
        modulator=True,
    )  # fmt: skip
    restorer = opened(written(network, tmp_path / "uformer.pth"))

    restored(restorer, 20)  # Uformer takes squares of multiples of 128 pixels
    with pytest.raises(UserError, match="grid of 128 pixels: ask for 512 or more, or for 0"):
        restored(opened(tmp_path / "uformer.pth", tile=64), 80)


def test_a_network_for_luma_leaves_the_chroma(tmp_path):
    network = tiny_dncnn(channels=1)
    restorer = opened(written(network, tmp_path / "grey.pth"))
    compressed = Jpeg().compress(textured(0, 24, 32), 10)
    result = restorer.restore(compressed).astype(float)

    change = result - compressed.pixels
    inside = ((result > 0) & (result < 255)).all(2)
    assert np.abs(change).max() >= 1
    assert np.ptp(change, axis=2)[inside].max() <= 1  # the same for R, G and B, but for rounding
    grey = Jpeg().as_grey().compress(np.repeat(textured(0, 24, 32)[..., :1], 3, 2), 10)
    assert np.array_equal(restorer.restore(grey)[..., :1], direct(network, grey.pixels[..., :1]))


def test_files_are_restored_in_tiles_if_asked(tmp_path):
    path = written(tiny_dncnn(), tmp_path / "net.pth")
    compressed = Jpeg().compress(textured(0, 100, 150), 10)
    whole, cut = (opened(path, tile=tile) for tile in (0, 64))

    difference = whole.restore(compressed).astype(int) - cut.restore(compressed)

    assert np.abs(difference).max() <= 1
    assert whole.fingerprint(10)["tiling"] != cut.fingerprint(10)["tiling"]
    with pytest.raises(UserError, match="too small: ask for"):
        opened(path, tile=8).fingerprint(10)


def test_fingerprints_cover_file_and_library(tmp_path):
    first = opened(written(tiny_dncnn(), tmp_path / "a.pth")).fingerprint(10)
    network = tiny_dncnn()
    with torch.no_grad():
        network.model[0].bias[0] += 1e-6
    second = opened(written(network, tmp_path / "b.pth")).fingerprint(10)

    assert first["weights"] != second["weights"]
    assert {k: v for k, v in first.items() if k != "weights"} == {
        k: v for k, v in second.items() if k != "weights"
    }
    assert first["library"].startswith("spandrel 0.")
    assert first["precision"] == "float32"


def test_several_threads_get_what_one_gets(tmp_path):
    restorer = opened(written(tiny_dncnn(), tmp_path / "net.pth"))
    images = [Jpeg().compress(textured(seed, 32, 40), 10) for seed in range(8)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(restorer.restore, images))

    alone = [restorer.restore(image) for image in images]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize(
    ("own", "config"),
    [
        (FBCNN, FBCNN.presets()["small"]),
        (SwinIR, SwinIR.presets()["small"]),
        (IPT, IPTConfig(width=6, token=4, layers=1)),  # 12 heads, as the authors' have
    ],
    ids=["fbcnn", "swinir", "ipt"],
)
def test_three_networks_run_as_the_restorers_of_this_project(own, config, tmp_path):
    path = tmp_path / "theirs_jpeg10.pth"
    network = own.build(config)
    # As its authors save it, with the buffers that this project's network computes.
    torch.save({"params": network.state_dict() | dict(network.named_buffers())}, path)
    by_path = opened(path)
    compressed = Jpeg().compress(textured(0, 30, 50), 10)

    assert isinstance(by_path, own)
    assert (by_path.name, by_path.multi_model, by_path.year) == ("theirs_jpeg10", False, 9999)
    results = [r.restore(compressed) for r in (by_path, own.make(str(path)))]
    pixels = [getattr(result, "pixels", result) for result in results]
    assert np.array_equal(*pixels)
    if own is FBCNN:
        assert results[0].predicted_qf == results[1].predicted_qf is not None
    by_path.restore(Jpeg().compress(textured(0, 30, 50), 20))  # whatever QF its name says


def test_variants_that_are_not_ours_run_by_spandrel(tmp_path):
    torch.manual_seed(0)
    pooled = architectures.FBCNN.FBCNN(nc=[4, 4, 8, 512], nb=2, downsample_mode="avgpool")
    denoiser = architectures.SwinIR.SwinIR(
        img_size=16, window_size=8, depths=[2], num_heads=[1], embed_dim=8, mlp_ratio=2, upscale=1
    )
    restorer = opened(written(pooled, tmp_path / "pooled.pth"))
    assert isinstance(restorer, Spandrel)
    restored(restorer, 16)

    restorer = opened(written(denoiser, tmp_path / "denoiser.pth"))
    compressed = Jpeg().compress(textured(0, 16, 24), 10)
    assert isinstance(restorer, Spandrel)
    expected = direct(lambda image: swinir.restore(denoiser.eval(), image), compressed.pixels)
    assert np.array_equal(restorer.restore(compressed), expected)  # padded as its authors do


@pytest.mark.slow
def test_a_grey_fbcnn_predicts_the_qf_of_colour_images_too(tmp_path):
    torch.manual_seed(0)
    grey = architectures.FBCNN.FBCNN(in_nc=1, out_nc=1, nc=[4, 4, 8, 512], nb=2)
    path = written(grey, tmp_path / "fbcnn_gray.pth")

    for restorer in (opened(path), FBCNN.make(str(path)), FBCNN.make(str(path), tile=32)):
        result = restored(restorer, 48)
        assert isinstance(result, Restored)
        assert isinstance(result.predicted_qf, float)


def test_a_file_of_ours_says_whose_it_is(tmp_path):
    config = FBCNN.presets()["small"]
    save(tmp_path / "trained.safetensors", FBCNN.build(config), Header("fbcnn", vars(config)))

    restorer = opened(tmp_path / "trained.safetensors")

    assert isinstance(restorer, FBCNN)
    assert restorer.name == "fbcnn:trained"
    restored(restorer, 16)

    save(tmp_path / "other.safetensors", tiny_dncnn(), Header("fbnn", {}))
    with pytest.raises(UserError, match="Unknown restorer 'fbnn'. Did you mean 'fbcnn'"):
        opened(tmp_path / "other.safetensors")


class Brighter(nn.Module):
    """One level brighter; with a second output where it is wanted."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return image + 1 / 255, image.mean()


class Halved(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :, ::2, ::2]


class Picky(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.view(1, 3, 8, 8)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ts", ".torchscript"])
def test_torchscript_runs_and_is_not_taken_for_a_state_dict(suffix, tmp_path):
    path = tmp_path / f"brighter{suffix}"
    torch.jit.script(Brighter()).save(str(path))
    restorer = opened(path)
    compressed = Jpeg().compress(textured(0, 17, 23), 10)

    assert isinstance(restorer, TorchScriptRestorer)
    assert not Spandrel.accepts(path)
    expected = np.minimum(compressed.pixels, 254) + 1
    assert np.array_equal(restorer.restore(compressed), expected)
    assert restorer.fingerprint(10)["library"].startswith("torch 2")


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (Halved, r"makes 1×3×8×12 of 1×3×16×24: a restorer must give back"),
        (Picky, r"fails on an image of 24×16 pixels: .*images of any size"),
    ],
)
def test_networks_that_do_not_keep_the_size_fail_image_by_image(network, sentence, tmp_path):
    torch.jit.script(network()).save(str(tmp_path / "net.pt"))

    with pytest.raises(ImageError, match=sentence):
        opened(tmp_path / "net.pt").restore(Jpeg().compress(textured(0, 16, 24), 10))


class Evil:
    """What a malicious pickle does."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def truncated(path):
    written(tiny_dncnn(), path)
    path.write_bytes(path.read_bytes()[:-1000])


def superresolution(path):
    written(ESRGAN(num_filters=4, num_blocks=1, scale=4), path)


def colouring(path):
    state = tiny_dncnn().state_dict()
    state["model.14.weight"], state["model.14.bias"] = torch.ones(2, 4, 3, 3), torch.ones(2)
    torch.save(state, path)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (truncated, "no checkpoint, or a damaged one"),
        (lambda path: path.write_text("weights"), "no checkpoint, or a damaged one"),
        (lambda path: path.write_bytes(b""), "no checkpoint, or a damaged one"),
        (lambda path: torch.save(Evil(path.parent / "ran"), path), r"more than weights .*\.mkdir"),
        (
            lambda path: path.write_bytes(pickle.dumps(Evil(path.parent / "ran"))),
            "no checkpoint, or a damaged one|more than weights",
        ),
        (lambda path: torch.save(nn.Linear(2, 2), path), r"more than weights .*Linear.*state_dict"),
        (lambda path: torch.save([1, 2], path), r"holds no weights by name \(list\)"),
        (
            lambda path: torch.save({"a.weight": torch.ones(2)}, path),
            r"no network that spandrel 0\.\d+\.\d+ knows\..*fbcnn:net\.pth",
        ),
        (superresolution, "ESRGAN for 4× super-resolution"),
        (colouring, r"DnCNN that makes 2 channels of 2"),
    ],
)
def test_what_cannot_run_is_refused_in_a_sentence(write, sentence, tmp_path):
    write(tmp_path / "net.pth")

    with pytest.raises(UserError, match=sentence):
        opened(tmp_path / "net.pth").prepare(10)

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["net.ts", "net.safetensors"])
def test_damaged_files_of_other_kinds_are_named(name, tmp_path):
    (tmp_path / name).write_text("weights")

    with pytest.raises(UserError, match=rf"{name} is no (TorchScript archive|safetensors file)"):
        opened(tmp_path / name).prepare(10)


def test_nafnet_pads_by_itself(tmp_path):
    torch.manual_seed(0)
    network = NAFNet(width=4, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])

    restored(opened(written(network, tmp_path / "nafnet.pth")), 19)


def test_asking_who_opens_a_file_imports_nothing_heavy(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "net.pth")
    code = f"""
import sys
from pathlib import Path
from harness.plugins import registry
kinds = registry.checkpoints()
print([kind for kind in kinds if kinds.get(kind).accepts(Path({str(tmp_path / "net.pth")!r}))])
assert not {{"torch", "spandrel", "onnxruntime"}} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['spandrel']"
