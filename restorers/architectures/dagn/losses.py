"""The losses of DAGN's three training stages (Eqs. 3-9, 14, 15).

A loss here sends gradient to exactly the parameters that its equation updates, so that a training
loop only has to call ``backward`` and step the optimizer of that update.

The paper's norms are sums; here an image's L1 norm is divided by its number of values, so that
lambda = 1 weighs the same whatever the crop's size. The 1/N over the batch is as published.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from restorers.architectures.dagn.autoencoders import (
    Encoded,
    InsensitiveAutoEncoder,
    SensitiveAutoEncoder,
)
from restorers.architectures.dagn.config import QUALITIES
from restorers.architectures.dagn.network import DAGNNetwork

LEAST_LOG = math.log(1e-3)
"""Where the term of Eq. 6 that its player would push to minus infinity stops mattering."""


class StageLoss(NamedTuple):
    """A stage's loss, scalars.

    Attributes:
        total: what Eq. 3 or Eq. 7 descends.
        content: L_cc of Eq. 5 or Eq. 8, without gradient.
        constraint: L_cic of Eq. 6 or L_csc of Eq. 9, without gradient.
        encoded: features (for `discriminator_loss`) and reconstructions, without gradient.
    """

    total: Tensor
    content: Tensor
    constraint: Tensor
    encoded: Encoded


def content_loss(encoded: Encoded, compressed: Tensor, original: Tensor) -> Tensor:
    """L_cc, Eq. 5 and Eq. 8: both kinds of image come back from their features."""
    return 0.5 * (F.l1_loss(encoded.image_c, compressed) + F.l1_loss(encoded.image_o, original))


def insensitive_constraint(
    logits_c: Tensor,
    logits_o: Tensor,
    least_log_c: float = -math.inf,
    least_log_o: float = -math.inf,
) -> Tensor:
    """L_cic, Eq. 6: mean of (-log J(compressed) + log J(original)) / 2.

    Args:
        logits_c: of J on compressed images' features, (N, 1).
        logits_o: of J on originals' features, (N, 1).
        least_log_c: log J(compressed) counts as at least this, without gradient below.
        least_log_o: the same for log J(original).
    """
    log_c = F.logsigmoid(logits_c).clamp(min=least_log_c)
    log_o = F.logsigmoid(logits_o).clamp(min=least_log_o)
    return 0.5 * (log_o - log_c).mean()


def insensitive_loss(
    auto: InsensitiveAutoEncoder, compressed: Tensor, original: Tensor, weight: float = 1.0
) -> StageLoss:
    """Eq. 3: L_cc + lambda_ci L_cic, with gradient to encoder and decoder, none to J.

    Args:
        auto: the compression-insensitive auto-encoder.
        compressed: (N, 3, H, W), 0..1, H and W multiples of 16.
        original: the same images before compression.
        weight: lambda_ci; 1 is best in the paper (Fig. 13).
    """
    encoded = auto(compressed, original)
    judge = auto.discriminator
    still = {name: parameter.detach() for name, parameter in judge.named_parameters()}
    logits_c, logits_o = (functional_call(judge, still, (features,)) for features in encoded[:2])
    content = content_loss(encoded, compressed, original)
    constraint = insensitive_constraint(logits_c, logits_o, least_log_o=LEAST_LOG)
    return _stage_loss(content, constraint, weight, encoded)


def discriminator_loss(judge: nn.Module, features_c: Tensor, features_o: Tensor) -> Tensor:
    """Eq. 4: -L_cic, with gradient to the discriminator J alone.

    Args:
        judge: `InsensitiveAutoEncoder.discriminator`.
        features_c: of compressed images; those of `insensitive_loss` may be used again.
        features_o: of their originals.
    """
    logits_c, logits_o = judge(features_c.detach()), judge(features_o.detach())
    return -insensitive_constraint(logits_c, logits_o, least_log_c=LEAST_LOG)


def sensitive_constraint(
    logits_c: Tensor, logits_o: Tensor, qf: Tensor, kind: Literal["l1", "cross_entropy"] = "l1"
) -> Tensor:
    """L_csc, Eq. 9: predicted distributions of the QF against one-hot ones; originals are QF 100.

    Args:
        logits_c: of P_qf on compressed images' features, (N, 100).
        logits_o: of P_qf on originals' features, (N, 100).
        qf: of the compressed images, (N,) integers 1..100.
        kind: ``l1`` is Eq. 9, the L1 norm between distributions, 0..2. ``cross_entropy`` is not in
            the paper; its gradient does not vanish where the right class has little probability.
    """
    logits = torch.cat([logits_c, logits_o])
    target = torch.cat([qf, torch.full_like(qf, QUALITIES)]) - 1
    if kind == "cross_entropy":
        return F.cross_entropy(logits, target)
    one_hot = F.one_hot(target, QUALITIES).to(logits.dtype)
    return (logits.softmax(dim=1) - one_hot).abs().sum(dim=1).mean()


def sensitive_loss(
    auto: SensitiveAutoEncoder,
    compressed: Tensor,
    original: Tensor,
    qf: Tensor,
    weight: float = 1.0,
    kind: Literal["l1", "cross_entropy"] = "l1",
) -> StageLoss:
    """Eq. 7: L_cc + lambda_cs L_csc, with gradient to encoder, decoder and QF predictor.

    Args:
        auto: the compression-sensitive auto-encoder.
        compressed: (N, 3, H, W), 0..1, H and W multiples of 16.
        original: the same images before compression.
        qf: of the compressed images, (N,) integers 1..100.
        weight: lambda_cs.
        kind: see `sensitive_constraint`.
    """
    encoded = auto(compressed, original)
    content = content_loss(encoded, compressed, original)
    logits_c, logits_o = (auto.qf_predictor(features) for features in encoded[:2])
    constraint = sensitive_constraint(logits_c, logits_o, qf, kind)
    return _stage_loss(content, constraint, weight, encoded)


def restoration_loss(
    network: DAGNNetwork, compressed: Tensor, original: Tensor, qf: Tensor | None = None
) -> Tensor:
    """Eq. 14, the L1 distance of restored and original; Eq. 15 updates theta_res alone.

    Args:
        network: its encoders are frozen.
        compressed: (N, 3, H, W), 0..1.
        original: the same images before compression.
        qf: as `DAGNNetwork.forward`'s; 0 for the samples that shall be restored blind.
    """
    return F.l1_loss(network(compressed, qf).image, original)


def _stage_loss(content: Tensor, constraint: Tensor, weight: float, encoded: Encoded) -> StageLoss:
    detached = Encoded(*(part.detach() for part in encoded))
    total = content + weight * constraint
    return StageLoss(total, content.detach(), constraint.detach(), detached)
