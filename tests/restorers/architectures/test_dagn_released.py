"""DAGN as its authors released it: their tensors under their names give their outputs."""

import csv
import zlib
from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from paths import SHARED

from harness.errors import UserError
from harness.plugins import Compressed
from restorers.architectures.dagn import DAGN
from restorers.architectures.dagn.config import PUBLISHED, VARIANTS, configure
from restorers.architectures.dagn.network import DAGNNetwork
from restorers.architectures.dagn.released import from_released, released_config, renamed

FOLDER = SHARED / "reference" / "dagn_official"
UNUSED = "fusion_block.conv_bn_dropout."
"""The block that of the authors' networks only the variant 100 runs."""
AUTHORS = {"baseline": "_000", "cfm": "_100", "csgm": "_010", "cigm": "_001", "dagn": ""}
"""The authors' names of the variants: fusion, sensitive, insensitive."""

reference = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the authors' names and outputs are not in ../shared/reference"
)


def shapes():
    with (FOLDER / "state_dict.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        row["name"]: () if row["shape"] == "scalar" else tuple(map(int, row["shape"].split("x")))
        for row in rows
    }


def values(name, shape):
    """A tensor of the formula of the reference's README."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_var"):
        drawn = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        drawn = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        drawn = float(name.endswith("weight")) + 0.1 * rng.standard_normal(shape)
    else:
        drawn = rng.standard_normal(shape) * np.sqrt(1 / prod(shape[1:]))
    return torch.from_numpy(np.asarray(drawn, np.float32))


@pytest.fixture(scope="module")
def released():
    return {name: values(name, shape) for name, shape in shapes().items()}


@pytest.fixture(scope="module")
def expected():
    with np.load(FOLDER / "expected.npz") as file:
        return dict(file)


def of_variant(tensors, variant):
    """What the authors' training leaves in the file of an ablation: what it does not use, too."""
    cigm, csgm, cfm = VARIANTS[variant]
    tensors = dict(tensors)
    if not cfm:
        tensors = {k: v for k, v in tensors.items() if not k.startswith("fusion_block")}
    elif variant == "cfm":
        tensors[f"{UNUSED}1.num_batches_tracked"] = torch.tensor(7)
    for used, kind in ((cigm, "i"), (csgm, "s")):
        for name in tensors:
            if not used and name.startswith("to_") and name.endswith(f"_{kind}.0.bias"):
                tensors[name] = torch.zeros_like(tensors[name])
    return tensors


def loaded(tensors):
    config = released_config(tensors)
    network = DAGNNetwork(config)
    network.load_state_dict(from_released(tensors, config))
    return network.eval()


def as_image(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def assert_close(actual, wanted):
    """To 1e-4 of the largest value."""
    difference = np.abs(np.squeeze(actual.numpy()) - wanted).max()
    assert difference <= 1e-4 * np.abs(wanted).max(), difference


@reference
@pytest.mark.slow
@pytest.mark.parametrize("variant", AUTHORS)
def test_every_variant_gives_the_authors_outputs(released, expected, variant):
    network = loaded(of_variant(released, variant))
    config = network.config
    assert config == replace(configure("published", variant), qf=False)
    with torch.inference_mode():
        restored = network(as_image(expected["image"]))
    assert restored.qf_logits is None
    assert_close(restored.image, expected[f"dagn{AUTHORS[variant]}/output"])


@reference
@pytest.mark.slow
def test_the_whole_network_is_the_authors_inside_too(released, expected):
    network = loaded(released)
    image = torch.nn.functional.pad(as_image(expected["image"]), (0, 10, 0, 3), mode="replicate")
    inner = {}
    guiders = {"qf": network.sensitive_guider, "is": network.insensitive_guider}
    for kind, guider in guiders.items():
        guider.scales[0].register_forward_pre_hook(
            lambda _, inputs, kind=kind: inner.update({f"{kind}_embed": inputs[0]})
        )
    network.decoder.guided[0].register_forward_pre_hook(
        lambda _, inputs: inner.update(m_body_decoder=inputs[0])
    )
    with torch.inference_mode():
        sensitive, insensitive = (
            encoder(image) for encoder in (network.sensitive_encoder, network.insensitive_encoder)
        )
        guidance = network.guidance(image)
        features, skips = network.base_encoder(image)
        network.decode(image, guidance)
        fused = network.fusion(features, *guidance.fusion)
    inner |= {
        "se_x4_mean": sensitive.mean(dim=(2, 3)),
        "ie_x4_mean": insensitive.mean(dim=(2, 3)),
        "m_head": skips[0].mean(dim=(2, 3)),
        "m_down1": skips[1].mean(dim=(2, 3)),
        "m_down2": skips[2].mean(dim=(2, 3)),
        "m_down3": skips[3],
        "m_body_encoder": features,
        "fusion_block": fused,
        "to_gamma_3_s": guidance.sensitive[0][0],
        "to_beta_3_s": guidance.sensitive[0][1],
        "to_gamma_1_i": guidance.insensitive[2][0],
        "to_beta_1_i": guidance.insensitive[2][1],
    }
    wanted = {k.removeprefix("dagn/"): v for k, v in expected.items() if k.startswith("dagn/")}
    del wanted["output"]
    assert inner.keys() == wanted.keys()
    for name, value in wanted.items():
        assert_close(inner[name], value)


@reference
def test_every_tensor_of_the_authors_has_its_place():
    names = {name: renamed(name, PUBLISHED.blocks) for name in shapes()}
    assert len(names) == 1117
    with torch.device("meta"):
        ours = {
            name: value.shape
            for config in (PUBLISHED, configure("published", "cfm"))
            for name, value in DAGNNetwork(replace(config, qf=False)).state_dict().items()
        }
    assert {place: shapes()[name] for name, place in names.items()} == ours


@reference
@pytest.mark.slow
def test_a_users_file_restores_and_cannot_be_told_the_quality(
    released, expected, tmp_path, monkeypatch
):
    # Weights made by a formula restore no image: what they answer would be refused as none.
    monkeypatch.setattr("restorers.common.colour.check_values", lambda values, given: None)
    path = tmp_path / "dagn.pth"
    torch.save(released, path)
    compressed = Compressed(b"", expected["image"], "jpeg", 10, {})
    restored = DAGN.make(str(path)).restore(compressed)
    assert restored.predicted_qf is None
    output = expected["dagn/output"].transpose(1, 2, 0)
    wanted = np.clip(np.round(255 * output.astype(float)), 0, 255)
    assert np.abs(restored.pixels - wanted).max() <= 1
    with pytest.raises(UserError, match=r"weights of DAGN's authors know no quality factor.*blind"):
        DAGN.make(f"{path}+known_qf").restore(compressed)
