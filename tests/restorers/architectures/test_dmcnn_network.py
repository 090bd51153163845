import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_tools import awake, inputs, jpeg, locate_file, picture
from PIL import Image
from torch.nn import functional as F

from harness.errors import UserError
from harness.images.jpeg import SUBSAMPLINGS
from restorers.architectures.dmcnn import DMCNN, PRESETS, Branch, DMCNNConfig
from restorers.architectures.dmcnn.branches import DMCNNAutoEncoder, SpectralBranch, rectified
from restorers.architectures.dmcnn.network import (
    DMCNNNetwork,
    DMCNNOutput,
    halved,
    multi_scale_loss,
    restore,
)
from restorers.jpeg.dct import decode, stack

TINY = DMCNNConfig(spectral=Branch((6, 8), (1,), (1, 2)), pixel=Branch((4, 6, 8), (1, 0)))
SIDES = st.integers(16, 60)


@pytest.fixture(scope="module")
def dmcnn():
    torch.manual_seed(0)
    return awake(DMCNNNetwork(TINY))


# --- size -----------------------------------------------------------------------------------


def test_the_published_size_costs_what_table_iii_says():
    cost = DMCNN.cost("published", 512, 512)
    assert round(cost.parameters / 1e6, 1) == 4.7
    assert cost.macs_by_output / 1e9 == pytest.approx(687.1, rel=0.002)
    # Counted as a transposed convolution truly is.
    assert cost.macs / 1e9 == pytest.approx(676.8, rel=0.001)


def test_the_small_size_is_small():
    cost = DMCNN.cost("small", 240, 320)
    assert 4 * cost.parameters < 6e6
    assert cost.macs < 5e9


def test_presets_are_frozen_and_light():
    with pytest.raises(FrozenInstanceError):
        PRESETS["small"].pixel.widths = (1, 2, 3)
    with pytest.raises(ValueError, match="3 scales need 2 blocks"):
        Branch((8, 8, 8), (1,))
    code = "import sys, restorers.architectures.dmcnn; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the whole ------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(height=SIDES, width=SIDES, subsampling=st.sampled_from(SUBSAMPLINGS))
def test_an_untrained_network_returns_the_decoded_image(height, width, subsampling):
    compressed = jpeg(height, width, 10, subsampling)
    planes, image = inputs(compressed)
    with torch.inference_mode():
        restored = DMCNNNetwork(TINY).eval()(planes, image)
    assert torch.equal(restored.image, image)
    assert torch.equal(restored.spectral, image)
    for index, scale in enumerate(restored.scales, start=1):
        assert torch.equal(scale, halved(image, index))
    assert np.array_equal(restore(DMCNNNetwork(TINY).eval(), compressed), compressed.pixels)


@settings(max_examples=15, deadline=None)
@given(height=SIDES, width=SIDES, subsampling=st.sampled_from(SUBSAMPLINGS))
def test_any_size_goes_through_and_comes_out_changed(dmcnn, height, width, subsampling):
    planes, image = inputs(jpeg(height, width, 10, subsampling))
    with torch.inference_mode():
        restored = dmcnn(planes, image)
    assert restored.image.shape == restored.spectral.shape == image.shape
    assert not torch.equal(restored.image, image)
    assert not torch.equal(restored.spectral, image)
    sides = [s.shape[2:] for s in restored.scales]
    assert sides == [(-(-height // f), -(-width // f)) for f in (2, 4)]


def test_a_grey_file_is_restored_too(dmcnn):
    grey = Image.fromarray(picture(24, 40)).convert("L")
    restored = restore(dmcnn, locate_file(grey, format="JPEG", quality=20))
    assert restored.shape == (24, 40, 3) and restored.dtype == np.uint8


def test_a_file_without_coefficients_is_refused(dmcnn):
    with pytest.raises(UserError, match="writes no JPEG file"):
        restore(dmcnn, locate_file(Image.fromarray(picture(16, 16)), format="PNG"))


def test_an_image_does_not_see_the_others_of_its_batch(dmcnn):
    first, second = (inputs(jpeg(24, 40, qf, seed=qf)) for qf in (10, 40))
    with torch.inference_mode():
        together = dmcnn(stack([first[0], second[0]]), torch.cat([first[1], second[1]]))
        alone = dmcnn(*second)
    torch.testing.assert_close(together.image[1:], alone.image)


def test_the_result_is_the_weighted_sum_of_the_papers_figure(dmcnn):
    planes, image = inputs(jpeg(32, 48))
    with torch.inference_mode():
        restored = dmcnn(planes, image)
        features = dmcnn.pixel(torch.cat([image, restored.spectral], dim=1))[0]
        estimate = dmcnn.outputs[0](features)
    weight = dmcnn.weight.detach()
    expected = (1 - weight) * image + weight * restored.spectral + estimate
    torch.testing.assert_close(restored.image, expected)


# --- the branches ---------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(qf=st.integers(1, 100), scale=st.floats(0.1, 100))
def test_coefficients_stay_within_half_a_quantiser_step(qf, scale):
    planes, _ = inputs(jpeg(40, 24, qf))
    branch = awake(SpectralBranch(TINY.spectral), scale=scale)
    with torch.inference_mode():
        luma, chroma = branch(planes)
    assert luma.shape == planes.luma.shape and chroma.shape == planes.chroma.shape
    half = planes.tables[:, :, :, None, None] / 2
    assert (luma.abs() <= half[:, 0]).all() and (chroma.abs() <= half[:, 1:]).all()
    assert luma.any() and chroma.any()


def test_the_rectify_unit_lets_small_changes_through_in_steps():
    steps = torch.tensor([0.25, -0.75, 0.5]).view(3, 1, 1)
    table = torch.tensor([16.0, 10.0, 2.0])
    assert rectified(steps, table).flatten().tolist() == [4, -5, 1]


def test_the_spectral_estimate_is_the_image_of_the_changed_coefficients(dmcnn):
    # Of mild contrast, so that no decoder clips and both ways must agree.
    soft = (picture(40, 56) // 3 + 80).astype(np.uint8)
    planes, _ = inputs(locate_file(Image.fromarray(soft), format="JPEG", quality=90))
    with torch.inference_mode():
        luma, chroma = dmcnn.spectral(planes)
        estimate = dmcnn(planes, decode(planes)).spectral
    changed = replace(planes, luma=planes.luma + luma, chroma=planes.chroma + chroma)
    torch.testing.assert_close(estimate, decode(changed), atol=1e-4, rtol=0)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 21), width=st.integers(1, 21))
def test_padding_repeats_the_last_row_and_column(height, width):
    torch.manual_seed(0)
    network = awake(DMCNNAutoEncoder(2, TINY.pixel))
    maps = torch.rand(1, 2, height, width)
    rows, columns = (torch.arange(-(-n // 4) * 4).clamp(max=n - 1) for n in (height, width))
    with torch.inference_mode():
        small, whole = network(maps), network(maps[:, :, rows][:, :, :, columns])
    for ours, padded in zip(small, whole, strict=True):
        torch.testing.assert_close(ours, padded[:, :, : ours.shape[2], : ours.shape[3]])
    assert small[0].shape == (1, 4, height, width)


def test_dilations_see_far():
    torch.manual_seed(0)
    reach = []
    for dilations in ((1, 1, 1), (2, 4, 8)):
        network = awake(DMCNNAutoEncoder(1, Branch((4, 4), (0,), dilations)))
        maps = torch.zeros(1, 1, 128, 128, requires_grad=True)
        network(maps)[0][0, :, 64, 64].sum().backward()
        reach.append(int((maps.grad[0, 0].abs().sum(1) > 0).sum()))
    assert reach[1] - reach[0] == 2 * 2 * (2 + 4 + 8 - 3)


# --- learning -------------------------------------------------------------------------------


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network = awake(DMCNNNetwork(TINY)).train()
    planes, image = inputs(jpeg(40, 40, 10))
    multi_scale_loss(network(planes, image), torch.rand_like(image)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_the_loss_is_its_formula():
    target = torch.rand(2, 3, 20, 22)
    scales = [halved(target, 1) + 0.1, halved(target, 2) + 0.2]
    restored = DMCNNOutput(target + 0.3, target - 0.4, scales)
    expected = 0.09 + 0.9 * 0.16 + 0.618 * 0.01 + 0.618**2 * 0.04
    torch.testing.assert_close(multi_scale_loss(restored, target), torch.tensor(expected))


def test_halving_averages_and_rounds_up():
    image = torch.arange(15.0).view(1, 1, 3, 5)
    assert halved(image, 1)[0, 0].tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["multi-scale", "l1"])
def test_a_few_steps_restore_what_compression_took(loss):
    torch.manual_seed(0)
    network = DMCNNNetwork(TINY)
    planes, image = inputs(jpeg(48, 48, 10))
    target = torch.from_numpy(picture(48, 48)).permute(2, 0, 1)[None].float() / 255
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    before = F.mse_loss(image, target)
    for _ in range(40):
        restored = network(planes, image)
        wrong = (
            multi_scale_loss(restored, target)
            if loss == "multi-scale"
            else F.l1_loss(restored.image, target)
        )
        optimizer.zero_grad()
        wrong.backward()
        optimizer.step()
    with torch.inference_mode():
        restored = network(planes, image)
    assert F.mse_loss(restored.image, target) < 0.85 * before
    if loss == "multi-scale":
        assert F.mse_loss(restored.spectral, target) < 0.95 * before
