"""The guiders (Sec. III-B.2 and 3) and the decoder they guide (Sec. III-B.5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from restorers.architectures.dagn.config import DAGNConfig
from restorers.architectures.dagn.encoder import branch, conv3, residual_blocks

Affine = tuple[Tensor, Tensor]
"""A scale, 0..1, and a bias, -1..1, for each channel: two tensors (N, C)."""


@dataclass(frozen=True)
class Guidance:
    """All that the decoding of an image needs to know of the image as a whole.

    Of fixed size whatever the image's: tiles of an image decoded with the guidance of the whole
    image differ from it at their borders only.

    Attributes:
        insensitive: the three (beta_i, gamma_i), or None.
        sensitive: the three (epsilon_i, eta_i), or None.
        fusion: keys and values of Eq. 10, or None.
        qf_logits: see `network.Restoration`.
    """

    insensitive: list[Affine] | None = None
    sensitive: list[Affine] | None = None
    fusion: tuple[Tensor, Tensor] | None = None
    qf_logits: Tensor | None = None


class Guider(nn.Module):
    """A three-layer MLP: (beta_i, gamma_i) or (epsilon_i, eta_i), i = 1, 2, 3, from features.

    Two layers shared by the three DAGBs; a third for each one's scale, which a sigmoid bounds, and
    for its bias, which tanh bounds.
    """

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        first, second = config.guider
        self.shared1 = nn.Linear(config.features, first)
        self.shared2 = nn.Linear(first, second)
        self.scales = nn.ModuleList(nn.Linear(second, width) for width in config.guided_widths)
        self.biases = nn.ModuleList(nn.Linear(second, width) for width in config.guided_widths)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> list[Affine]:
        """Scales and biases of the three DAGBs.

        Args:
            features: F_cif or F_csf, (N, features, h, w).
            condition: (N, first width), added before the first ReLU (a QF that was told).
        """
        hidden = _apart(self.shared1(features.mean(dim=(2, 3))))
        if condition is not None:
            hidden = hidden + condition
        hidden = _apart(self.shared2(hidden.relu())).relu()
        return [
            (torch.sigmoid(scale(hidden)), torch.tanh(bias(hidden)))
            for scale, bias in zip(self.scales, self.biases, strict=True)
        ]


def _apart(hidden: Tensor) -> Tensor:
    """The same values, whose gradient has no part that is common to all images of the batch.

    What all images want alike, such as smaller scales in the beginning, the last layers' biases
    learn. Let through, it moves every hidden unit the same way, and within a few hundred steps of
    Adam units that are below zero for every image are most of them: they learn nothing any more.

    Args:
        hidden: (N, width), before a ReLU.
    """
    if hidden.requires_grad and len(hidden) > 1:
        hidden.register_hook(_without_mean)  # type: ignore[no-untyped-call]
    return hidden


def _without_mean(gradient: Tensor) -> Tensor:
    return gradient - gradient.mean(dim=0)


class GuidanceBlock(nn.Module):
    """B_cig of Eq. 12 or B_csg of Eq. 13: a residual block whose branch is scaled and shifted."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.body = branch(channels, momentum)

    def forward(self, features: Tensor, affine: Affine | None) -> Tensor:
        """F + scale * conv(RNORM(conv(F))) + bias; unguided the branch alone, as in the release.

        Args:
            features: F, (N, C, H, W).
            affine: (beta_i, gamma_i) of Eq. 12 or (epsilon_i, eta_i) of Eq. 13; None: unguided.
        """
        changed: Tensor = self.body(features)
        if affine is None:
            return changed
        scale, bias = (part[:, :, None, None] for part in affine)
        return features + scale * changed + bias


class DualAwarenessBlock(nn.Module):
    """One DAGB, Eq. 11: B_cig^4(B_csg^4(T_2(F_in + F_sc)))."""

    def __init__(self, inputs: int, outputs: int, config: DAGNConfig) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)  # T_2
        self.sensitive, self.insensitive = (
            nn.ModuleList(GuidanceBlock(outputs, config.momentum) for _ in range(config.blocks))
            for _ in ("sensitive", "insensitive")
        )

    def forward(
        self, features: Tensor, skip: Tensor, sensitive: Affine | None, insensitive: Affine | None
    ) -> Tensor:
        """Twice the size, fewer channels.

        Args:
            features: F_in, (N, C, H, W).
            skip: F_sc, (N, C, H, W).
            sensitive: (epsilon_i, eta_i), the same for all blocks (Eq. 13).
            insensitive: (beta_i, gamma_i), the same for all blocks (Eq. 12).
        """
        features = self.up(features + skip)
        for block in self.sensitive:
            features = block(features, sensitive)
        for block in self.insensitive:
            features = block(features, insensitive)
        return features


class GuidedDecoder(nn.Module):
    """A scale of residual blocks, three DAGBs, and a convolution to the image."""

    def __init__(self, config: DAGNConfig) -> None:
        super().__init__()
        widths = config.widths
        self.first = residual_blocks(widths[3], config)
        self.guided = nn.ModuleList(
            DualAwarenessBlock(widths[3 - i], widths[2 - i], config) for i in range(3)
        )
        self.tail = conv3(widths[0], 3)

    def forward(
        self,
        features: Tensor,
        skips: list[Tensor],
        sensitive: list[Affine] | None,
        insensitive: list[Affine] | None,
    ) -> Tensor:
        """The restored image, (N, 3, H, W), not clamped.

        Args:
            features: of the last scale, fused or not, (N, ``widths[3]``, H / 8, W / 8).
            skips: of `encoder.BaseEncoder`.
            sensitive: the three (epsilon_i, eta_i), or None without that guidance.
            insensitive: the three (beta_i, gamma_i), or None without that guidance.
        """
        features = self.first(features)
        for index, block in enumerate(self.guided):
            features = block(
                features,
                skips[3 - index],
                sensitive[index] if sensitive else None,
                insensitive[index] if insensitive else None,
            )
        image: Tensor = self.tail(features + skips[0])
        return image
