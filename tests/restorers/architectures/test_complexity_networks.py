"""What the networks cost, beside the paper's Table III, and that all of it is counted."""

from functools import lru_cache

import pytest
import torch
from jpeg_tools import inputs, jpeg
from paths import DOCS

from harness.plugins import registry
from harness.report.tables.cost import read_published
from restorers.architectures.arcnn import ARCNN
from restorers.architectures.dagn import DAGN
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.ipt import IPT
from restorers.architectures.ipt.network import patch_count
from restorers.architectures.ipt.network import restore as restore_patches
from restorers.architectures.qgac import QGAC
from restorers.architectures.swinir import SwinIR
from restorers.common.complexity import count_macs, jpeg_example, weightless

NETWORKS = (ARCNN, DMCNN, IPT, SwinIR, QGAC, FBCNN, DAGN)
PAPER = read_published()


@lru_cache
def published(network):
    return network.cost("published", 512, 512)


def rounded(count, unit, digits=1):
    return round(count / unit, digits)


@pytest.mark.slow
@pytest.mark.parametrize("network", [DMCNN, FBCNN, QGAC])  # DAGN's: test_dagn_equations
def test_convolutional_networks_cost_what_table_iii_says(network):
    cost, paper = published(network), PAPER[network.name]

    assert cost.macs_by_output / 1e9 == pytest.approx(paper.gmacs, rel=0.0015)
    if network is not QGAC:  # its 0.0 M cannot be
        assert rounded(cost.parameters, 1e6) == paper.params_m


@pytest.mark.slow
def test_swinir_has_table_iiis_parameters_and_a_sixteenth_of_its_operations():
    cost = published(SwinIR)

    assert rounded(cost.parameters, 1e6) == PAPER["swinir"].params_m
    assert 15.7 < PAPER["swinir"].gmacs * 1e9 / cost.macs < 15.8
    # Padded, 512 becomes 518. A pixel costs what its authors say: 787.993 G for 256x256.
    assert cost.macs / 518**2 == pytest.approx(787.993e9 / 256**2, rel=0.001)


@pytest.mark.slow
def test_ipt_has_a_hundredth_more_parameters_than_table_iii_and_three_quarters_of_its_operations():
    one, whole = IPT.cost("published", 48, 48), published(IPT)

    assert one.parameters == 115_312_731
    assert one.parameters / 1e6 / PAPER["ipt"].params_m == pytest.approx(1.01, abs=0.001)
    assert rounded(one.macs, 1e9, 2) == 32.97
    assert patch_count(512, 512, 48, 12) == 1600
    assert patch_count(48, 48, 48, 24) == 1
    assert whole.macs == 1600 * one.macs
    assert whole.macs / 1e9 / PAPER["ipt"].gmacs == pytest.approx(0.751, abs=0.001)


@pytest.mark.parametrize(("height", "width"), [(48, 48), (20, 50), (97, 64)])
def test_ipts_patches_are_as_many_as_it_restores(height, width):
    config = IPT.presets()["small"]
    network = weightless(lambda: IPT.build(config)).eval()
    image = torch.empty(1, 3, height, width, device="meta")

    counted = count_macs(lambda x: restore_patches(network, x, config.stride), image)

    assert IPT.cost("small", height, width).macs == counted


def test_arcnns_padding_counts():
    """Valid convolutions over the padded image: 9x9, 7x7, 1x1, 5x5."""
    height, width = 20, 33
    expected = sum(
        i * o * k * k * (height + margin) * (width + margin)
        for i, o, k, margin in ((3, 64, 9, 10), (64, 32, 7, 4), (32, 16, 1, 4), (16, 3, 5, 0))
    )

    assert ARCNN.cost("published", height, width).macs == expected


def test_the_largest_network_is_counted_without_its_weights():
    network = weightless(lambda: QGAC.build(QGAC.presets()["published"]))

    assert all(p.is_meta for p in network.parameters())


def test_a_constructor_that_computes_loses_its_weights_afterwards():
    def build():
        layer = torch.nn.Linear(3, 3)
        assert layer.weight.sum().item() < 99
        return layer

    assert weightless(build).weight.is_meta


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_trial_restores_an_image_of_any_size(network):
    preset = "small" if "small" in network.presets() else "published"
    torch.manual_seed(0)

    for height, width in ((16, 16), (19, 37)):
        restored = network.trial(preset, height, width, "cpu")()
        image = getattr(restored, "image", restored)  # DAGN and DMCNN say more than the image
        image = image[0] if isinstance(image, tuple) else image  # so does FBCNN

        assert image.shape == (1, 3, height, width)
        assert image.isfinite().all()
        assert not image.requires_grad


def test_an_example_of_a_file_has_the_shapes_of_one():
    real, image = inputs(jpeg(19, 37))
    noise, made = jpeg_example(19, 37)

    assert noise.shape == image.shape
    assert (made.ratio, made.size) == (real.ratio, real.size)
    for part in ("luma", "chroma", "tables"):
        assert getattr(made, part).shape == getattr(real, part).shape


def test_every_restorer_with_a_network_can_be_counted():
    known = registry.restorers()
    with_network = {name for name in known if known.get(name).presets()}

    assert with_network >= {network.name for network in NETWORKS}
    assert not with_network & {"jpeg", "original"}


def rows(heading):
    """The cells of the table in the documents whose head begins like this, by network."""
    text = (DOCS / "explanation" / "baselines.md").read_text(encoding="utf-8")
    lines = text[text.index(f"| {heading} |") :].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name.split()[0].lower(): numbers for name, *numbers in cells}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_documents_tables_are_what_is_counted(network):
    cost = published(network)
    figures = f"{cost.parameters / 1e6:.2f} {cost.macs / 1e9:.1f} {cost.macs_by_output / 1e9:.1f}"
    assert rows("published size")[network.name][:3] == figures.split()

    preset = "small" if "small" in network.presets() else "published"
    cost = network.cost(preset, 240, 320)
    figures = f"{cost.parameters / 1e6:.2f} {cost.macs / 1e9:.1f}"
    assert rows("preset `small`")[network.name][:2] == figures.split()
