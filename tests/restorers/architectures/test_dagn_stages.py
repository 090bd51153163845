import copy

import pytest
import torch
from dagn_tools import TINY, awake, pair

from restorers.architectures.dagn.autoencoders import InsensitiveAutoEncoder, SensitiveAutoEncoder
from restorers.architectures.dagn.losses import (
    discriminator_loss,
    insensitive_loss,
    restoration_loss,
    sensitive_loss,
)
from restorers.architectures.dagn.network import DAGNNetwork

QF = torch.tensor([10, 40])


def reached(module):
    """The children that have a gradient other than zero in any parameter."""
    return {
        name
        for name, child in module.named_children()
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in child.parameters())
    }


def untouched(module):
    return all(parameter.grad is None for parameter in module.parameters())


# --- gradients: where they should, and nowhere else -------------------------------------------


def test_equation_3_reaches_encoder_and_decoder_only():
    auto = InsensitiveAutoEncoder(TINY)
    loss = insensitive_loss(auto, *pair(), weight=2.0)
    loss.total.backward()
    assert reached(auto) == {"encoder", "decoder"}
    assert untouched(auto.discriminator)
    assert loss.total.item() == pytest.approx((loss.content + 2 * loss.constraint).item())
    assert not any(part.requires_grad for part in loss.encoded)
    # and the discriminator is not left frozen behind
    assert all(parameter.requires_grad for parameter in auto.discriminator.parameters())


def test_equation_3_without_constraint_is_an_ordinary_auto_encoder():
    gradients = []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        auto = InsensitiveAutoEncoder(TINY)
        insensitive_loss(auto, *pair(), weight=weight).total.backward()
        gradients.append(
            {name: p.grad for name, p in auto.named_parameters() if "discr" not in name}
        )
    for name, plain in gradients[0].items():
        same = torch.allclose(plain, gradients[1][name], atol=1e-7)
        assert same or name.startswith("encoder."), name  # L_cic does not know the decoder
    assert not torch.allclose(*(g["encoder.conv1.weight"] for g in gradients), atol=1e-7)


def test_equation_4_reaches_the_discriminator_only():
    auto = InsensitiveAutoEncoder(TINY)
    encoded = auto(*pair())
    discriminator_loss(auto.discriminator, encoded.features_c, encoded.features_o).backward()
    assert reached(auto) == {"discriminator"}
    assert untouched(auto.encoder)
    assert untouched(auto.decoder)


@pytest.mark.parametrize("kind", ["l1", "cross_entropy"])
def test_equation_7_reaches_encoder_decoder_and_predictor(kind):
    auto = SensitiveAutoEncoder(TINY)
    sensitive_loss(auto, *pair(), QF, kind=kind).total.backward()
    assert reached(auto) == {"encoder", "decoder", "qf_predictor"}


@pytest.mark.parametrize("told", [False, True])
def test_equation_15_reaches_all_but_the_encoders_and_leaves_their_statistics(told):
    network = awake(DAGNNetwork(TINY)).train()
    frozen = ("insensitive_encoder", "sensitive_encoder", "qf_predictor")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    restoration_loss(network, *pair(), QF if told else None).backward()
    trained = {name for name, _ in network.named_children()} - set(frozen)
    assert reached(network) == (trained if told else trained - {"told_qf"})
    for name in frozen:
        assert untouched(network.get_submodule(name))
    after = network.state_dict()
    changed = {k.split(".")[0] for k, v in before.items() if not torch.equal(v, after[k])}
    assert changed == {"base_encoder", "decoder", "fusion"}  # batch statistics of what is trained


def test_a_sample_restored_blind_teaches_nothing_about_a_told_qf():
    network = awake(DAGNNetwork(TINY))
    restoration_loss(network, *pair(), torch.tensor([0, 40])).backward()
    rows = network.told_qf.weight.grad.abs().sum(dim=1).nonzero().flatten()
    assert rows.tolist() == [40]


# --- a few steps ------------------------------------------------------------------------------


def descend(parameters, loss, steps=12, lr=2e-3):
    optimizer = torch.optim.Adam(parameters, lr)
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        values.append(value.item())
    return values


@pytest.mark.slow
def test_each_stages_loss_falls():
    torch.manual_seed(0)
    c, o = pair(count=4)
    qf = torch.tensor([10, 20, 30, 40])
    first, second, network = (
        InsensitiveAutoEncoder(TINY),
        SensitiveAutoEncoder(TINY),
        DAGNNetwork(TINY),
    )
    features = first(c, o)[:2]
    parts = [*first.encoder.parameters(), *first.decoder.parameters()]
    runs = {
        "Eq. 4": descend(
            first.discriminator.parameters(),
            lambda: discriminator_loss(first.discriminator, *features),
        ),
        "Eq. 3": descend(parts, lambda: insensitive_loss(first, c, o).total),
        "Eq. 7": descend(
            second.parameters(),
            lambda: sensitive_loss(second, c, o, qf, kind="cross_entropy").total,
        ),
        "Eq. 15": descend(
            [p for p in network.parameters() if p.requires_grad],
            lambda: restoration_loss(network, c, o),
        ),
    }
    for name, values in runs.items():
        assert values[-1] < values[0] - 0.005, (name, values)


@pytest.mark.slow
def test_the_encoder_learns_to_deceive_the_discriminator():
    torch.manual_seed(0)
    auto, (c, o) = InsensitiveAutoEncoder(TINY), pair(count=4)
    features = auto(c, o)[:2]
    descend(
        auto.discriminator.parameters(),
        lambda: discriminator_loss(auto.discriminator, *features),
        60,
    )
    judge = copy.deepcopy(auto.discriminator.state_dict())
    seen = []
    descend(
        auto.encoder.parameters(),
        lambda: seen.append(insensitive_loss(auto, c, o, weight=5.0)) or seen[-1].total,
        30,
    )
    assert seen[0].constraint > 0.2  # it could tell them apart ...
    assert seen[-1].constraint < seen[0].constraint / 2  # ... and is losing that
    assert all(torch.equal(judge[k], v) for k, v in auto.discriminator.state_dict().items())
