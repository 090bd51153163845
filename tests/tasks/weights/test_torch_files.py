"""State dicts are read from the usual layouts; anything else is one clear sentence."""

from __future__ import annotations

import argparse

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness.errors import UserError
from tasks.weights.torch_files import fill, read_state_dict


def network(width=3):
    torch.manual_seed(width)
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_every_layout_gives_the_same_weights(tmp_path):
    weights = network().state_dict()
    wrapped = nn.DataParallel(network()).state_dict()
    layouts = {
        "plain.pth": weights,
        "model.pth": {"model": weights, "epoch": 3},
        "state.pth": {"state_dict": wrapped, "optimizer": {"lr": 0.1}},
        "parallel.pth": wrapped,
        "torchvision.pth": {"model": weights, "args": argparse.Namespace(a=1)},
    }
    for name, content in layouts.items():
        torch.save(content, tmp_path / name)
        assert equal(read_state_dict(tmp_path / name), weights), name
    save_file(dict(weights), tmp_path / "w.safetensors")
    assert equal(read_state_dict(tmp_path / "w.safetensors"), weights)
    target = network(3)
    nn.init.zeros_(target[0].weight)
    fill(target, read_state_dict(tmp_path / "state.pth"), tmp_path, "it")
    assert torch.equal(target[0].weight, weights["0.weight"]) and not target.training


def test_what_torch_needs_for_older_layouts_stays(tmp_path):
    torch.save(network().state_dict(), tmp_path / "w.pth")
    assert read_state_dict(tmp_path / "w.pth")._metadata["1"]["version"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (network(), "no weights by name"),
        ([1, 2], "no weights by name"),
        ({"epoch": 3}, "no weights by name"),
        ({}, "no weights by name"),
    ],
)
def test_other_contents_are_refused(content, message, tmp_path):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match=message) as error:
        read_state_dict(tmp_path / "w.pth")
    assert str(tmp_path / "w.pth") in str(error.value) and "\n" not in str(error.value)


class Alarm:
    """Says so if it is ever made from a file."""

    def __reduce__(self):
        return print, ("code ran",)


def test_what_lies_beside_the_weights_is_never_run(tmp_path, capsys):
    torch.save({"model": network().state_dict(), "log": Alarm()}, tmp_path / "w.pth")

    assert equal(read_state_dict(tmp_path / "w.pth"), network().state_dict())
    assert "code ran" not in capsys.readouterr().out


def test_no_file_and_a_damaged_one(tmp_path):
    torch.save(network().state_dict(), tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    for name, content in (("half.pth", whole[: len(whole) // 2]), ("web.pth", b"<html>")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="no checkpoint, or a damaged one"):
            read_state_dict(tmp_path / name)
    with pytest.raises(UserError, match="No such file"):
        read_state_dict(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.update({"0.weight": torch.zeros(5, 3, 1, 1)}), r"'0.weight' is of shape \[5"),
        (lambda w: w.pop("0.bias"), "they lack '0.bias'"),
        (lambda w: w.update({"9.x": torch.zeros(1)}), "it has no '9.x'"),
    ],
)
def test_another_networks_weights_are_refused(change, message, tmp_path):
    weights = network().state_dict()
    change(weights)
    with pytest.raises(UserError, match=f"do not fit the net: {message}"):
        fill(network(), weights, tmp_path, "the net")
