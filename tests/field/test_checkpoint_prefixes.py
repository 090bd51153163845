"""Weights behind the prefixes of training wrappers: taken away where the rest fits, else named."""

import numpy as np
import pytest
import torch
from pictures import textured
from safetensors.torch import save_file
from spandrel import architectures
from spandrel.architectures.DnCNN import DnCNN
from torch import nn

from harness.assets.prefixes import candidates, prefix_hint
from harness.errors import UserError
from harness.images.jpeg import Jpeg
from restorers.architectures.arcnn import ARCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.formats.spandrel import Spandrel
from tasks.weights.torch_files import fill, read_state_dict

PREFIXES = [
    "_orig_mod.", "module.", "model.", "generator.", "net_g.", "netG.", "module._orig_mod.",
    "_orig_mod.module.", "model.module._orig_mod.", "lit.restorer.",
]  # fmt: skip


def prefixed(state, prefix, beside=()):
    return {**{prefix + name: value for name, value in state.items()}, **dict(beside)}


def dncnn():
    torch.manual_seed(0)
    return DnCNN(in_nc=3, out_nc=3, nc=4, nb=8, act_mode="R").eval()


def restored(restorer):
    result = restorer.restore(Jpeg().compress(textured(0, 24, 32), 30))
    return getattr(result, "pixels", result)


@pytest.fixture
def plain(tmp_path):
    """What the network makes of an image, from a file without prefixes."""
    torch.save(dncnn().state_dict(), tmp_path / "plain.pth")
    return restored(Spandrel.open(tmp_path / "plain.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_network_of_spandrels_behind_any_prefix(prefix, suffix, plain, tmp_path):
    state, path = prefixed(dncnn().state_dict(), prefix), tmp_path / f"net{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)

    assert np.array_equal(restored(Spandrel.open(path)), plain)


@pytest.mark.parametrize("key", ["net_g", "netG", "generator", "params_ema", "state_dict"])
def test_a_checkpoint_of_a_gan(key, plain, tmp_path):
    rest = {"discriminator": nn.Linear(2, 2).state_dict(), "step": torch.tensor(3)}
    torch.save({key: prefixed(dncnn().state_dict(), "module."), **rest}, tmp_path / "a.pth")
    beside = prefixed(nn.Linear(2, 2).state_dict(), "discriminator.").items()
    torch.save(prefixed(dncnn().state_dict(), "generator.", beside), tmp_path / "b.pth")

    for name in ("a.pth", "b.pth"):
        assert np.array_equal(restored(Spandrel.open(tmp_path / name)), plain)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "model.module."])
def test_a_network_with_a_restorer_of_its_own(prefix, tmp_path):
    torch.manual_seed(0)
    state = architectures.FBCNN.FBCNN(nc=[4, 4, 8, 512], nb=2).state_dict()
    results = []
    for name, saved in (("plain", state), ("net", prefixed(state, prefix))):
        torch.save(saved, tmp_path / f"{name}.pth")
        path = tmp_path / f"{name}.pth"
        results += [restored(FBCNN.make(str(path))), restored(Spandrel.open(path))]
    assert all(np.array_equal(result, results[0]) for result in results)

    arcnn = ARCNN.build(3).state_dict()
    save_file(prefixed(arcnn, prefix), tmp_path / "arcnn.safetensors")
    assert restored(ARCNN.make(str(tmp_path / "arcnn.safetensors"))).shape == (24, 32, 3)


def test_a_prefix_of_what_nobody_knows_is_named(tmp_path):
    torch.save(prefixed(nn.Linear(3, 3).state_dict(), "wrapper.inner."), tmp_path / "net.pth")

    with pytest.raises(UserError, match=r"All of its names begin with 'wrapper\.inner\.'"):
        Spandrel.open(tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"begin with 'wrapper\.inner\.'"):
        FBCNN.make(str(tmp_path / "net.pth")).prepare(10)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_vision_models_likewise(prefix, tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    torch.save({"state_dict": prefixed(network.state_dict(), prefix)}, tmp_path / "net.pth")
    target = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))

    fill(target, read_state_dict(tmp_path / "net.pth"), tmp_path / "net.pth", "it")

    assert torch.equal(target[0].weight, network[0].weight)
    with pytest.raises(UserError, match="do not fit"):
        fill(nn.Linear(2, 2), read_state_dict(tmp_path / "net.pth"), tmp_path / "net.pth", "it")


def test_weights_as_they_are_come_first():
    weights = {"model.0.weight": 1, "model.0.bias": 2}

    assert next(candidates(weights)) == weights
    assert prefix_hint(["a.b.c", "a.b.d"]).startswith(" All of its names begin with 'a.b.'")
    assert prefix_hint(["a.b", "c.d"]) == prefix_hint([]) == ""
