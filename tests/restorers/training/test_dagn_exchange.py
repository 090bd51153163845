"""What another image's guidance costs: a network that uses it, and the shipped one."""

import itertools

import numpy as np
import pytest
import torch
from dagn_tools import TINY, awake, of
from paths import LIVE1
from PIL import Image

from harness.images.fidelity import psnr
from harness.images.jpeg import Jpeg
from restorers.architectures.dagn import DAGN
from restorers.architectures.dagn.network import DAGNNetwork, restore
from restorers.training.exchange import MODULES, cost_of_exchange, exchanged

COST = {"cigm": 0.0005, "csgm": 0.0064, "cfm": -0.0002}
"""What another photograph's guidance, of another quality, costs the shipped weights, dB: next to
nothing but for the sensitive guider's, as docs/explanation/dagn.md says."""

SIZES = ((40, 30), (33, 47), (16, 64))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return awake(DAGNNetwork(TINY))


@pytest.fixture(scope="module")
def pictures():
    return [
        np.random.default_rng(seed).integers(40 * seed, 60 + 60 * seed, (*size, 3), np.uint8)
        for seed, size in enumerate(SIZES)
    ]


@pytest.mark.parametrize("module", MODULES)
def test_one_part_is_exchanged_and_the_others_are_the_images_own(network, module):
    own, other = (network.guidance(torch.rand(1, 3, 32, 32 + 16 * k)) for k in (0, 1))

    mixed = exchanged(own, other, module)

    for part in MODULES.values():
        source = other if part == MODULES[module] else own
        assert getattr(mixed, part) is getattr(source, part)


@pytest.mark.parametrize("module", MODULES)
def test_the_cost_is_against_the_ordinary_restoration(network, pictures, module):
    restored = [restore(network, picture, None)[0] for picture in pictures]

    costs = cost_of_exchange(network, pictures, restored, module)

    # With the ordinary restoration as the original, its own guidance is perfect.
    assert psnr(restored[0], restored[0]) == np.inf
    assert costs == [np.inf] * 3


def test_a_module_that_says_the_same_of_all_images_costs_nothing(pictures):
    silent = DAGNNetwork(of("csgm")).eval()  # its guider's last layers start at zero

    costs = cost_of_exchange(silent, pictures, [255 - picture for picture in pictures], "csgm")

    assert costs == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.skipif(not LIVE1.is_dir(), reason="needs LIVE1 in ../shared/data/live1")
def test_what_another_photographs_guidance_costs_the_shipped_weights(module, record_property):
    files = sorted(file for file in LIVE1.iterdir() if file.suffix in (".png", ".bmp"))[::3]
    originals = [np.array(Image.open(file).convert("RGB"))[64:240, 64:240] for file in files]
    restorer = DAGN()
    restorer.prepare(10)
    network = restorer.load(restorer.source.file(None).path)

    # The next image is of another quality: compression-sensitive guidance says little else.
    qualities = itertools.cycle((10, 40))
    compressed = [Jpeg().compress(original, next(qualities)).pixels for original in originals]

    mean = np.mean(cost_of_exchange(network, compressed, originals, module))

    record_property("dB", float(mean))
    assert mean == pytest.approx(COST[module], abs=0.001)
