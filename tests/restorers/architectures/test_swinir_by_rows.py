"""SwinIR restores one row of windows after the other, to the values of spandrel's own forward."""

import pytest
import torch

from restorers.architectures.swinir import SwinIRConfig
from restorers.architectures.swinir.network import build, by_rows_of_windows


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = build(SwinIRConfig(width=12, depths=(2, 2), heads=(2, 3), image=28)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # biases and positions too
    return network.requires_grad_(False)


@pytest.mark.parametrize("shape", [(1, 21, 35), (2, 14, 7), (1, 7, 28), (3, 28, 28)])
def test_a_block_is_spandrels(network, shape):
    batch, height, width = shape
    tokens = torch.rand(batch, height * width, 12)

    for layer in network.layers:
        plain, shifted = layer.residual_group.blocks
        assert (plain.shift_size, shifted.shift_size) == (0, 3)
        for block in (plain, shifted):
            expected = block(tokens, (height, width))
            found = by_rows_of_windows(block, tokens, (height, width))
            assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_without_gradients_the_image_is_that_of_training(network):
    image = torch.rand(2, 3, 21, 35)

    with torch.enable_grad():
        expected = network(image)
    with torch.inference_mode():
        found = network(image)

    assert (found - image).abs().max() > 0.01
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
