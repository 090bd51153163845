"""The networks trained in one stage, FBCNN above all."""

import numpy as np
import pytest
import torch
from training_tools import Interrupt, common, log, stage, tinted

from harness.assets.cards import checked_file, read_card
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from harness.plugins.training_loop import read_checkpoint
from restorers.architectures.fbcnn import FBCNN
from restorers.checkpoints.format import read_tensors
from restorers.checkpoints.sources import Files
from restorers.common.architecture import built, sized
from restorers.training import single
from restorers.training.batches import PatchBatches, Pool, QualityFactors
from restorers.training.methods import METHODS
from restorers.training.recipe import ImageSource
from restorers.training.validation import restored

pytestmark = pytest.mark.slow

SIZES = {
    "fbcnn": {"widths": [4, 6, 8, 10], "blocks": 1, "qf_width": 8},
    "swinir": {"width": 6, "depths": [2], "heads": [2], "window": 8, "image": 48},
    "ipt": {"width": 4, "patch": 48, "token": 4, "heads": 2, "layers": 1, "stride": 24},
    "dmcnn": {
        "spectral": {"widths": [6, 6], "blocks": [1]},
        "pixel": {"widths": [4, 6], "blocks": [1]},
    },
    "qgac": {"manifold": 2, "blocks": 4, "latent": 2, "frequency": 2, "colour": 4},
}


@pytest.fixture(scope="module")
def recipe(images):
    size = SIZES["fbcnn"]
    return {**common(images), **stage(30, float32_steps=5), "trainer": "fbcnn", "size": size}


@pytest.fixture(scope="module")
def unbroken(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    single.train(recipe, folder, Interrupt())
    return folder


def test_fbcnns_loss_falls_and_it_gains_on_an_image_it_has_not_seen(unbroken):
    rows = log(unbroken)
    measured = read_card(unbroken / "tiny.yaml").measured

    assert np.mean([row["loss"] for row in rows[3:]]) < 0.9 * rows[0]["loss"]
    assert rows[0]["validation_gain_q6"] == 0
    assert measured["validation_q6_psnr"] > measured["validation_q6_psnr_jpeg"] + 0.1


@pytest.mark.parametrize("at", [5, 20])
def test_a_resumed_training_equals_an_unbroken_one_bit_for_bit(recipe, unbroken, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        single.train(recipe, tmp_path, Interrupt(f"step {at} of"))

    card = single.train(recipe, tmp_path, Interrupt())

    assert read_card(card) == read_card(unbroken / "tiny.yaml")
    assert log(tmp_path) == log(unbroken)


def test_a_finished_training_is_not_trained_further(recipe, unbroken, tmp_path):
    lines = Interrupt()
    before = read_card(unbroken / "tiny.yaml")

    single.train(recipe, unbroken, lines)

    assert not any(" step " in line for line in lines.lines)
    assert read_card(unbroken / "tiny.yaml") == before


def test_the_weights_load_back_and_restore_an_image_of_odd_size(unbroken):
    restorer = FBCNN(Files(checked_file(unbroken / "tiny.yaml")[1]))

    found = restorer.restore(Jpeg().compress(tinted(9, 35, 51), 6))

    assert isinstance(found, Restored)
    assert found.pixels.shape == (35, 51, 3)


def test_another_checkpoint_can_be_the_start(recipe, unbroken, tmp_path):
    start = unbroken / "tiny.yaml"
    frozen = {**recipe, **stage(1, lr=1e-12, warm_up=1), "init_from": str(start)}

    card = read_card(single.train(frozen, tmp_path, Interrupt()))

    assert read_card(start).sha256 in card.source
    found = read_checkpoint(tmp_path / "last.pt")["state"]["network"]
    expected = read_tensors(unbroken / "tiny.safetensors")
    assert all(torch.allclose(found[key], expected[key], atol=1e-6) for key in found)


def test_the_finished_network_is_the_average_of_those_of_the_steps(recipe, tmp_path):
    for steps in (1, 2):
        single.train({**recipe, **stage(steps)}, tmp_path / str(steps), Interrupt())
    first, last = (
        read_checkpoint(tmp_path / steps / "last.pt")["state"]["network"] for steps in ("1", "2")
    )

    stored = read_tensors(tmp_path / "2" / "tiny.safetensors")
    past = 1 / 11  # of the second step: n / (n + 10)
    assert not all(torch.allclose(first[key], last[key], atol=1e-4) for key in stored)
    for key in stored:
        assert torch.allclose(stored[key], past * first[key] + (1 - past) * last[key], atol=1e-6)


def test_without_an_average_the_last_network_is_the_finished_one(recipe, tmp_path):
    single.train({**recipe, **stage(3, average=0)}, tmp_path, Interrupt())
    last = read_checkpoint(tmp_path / "last.pt")["state"]["network"]
    stored = read_tensors(tmp_path / "tiny.safetensors")
    assert all(torch.equal(stored[key], last[key]) for key in stored)


def test_half_the_bytes_and_the_card_measures_what_is_written(recipe, unbroken, tmp_path):
    card, path = checked_file(
        single.train({**recipe, **stage(5), "storage": "float16"}, tmp_path, Interrupt())
    )

    whole = (unbroken / "tiny.safetensors").stat().st_size
    assert path.stat().st_size < 0.6 * whole
    assert "BSDS500" not in card.notes + card.licence  # it was not trained on it
    assert card.paper == FBCNN.paper


@pytest.fixture(scope="module")
def drawn(images):
    """A batch with coefficients."""
    return PatchBatches(
        pool=Pool([ImageSource(path=str(images))]),
        side=48,
        qf=QualityFactors(5, 8),
        seed=0,
        coefficients=True,
    ).batch(0, 2)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_starts_at_the_identity_and_every_parameter_learns(name, drawn):
    """A trainable parameter without gradient would stop a training on several devices."""
    method = METHODS[name]
    torch.manual_seed(0)
    network = built(method.restorer, sized(method.restorer, SIZES[name]))
    method.start(network)
    file = Jpeg().compress(tinted(3, 50, 67), 5)

    assert np.array_equal(restored(method.restorer(), network.eval(), file), file.pixels)
    for step in (0, 1):
        network.zero_grad(set_to_none=True)
        method.loss(network.train(), drawn, step)["loss"].backward()
        trained = {k: p for k, p in network.named_parameters() if p.requires_grad}
        assert not [key for key, parameter in trained.items() if parameter.grad is None]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_what_jpeg_took(name, drawn):
    method = METHODS[name]
    torch.manual_seed(0)
    network = built(method.restorer, sized(method.restorer, SIZES[name])).train()
    method.start(network)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for step in range(15):
        loss = method.loss(network, drawn, step)["loss"]
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.1 * abs(losses[0])


@pytest.mark.parametrize("name", METHODS)
def test_a_loss_stays_on_the_networks_device(name, drawn):
    """Torch's device without memory stands for a GPU: what mixes it with the CPU's raises."""
    method = METHODS[name]
    network = built(method.restorer, sized(method.restorer, SIZES[name])).to("meta").train()

    for step in (0, 1):
        loss = method.loss(network, drawn.to(torch.device("meta")), step)["loss"]
        loss.backward()
        assert loss.device.type == "meta"
