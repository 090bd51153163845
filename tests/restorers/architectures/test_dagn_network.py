import itertools
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from dagn_tools import TINY, awake, images, of
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from harness.errors import UserError
from restorers.architectures.dagn.autoencoders import (
    InsensitiveAutoEncoder,
    ResNetEncoder,
    SensitiveAutoEncoder,
)
from restorers.architectures.dagn.config import PUBLISHED, SMALL, VARIANTS, DAGNConfig, configure
from restorers.architectures.dagn.network import DAGNNetwork, expected_qf
from restorers.architectures.dagn.start import calibrate
from restorers.common.complexity import count_parameters


@pytest.fixture(scope="module")
def dagn():
    torch.manual_seed(0)
    return awake(DAGNNetwork(TINY))


# --- the whole ------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 50), width=st.integers(1, 50))
def test_the_first_and_the_last_convolution_start_as_the_identity(height, width):
    """There is no skip from image to image: what decodes is added to the image all the same."""
    image = images(1, 3, height, width)
    network = DAGNNetwork(replace(TINY, widths=(8, 8, 8, 8))).eval()
    with torch.inference_mode():
        given_back = network.decoder.tail(network.base_encoder.head(image))
        torch.testing.assert_close(given_back, image)
        assert network(image).image.shape == image.shape


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_starts_as_its_authors_does_but_for_the_guidance(variant):
    torch.manual_seed(0)
    network = DAGNNetwork(of(variant))
    elsewhere = ("insensitive_encoder.", "sensitive_encoder.", "qf_predictor.", "told_qf.")
    given_back = ("base_encoder.head.weight", "decoder.tail.weight")
    for name, parameter in network.named_parameters():
        if name.startswith(elsewhere) or name in given_back:
            continue
        silent = ("fusion.out", "guider.scales", "guider.biases")
        if any(part in name for part in silent) or name.endswith("bias"):
            assert not parameter.any(), name
        elif name in ("fusion.key.1.weight", "fusion.query.1.weight"):
            assert torch.all(parameter == 2), name
        elif parameter.ndim == 1:
            assert parameter.min() >= 0.1 and parameter.max() <= 1, name
        else:
            rows = parameter.flatten(1)
            rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
            gain = 1 if "guider.shared" in name else 0.2
            torch.testing.assert_close(rows @ rows.T, gain**2 * torch.eye(len(rows)))


def test_fusion_starts_with_cells_of_different_shares():
    config = replace(TINY, widths=(8, 16, 32, 64), encoder_width=16, fusion=48)
    torch.manual_seed(0)
    network = DAGNNetwork(config)
    image = images(8, 3, 96, 96)
    calibrate(network, image)
    with torch.no_grad():
        features, _ = network.base_encoder(image)
        keys, _ = network.fusion.summarise(network.insensitive_encoder(image))
        query = network.fusion.query(features).flatten(2).transpose(1, 2)
        similarity = network.fusion.scale * query @ keys
    assert 0.3 < similarity.std(dim=-1).mean() < 3


def test_calibrated_guiders_and_fusion_see_features_of_mean_0_and_variance_1():
    torch.manual_seed(0)
    network, other = DAGNNetwork(TINY).eval(), DAGNNetwork(TINY).eval()
    other.load_state_dict(network.state_dict())
    image = images(40, 3, 32, 32) * torch.linspace(0.2, 1, 40)[:, None, None, None]

    calibrate(network, image)

    with torch.inference_mode():
        for encoder, part, layer in (
            ("insensitive_encoder", "insensitive_guider", "shared1"),
            ("sensitive_encoder", "sensitive_guider", "shared1"),
            ("insensitive_encoder", "fusion", "value"),
        ):
            features = network.get_submodule(encoder)(image)
            if part == "fusion":
                means = features.movedim(1, -1).flatten(0, -2)
            else:
                means = features.mean(dim=(2, 3))
            deviation = means.std(dim=0).clamp(min=0.1 * means.std(dim=0).mean())
            plain = other.get_submodule(f"{part}.{layer}").weight.flatten(1)
            expected = (means - means.mean(dim=0)) / deviation @ plain.T
            calibrated = network.get_submodule(f"{part}.{layer}")
            actual = means @ calibrated.weight.flatten(1).T + calibrated.bias
            torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(height=st.integers(16, 70), width=st.integers(16, 70))
def test_any_size_is_padded_at_the_right_and_the_bottom_and_cropped(dagn, height, width):
    image = images(1, 3, height, width)
    rows, columns = (torch.arange(-(-n // 16) * 16).clamp(max=n - 1) for n in (height, width))
    with torch.inference_mode():
        restored = dagn(image).image
        padded = dagn(image[:, :, rows][:, :, :, columns]).image
    assert restored.shape == image.shape
    assert not torch.equal(restored, image)
    torch.testing.assert_close(restored, padded[:, :, :height, :width])


def test_an_image_does_not_see_the_others_of_its_batch(dagn):
    batch = images(3, 3, 32, 48)
    with torch.inference_mode():
        together = dagn(batch)
        alone = dagn(batch[1:2])
    torch.testing.assert_close(together.image[1:2], alone.image)
    torch.testing.assert_close(together.qf_logits[1:2], alone.qf_logits)


def test_a_tile_with_the_whole_images_guidance_is_a_piece_of_the_whole(dagn):
    image = images(1, 3, 32, 320)
    with torch.inference_mode():
        guidance = dagn.guidance(image)
        whole = dagn.decode(image, guidance)
        tile = dagn.decode(image[..., :160], guidance)
        own = dagn(image[..., :160]).image
    torch.testing.assert_close(tile[..., :64], whole[..., :64])
    assert not torch.allclose(own[..., :64], whole[..., :64])  # its own guidance is another


def test_figure_7_written_out(dagn):
    image = images(1, 3, 32, 32)
    with torch.inference_mode():
        features, skips = dagn.base_encoder(image)
        assert [tuple(s.shape[1:]) for s in skips] == [
            (4, 32, 32), (6, 16, 16), (8, 8, 8), (10, 4, 4),
        ]  # fmt: skip
        insensitive = dagn.insensitive_encoder(image)
        sensitive = dagn.sensitive_guider(dagn.sensitive_encoder(image))
        features = dagn.fusion(features, *dagn.fusion.summarise(insensitive))
        features = dagn.decoder.first(features)
        guided = zip(sensitive, dagn.insensitive_guider(insensitive), strict=True)
        for index, (epsilon_eta, beta_gamma) in enumerate(guided):
            block = dagn.decoder.guided[index]
            features = block(features, skips[3 - index], epsilon_eta, beta_gamma)
        expected = dagn.decoder.tail(features + skips[0])
        assert torch.equal(dagn(image).image, expected)


def test_every_counted_part_changes_the_image_and_the_predictor_does_not(dagn):
    image = images(1, 3, 32, 32)
    counted = set(dagn.parts())
    names = {name for name, _ in dagn.named_children()}
    assert names - counted == {"qf_predictor", "told_qf"}
    with torch.inference_mode():
        before = dagn(image).image
        for name in sorted(names):
            other = DAGNNetwork(TINY).eval()
            other.load_state_dict(dagn.state_dict())
            awake(other.get_submodule(name), seed=1)
            changed = not torch.equal(other(image).image, before)
            assert changed == (name in counted), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_the_whole_network_without_the_guidance_it_lacks(dagn, variant):
    """Blocks without guidance are their branch alone, and fusion alone concatenates."""
    cigm, csgm, cfm = VARIANTS[variant]
    part = awake(DAGNNetwork(of(variant)))
    own = part.state_dict()
    part.load_state_dict({k: v for k, v in dagn.state_dict().items() if k in own}, strict=False)
    image = images(2, 3, 32, 16)
    with torch.inference_mode():
        whole = dagn.guidance(image)
        features, skips = dagn.base_encoder(image)
        if cfm:
            features = part.fusion(features, *whole.fusion)
        guides = (whole.sensitive if csgm else None, whole.insensitive if cigm else None)
        expected = dagn.decoder(features, skips, *guides)
        torch.testing.assert_close(part(image).image, expected)
        same = torch.allclose(expected, dagn(image).image)
    assert same == (variant == "dagn")
    assert ("fusion.merge.0.weight" in own) == (variant == "cfm")


def test_each_variant_has_its_modules_and_no_others():
    sizes = {}
    for variant, (cigm, csgm, cfm) in VARIANTS.items():
        network = DAGNNetwork(of(variant))
        parts = set(network.parts())
        assert ("insensitive_guider" in parts) == cigm
        assert ("insensitive_encoder" in parts) == (cigm or cfm)
        assert ("sensitive_guider" in parts) == ("sensitive_encoder" in parts) == csgm
        assert ("fusion" in parts) == cfm
        assert (network.eval()(images(1, 3, 16, 16)).qf_logits is not None) == csgm
        sizes[variant] = count_parameters(network.parts().values())
        if variant == "cfm":
            sizes[variant] -= count_parameters(network.fusion.merge)
    added = [sizes[v] - sizes["baseline"] for v in ("cigm", "csgm", "cfm", "dagn")]
    encoder = count_parameters(ResNetEncoder(TINY, 0))
    assert added[3] == sum(added[:3]) - encoder  # cigm and cfm share theirs


# --- the quality factor ---------------------------------------------------------------------


def test_a_told_qf_changes_the_image_and_zero_is_blind(dagn):
    batch = images(1, 3, 32, 32).expand(3, -1, -1, -1)
    with torch.no_grad():
        dagn.told_qf.weight[0] = 0
        blind = dagn(batch)
        told = dagn(batch, torch.tensor([0, 10, 90]))
    torch.testing.assert_close(told.image[0], blind.image[0])
    differences = [
        (a - b).abs().max() for a, b in itertools.combinations(told.image, 2)
    ]  # fmt: skip
    assert min(differences) > 1e-6
    torch.testing.assert_close(told.qf_logits, blind.qf_logits)


def test_before_training_telling_the_qf_changes_nothing():
    network = awake(DAGNNetwork(TINY))
    network.told_qf.load_state_dict(DAGNNetwork(TINY).told_qf.state_dict())
    image = images(1, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(network(image, torch.tensor([10])).image, network(image).image)


@pytest.mark.parametrize("qf", [101, -1])
def test_a_qf_that_is_none_is_refused(dagn, qf):
    with pytest.raises(IndexError):
        dagn(images(1, 3, 16, 16), torch.tensor([qf]))


def test_a_variant_that_cannot_be_told_says_so():
    with pytest.raises(UserError, match=r"cannot be told.*run it blind"):
        DAGNNetwork(of("cfm"))(images(1, 3, 16, 16), torch.tensor([10]))


@given(qf=st.integers(1, 100))
def test_the_expected_qf_counts_from_one(qf):
    logits = torch.full((1, 100), -100.0)
    logits[0, qf - 1] = 100
    assert expected_qf(logits).item() == pytest.approx(qf, abs=1e-3)
    assert expected_qf(torch.zeros(1, 100)).item() == pytest.approx(50.5, abs=1e-3)


# --- assembling -----------------------------------------------------------------------------


def test_encoders_of_stages_1_and_2_are_adopted():
    torch.manual_seed(1)
    network, first, second = (
        DAGNNetwork(TINY),
        InsensitiveAutoEncoder(TINY),
        SensitiveAutoEncoder(TINY),
    )
    network.adopt(insensitive=first, sensitive=second)
    image = images(1, 3, 32, 32)
    with torch.inference_mode():
        expected = second.eval().qf_predictor(second.encoder(image))
        assert torch.equal(network.eval()(image).qf_logits, expected)
        assert torch.equal(network.insensitive_encoder(image), first.eval().encoder(image))
    with pytest.raises(ValueError, match="no compression-sensitive encoder"):
        DAGNNetwork(of("cfm")).adopt(sensitive=second)
    with pytest.raises(ValueError, match="no compression-insensitive encoder"):
        DAGNNetwork(of("csgm")).adopt(insensitive=first)


def test_a_saved_network_is_the_same_network(tmp_path, dagn):
    save_file(dagn.state_dict(), tmp_path / "dagn.safetensors")
    other = DAGNNetwork(TINY).eval()
    other.load_state_dict(load_file(tmp_path / "dagn.safetensors"))
    image = images(1, 3, 20, 30)
    with torch.inference_mode():
        assert torch.equal(other(image).image, dagn(image).image)


def test_names_are_checked_and_configurations_are_frozen():
    assert configure() == PUBLISHED == DAGNConfig()
    assert configure("small", "cfm") == replace(SMALL, cigm=False, csgm=False)
    with pytest.raises(UserError, match=r"no preset named smal: did you mean small\?"):
        configure("smal")
    with pytest.raises(UserError, match=r"no variant named all: There are: baseline, cigm"):
        configure("small", "all")
    with pytest.raises(FrozenInstanceError):
        PUBLISHED.blocks = 2


def test_the_configuration_imports_no_torch():
    code = "import sys, restorers.architectures.dagn.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
