import copy
from dataclasses import replace

import pytest
import torch
from dagn_tools import TINY, awake, images, of
from torch import nn
from torch.nn import functional as F

from restorers.architectures.dagn.autoencoders import (
    ImageDecoder,
    InsensitiveAutoEncoder,
    PooledMLP,
    ResNetEncoder,
    SensitiveAutoEncoder,
)
from restorers.architectures.dagn.config import PUBLISHED, SMALL
from restorers.architectures.dagn.fusion import CrossFeatureFusion, pyramid
from restorers.architectures.dagn.guidance import DualAwarenessBlock, GuidanceBlock, Guider
from restorers.architectures.dagn.network import DAGNNetwork
from restorers.architectures.fbcnn import SMALL as SMALL_FBCNN
from restorers.architectures.fbcnn.network import build
from restorers.checkpoints.format import Header, save
from restorers.common.complexity import (
    count_macs,
    count_parameters,
    macs_as_profiled,
    macs_at,
)


def on_meta(build):
    with torch.device("meta"):
        return build()


# --- published size -------------------------------------------------------------------------


def test_the_published_size_has_table_iiis_parameters():
    parts = on_meta(DAGNNetwork).parts()
    assert set(parts) == {
        "base_encoder", "decoder", "fusion", "insensitive_encoder", "insensitive_guider",
        "sensitive_encoder", "sensitive_guider",
    }  # fmt: skip
    assert f"{count_parameters(parts.values()) / 1e6:.2f}" == "109.91"


def test_the_published_size_costs_what_table_iii_says():
    """The release runs the layer behind the encoders' features, too: nothing depends on it."""
    network = on_meta(lambda: DAGNNetwork().eval())
    image, features = on_meta(lambda: (torch.empty(1, 3, 512, 512), torch.empty(1, 2048, 32, 32)))
    unused = network.insensitive_encoder.narrowed
    for count, published in ((count_macs, "931.7"), (macs_as_profiled, "952.8")):
        assert f"{(count(network, image) + 2 * count(unused, features)) / 1e9:.1f}" == published


@pytest.mark.slow
def test_the_small_size_is_that_of_the_small_fbcnn_it_is_compared_with(tmp_path):
    fbcnn = lambda: build(SMALL_FBCNN)  # noqa: E731 - both are counted alike
    parameters = count_parameters(DAGNNetwork(SMALL).parts().values())
    macs = [macs_at(network, (1, 3, 240, 320)) for network in (lambda: DAGNNetwork(SMALL), fbcnn)]

    assert parameters == pytest.approx(count_parameters(fbcnn()), rel=0.1)
    assert macs[0] == pytest.approx(macs[1], rel=0.25)  # a fifth more: the encoders
    save(tmp_path / "small.safetensors", DAGNNetwork(SMALL), Header("dagn", {}), storage="float16")
    assert (tmp_path / "small.safetensors").stat().st_size < 8_000_000


@pytest.mark.slow
def test_the_encoder_is_torchvisions_resnet50_but_for_the_last_stride():
    from torchvision.models import resnet50

    torch.manual_seed(0)
    reference, ours = resnet50().eval(), ResNetEncoder(PUBLISHED, 0).eval()
    keys = ours.load_state_dict(reference.state_dict(), strict=False)
    assert (keys.missing_keys, keys.unexpected_keys) == ([], ["fc.weight", "fc.bias"])

    seen = {}
    for name, network in (("reference", reference), ("ours", ours)):
        network.layer3.register_forward_hook(lambda *a, name=name: seen.update({name: a[2]}))
    with torch.inference_mode():
        reference(images(1, 3, 64, 64))
        features = ours(images(1, 3, 64, 64))
    assert torch.equal(seen["ours"], seen["reference"])
    assert features.shape == (1, 2048, 4, 4)


@pytest.mark.slow
def test_the_auto_encoders_other_parts_are_as_published():
    decoder = on_meta(lambda: ImageDecoder(PUBLISHED))
    kinds = [
        m.__class__ for m in decoder.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    assert kinds == [nn.Conv2d] * 5 + [nn.Conv2d, nn.ConvTranspose2d] * 5  # 15 layers
    narrow = torch.empty(2, 8, 3, 5, device="meta")
    assert decoder(narrow).shape == (2, 3, 48, 80)
    features = torch.empty(2, 2048, 3, 5, device="meta")
    judge = on_meta(lambda: InsensitiveAutoEncoder(PUBLISHED)).discriminator
    predictor = on_meta(lambda: SensitiveAutoEncoder(PUBLISHED)).qf_predictor
    for mlp, outputs in ((judge, 1), (predictor, 100)):
        shapes = [tuple(p.shape) for p in mlp.parameters() if p.ndim == 2]
        assert shapes == [(2048, 2048), (outputs, 2048)]
        assert mlp(features).shape == (2, outputs)


# --- equations ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8, 8), (3, 5), (1, 1)])
def test_equation_10_written_out(size):
    fusion = awake(CrossFeatureFusion(TINY))
    insensitive, base = images(2, TINY.features, *size), images(2, 10, 6, 4)
    with torch.inference_mode():
        fused = fusion(base, *fusion.summarise(insensitive))
        for sample in range(2):
            c1, c2 = (
                torch.cat(
                    [
                        F.adaptive_avg_pool2d(conv(insensitive[sample : sample + 1]), k).flatten(2)
                        for k in (1, 2, 4, 8)
                    ],
                    -1,
                )[0]
                for conv in (fusion.key, fusion.value)
            )
            assert c1.shape == (5, 1 + 4 + 16 + 64)
            c3 = fusion.query(base[sample : sample + 1])[0].flatten(1).T
            assert c1.min() >= 0 and c3.min() >= 0  # ReLU, in the release
            looked_up = torch.softmax(c3 @ c1 / 5**0.5, dim=1) @ c2.T
            product = fusion.out(looked_up.T[None, :, :, None])[0, :, :, 0].T
            product = product + base[sample].flatten(1).T
            torch.testing.assert_close(fused[sample].flatten(1).T, product)


def test_fusion_alone_concatenates():
    fusion = awake(CrossFeatureFusion(of("cfm")))
    insensitive, base = images(2, TINY.features, 3, 2), images(2, 10, 6, 4)
    with torch.inference_mode():
        keys, values = fusion.summarise(insensitive)
        context = copy.deepcopy(fusion)
        context.merge = None
        context = context(base, keys, values) - base
        expected = fusion.merge(torch.cat([context, base], dim=1))
        torch.testing.assert_close(fusion(base, keys, values), expected)


def test_the_pyramid_is_made_of_means_of_cells():
    features = images(1, 2, 8, 16)
    pooled = pyramid(features)
    torch.testing.assert_close(pooled[0, :, 0], features.mean(dim=(2, 3))[0])
    torch.testing.assert_close(pooled[0, :, 2], features[0, :, :4, 8:].mean(dim=(1, 2)))
    torch.testing.assert_close(pooled[0, :, -1], features[0, :, 7, 14:].mean(dim=1))


def test_equations_12_and_13_written_out():
    block = awake(GuidanceBlock(3, 0.9))
    features, scale, bias = images(2, 3, 5, 6), images(2, 3, seed=1), images(2, 3, seed=2)
    first, norm, _, second = block.body
    assert (norm.eps, norm.momentum) == (1e-4, 0.9)
    branch = F.conv2d(features, first.weight, first.bias, padding=1)
    branch = norm.weight[:, None, None] * branch / (1 + norm.eps) ** 0.5 + norm.bias[:, None, None]
    branch = F.conv2d(branch.relu(), second.weight, second.bias, padding=1)
    guided = features + scale[..., None, None] * branch + bias[..., None, None]
    torch.testing.assert_close(block(features, (scale, bias)), guided)
    torch.testing.assert_close(block(features, None), branch)


def test_equation_11_is_sensitive_first_and_the_skip_before_the_upscaling():
    block = awake(DualAwarenessBlock(6, 4, replace(TINY, blocks=4)))
    features, skip = images(1, 6, 3, 2), images(1, 6, 3, 2, seed=1)
    sensitive, insensitive = ((images(1, 4, seed=s), images(1, 4, seed=s + 1)) for s in (2, 4))
    expected = block.up(features + skip)
    for part, affine in ((block.sensitive, sensitive), (block.insensitive, insensitive)):
        assert len(part) == 4
        for guided in part:
            expected = guided(expected, affine)
    assert expected.shape == (1, 4, 6, 4)
    assert torch.equal(block(features, skip, sensitive, insensitive), expected)


def test_the_guiders_give_each_block_its_widths_within_bounds():
    guider = awake(Guider(PUBLISHED))
    affines = guider(1000 * images(2, 2048, 3, 3))
    assert [scale.shape[1] for scale, _ in affines] == [256, 128, 64]  # D / 2^i
    for scale, bias in affines:
        assert scale.min() >= 0 and 0.5 < scale.max() <= 1
        assert -1 <= bias.min() < -0.5 and 0.5 < bias.max() <= 1
    (small, _), *_ = guider(images(2, 2048, 3, 3))
    assert not torch.equal(small[0], small[1])


def test_what_all_images_want_alike_reaches_the_last_layers_of_a_guider_only():
    guider = awake(Guider(TINY))
    features = images(4, TINY.features, 2, 2)
    sum(scale.sum() for scale, _ in guider(features)).backward()
    assert guider.shared1.weight.grad.abs().max() > 0  # images differ, and so do their gradients
    assert guider.shared1.bias.grad.abs().max() < 1e-6
    assert guider.shared2.bias.grad.abs().max() < 1e-6
    assert all(scale.bias.grad.abs().min() > 0.1 for scale in guider.scales)
    guider.zero_grad()
    sum(scale.sum() for scale, _ in guider(features[:1])).backward()
    assert guider.shared2.bias.grad.abs().max() > 0  # a single image has nothing in common


def test_the_predictor_looks_at_the_mean_of_the_features():
    mlp = awake(PooledMLP(TINY, 3))
    features = images(1, TINY.features, 4, 4)
    torch.testing.assert_close(mlp(features), mlp(features.flip(2, 3)))
