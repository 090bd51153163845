"""Checkpoint files: what they say, what they hold, and that they are always the same bytes."""

import json
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from harness.errors import UserError
from restorers.checkpoints.format import Header, fill, read_header, read_tensors, save, share


def network(seed=0, width=5):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Linear(width, 2))


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_a_network_comes_back(tmp_path, storage):
    path, made, other = tmp_path / "a.safetensors", network(0), network(1)
    save(path, made, Header("own", {"width": 5}), storage)

    fill(other, read_tensors(path), path, "network")

    for key, value in made.state_dict().items():
        found = other.state_dict()[key]
        assert found.dtype == value.dtype
        rounded = value.half().float() if storage == "float16" and value.ndim > 1 else value
        assert torch.equal(found, rounded), key


def test_in_8_bits_a_value_is_off_by_half_a_step_of_its_row_at_most(tmp_path):
    path, made, other = tmp_path / "a.safetensors", network(0), network(1)
    made[0].weight.data[1] = 0.0  # a row of zeros has no largest value to divide by
    save(path, made, Header("own", {}), "int8")

    fill(other, read_tensors(path), path, "network")

    kinds = {key: value.dtype for key, value in load_file(path).items()}
    assert kinds["0.weight"] == torch.int8 and kinds["0.weight:scale"] == torch.float32
    assert kinds["2.weight"] == torch.float16, "rows of five values are too short for a scale"
    for key, value in made.state_dict().items():
        found = other.state_dict()[key]
        assert found.dtype == value.dtype
        if key == "0.weight":
            step = value.abs().amax((1, 2, 3), keepdim=True) / 127
            assert ((found - value).abs() <= 0.5001 * step).all()
            assert 0.3 * step.max() < (found - value).abs().max()
        elif key != "2.weight":
            assert torch.equal(found, value), key


def test_only_filters_and_matrices_are_halved(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, network(), Header("own", {}), "float16")

    kinds = {key: value.dtype for key, value in load_file(path).items()}

    assert kinds["0.weight"] == kinds["2.weight"] == torch.float16
    assert kinds["0.bias"] == kinds["1.running_var"] == kinds["1.weight"] == torch.float32
    assert kinds["1.num_batches_tracked"] == torch.int64


def test_filters_laid_out_channels_last_are_stored_like_others(tmp_path):
    made = network()
    save(tmp_path / "a.safetensors", made, Header("own", {}))
    save(tmp_path / "b.safetensors", made.to(memory_format=torch.channels_last), Header("own", {}))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


numbers = st.recursive(
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(name=st.text(min_size=1), config=numbers)
def test_the_header_says_what_was_said(tmp_path_factory, name, config):
    path = tmp_path_factory.mktemp("header") / "a.safetensors"
    save(path, nn.Linear(1, 3), Header(name, config))

    assert read_header(path) == Header(name, config)
    with safe_open(path, "pt") as file:  # the library reads it as it reads its own
        assert file.metadata()["restorer"] == name
        assert file.get_tensor("weight").shape == (3, 1)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    """Cards and fingerprints hold their sha256."""
    contents = set()
    for index in range(8):
        save(tmp_path / f"{index}.safetensors", network(), Header("own", {"width": 5, "a": [1]}))
        contents.add((tmp_path / f"{index}.safetensors").read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"\xff" * 64,
        (10**9).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"{bad",
        (30).to_bytes(8, "little") + b'{"__metadata__":{"format":"x"}}',
    ],
)
def test_other_files_have_no_header_and_no_tensors(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)

    assert read_header(path) is None
    if content[8:] != b"[]":
        with pytest.raises(UserError, match=r"a\.safetensors is no safetensors file") as raised:
            read_tensors(path)
        assert "\n" not in str(raised.value)


def test_a_safetensors_file_of_others_has_no_header(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors", {"format": "pt"})
    save_file({"a": torch.zeros(2)}, tmp_path / "b.safetensors")

    assert read_header(tmp_path / "a.safetensors") is None
    assert read_header(tmp_path / "b.safetensors") is None
    assert read_header(tmp_path / "none.safetensors") is None


def test_a_header_that_lacks_a_part_is_none(tmp_path):
    metadata = {"format": "restoration-harness/1", "restorer": "own", "config": "{"}
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors", metadata)
    save_file({"a": torch.zeros(2)}, tmp_path / "b.safetensors", {"format": metadata["format"]})

    assert read_header(tmp_path / "a.safetensors") is None
    assert read_header(tmp_path / "b.safetensors") is None


class TwoParts(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        torch.manual_seed(seed)
        self.decoder = nn.Conv2d(4, 3, 3)


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_what_two_networks_share_is_stored_once(tmp_path, storage):
    base, path, other = (tmp_path / f"{name}.safetensors" for name in ("base", "a", "b"))
    for file, seed in ((base, 1), (path, 2), (other, 2)):
        save(file, TwoParts(seed), Header("own", {"width": 5}), storage)

    assert share(path, base) == ["encoder"]

    assert {key.partition(".")[0] for key in load_file(path)} == {"decoder"}
    assert read_header(path) == Header("own", {"width": 5})
    whole = read_tensors(other)
    assert read_tensors(path).keys() == whole.keys()
    assert all(torch.equal(value, whole[key]) for key, value in read_tensors(path).items())
    once = path.read_bytes()
    assert share(other, base) == ["encoder"] and other.read_bytes() == once


def test_a_file_without_the_one_it_leaves_the_rest_to_says_which(tmp_path):
    base, path = tmp_path / "base.safetensors", tmp_path / "a.safetensors"
    save(base, TwoParts(1), Header("own", {}))
    save(path, TwoParts(2), Header("own", {}))
    share(path, base)

    save(base, TwoParts(3), Header("own", {}))
    with pytest.raises(UserError, match=r"leaves encoder to a file base\.safetensors with sha256"):
        read_tensors(path)
    base.unlink()
    with pytest.raises(UserError, match=r"put that beside it, in "):
        read_tensors(path)


def test_files_in_two_folders_share_nothing(tmp_path):
    (tmp_path / "other").mkdir()
    base, path = tmp_path / "other" / "base.safetensors", tmp_path / "a.safetensors"
    for file in (base, path):
        save(file, TwoParts(1), Header("own", {}))

    with pytest.raises(UserError, match="two folders"):
        share(path, base)


def test_a_value_that_float16_cannot_hold_stays_as_it_is(tmp_path):
    made = nn.Linear(4, 2)
    made.weight.data[0, 0] = 1e5
    save(tmp_path / "a.safetensors", made, Header("own", {}), "float16")

    assert torch.equal(read_tensors(tmp_path / "a.safetensors")["weight"], made.weight)


def test_weights_of_another_network_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, network(width=6), Header("own", {}))

    with pytest.raises(UserError, match=r"a\.safetensors holds no small net: .*size mismatch") as e:
        fill(network(), read_tensors(path), path, "small net")
    assert "\n" not in str(e.value)
    with pytest.raises(UserError, match="Missing key"):
        fill(network(), {}, path, "small net")


def test_reading_a_header_imports_no_torch(tmp_path):
    save(tmp_path / "a.safetensors", nn.Linear(1, 1), Header("own", {"width": 5}))
    code = (
        "import json, sys; from pathlib import Path; "
        "from restorers.checkpoints.format import read_header;"
        "h = read_header(Path(sys.argv[1])); print(json.dumps([h.config, 'torch' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.safetensors"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [{"width": 5}, False]
