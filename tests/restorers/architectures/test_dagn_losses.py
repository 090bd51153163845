import copy
import math

import pytest
import torch
from dagn_tools import TINY, awake, pair
from torch.nn import functional as F

from restorers.architectures.dagn.autoencoders import Encoded, InsensitiveAutoEncoder
from restorers.architectures.dagn.losses import (
    LEAST_LOG,
    content_loss,
    discriminator_loss,
    insensitive_constraint,
    insensitive_loss,
    restoration_loss,
    sensitive_constraint,
)
from restorers.architectures.dagn.network import DAGNNetwork

QF = torch.tensor([10, 40])


# --- values ---------------------------------------------------------------------------------


def test_equations_5_and_8_written_out():
    c, o = pair()
    decoded_c, decoded_o = c + 0.25, o - 0.5
    none = torch.zeros(0)
    loss = content_loss(Encoded(none, none, decoded_c, decoded_o), c, o)
    assert loss.item() == pytest.approx((0.25 + 0.5) / 2, abs=1e-6)


def test_equation_6_written_out():
    logits_c, logits_o = torch.tensor([[0.3], [-1.2]]), torch.tensor([[2.0], [0.1]])
    probabilities_c, probabilities_o = logits_c.sigmoid(), logits_o.sigmoid()
    expected = sum(
        -math.log(c) + math.log(o) for c, o in zip(probabilities_c, probabilities_o, strict=True)
    ) / (2 * 2)
    assert insensitive_constraint(logits_c, logits_o).item() == pytest.approx(expected, abs=1e-6)
    floored = insensitive_constraint(logits_c, logits_o, LEAST_LOG, LEAST_LOG)
    assert floored.item() == pytest.approx(expected, abs=1e-6)  # nothing is that improbable


def test_equation_9_written_out():
    generator = torch.Generator().manual_seed(0)
    logits_c, logits_o = (2 * torch.randn(2, 100, generator=generator) for _ in range(2))
    total = 0.0
    for logits, qualities in ((logits_c, [10, 40]), (logits_o, [100, 100])):
        for row, quality in zip(logits.softmax(1).tolist(), qualities, strict=True):
            total += sum(abs(p - (k == quality)) for k, p in enumerate(row, start=1))
    expected = total / (2 * 2)
    assert sensitive_constraint(logits_c, logits_o, QF).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["l1", "cross_entropy"])
def test_a_right_prediction_costs_nothing_and_a_neighbouring_class_does(kind):
    right = 100.0 * F.one_hot(QF - 1, 100)
    best = 100.0 * F.one_hot(torch.tensor([99, 99]), 100)
    assert sensitive_constraint(right, best, QF, kind).item() < 1e-6
    assert sensitive_constraint(right, best, QF + 1, kind).item() >= 1 - 1e-6


def test_cross_entropy_still_pulls_where_the_l1_norm_has_given_up():
    pulls = {}
    for kind in ("l1", "cross_entropy"):
        logits = torch.zeros(2, 100)
        logits[:, 70] = 20  # sure, and wrong
        logits.requires_grad_()
        sensitive_constraint(logits, torch.zeros(2, 100), QF, kind).backward()
        pulls[kind] = logits.grad[0, QF[0] - 1].abs().item()
    assert pulls["l1"] < 1e-6 < 0.1 < pulls["cross_entropy"]


def test_equation_14_written_out():
    network = awake(DAGNNetwork(TINY))
    c, o = pair()
    expected = (network(c).image - o).abs().mean().item()
    assert restoration_loss(network, c, o).item() == pytest.approx(expected, abs=1e-6)


# --- bounds ---------------------------------------------------------------------------------


def test_a_sure_discriminator_gains_nothing_more_but_the_encoder_is_still_pulled():
    class Sure(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = torch.nn.Parameter(torch.tensor(50.0))

        def forward(self, features):
            return self.slope * features

    compressed, original = -torch.ones(4, 1), torch.ones(4, 1)
    judge = Sure()
    loss = discriminator_loss(judge, compressed, original)
    loss.backward()
    assert loss.item() == pytest.approx(LEAST_LOG / 2, abs=1e-4)  # bounded
    assert judge.slope.grad.abs() < 1e-12

    compressed.requires_grad_()
    insensitive_constraint(judge(compressed), judge(original), least_log_o=LEAST_LOG).backward()
    assert (compressed.grad < -1).all()


def test_shapes_that_cannot_come_back_are_refused():
    c, o = pair()
    with pytest.raises(ValueError, match="multiple of 16"):
        InsensitiveAutoEncoder(TINY)(c[..., :30], o[..., :30])
    with pytest.raises(ValueError, match="compressed"):
        InsensitiveAutoEncoder(TINY)(c, o[:1])


def test_the_encoder_is_pulled_however_sure_the_discriminator_is_of_compression():
    auto = InsensitiveAutoEncoder(TINY)
    with torch.no_grad():
        auto.discriminator.layers[2].bias -= 50  # log J = -50 on everything
    loss = insensitive_loss(auto, *pair())
    assert loss.constraint.item() == pytest.approx((LEAST_LOG + 50) / 2, abs=0.5)


def test_compressed_images_and_originals_share_their_batch_statistics():
    auto = copy.deepcopy(first := InsensitiveAutoEncoder(TINY).train())
    c, o = pair()
    encoded = auto(c, o)
    together = first.encoder(torch.cat([c, o]))
    assert torch.equal(torch.cat(encoded[:2]), together)
    assert not torch.allclose(encoded.features_c, first.encoder(c))
