"""The sizes of a DAGN and which of its three modules it has; imports no torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from harness.errors import UserError

MULTIPLE = 16
"""Heights and widths are padded to a multiple of this: the modified ResNet's stride."""

POOLED = (1, 2, 4, 8)
"""Output sizes k x k of the cross-feature fusion's pyramid pooling (text above Eq. 10)."""

QUALITIES = 100
"""Classes of the QF predictor: QF 1 to 100."""


@dataclass(frozen=True)
class DAGNConfig:
    """One DAGN. The defaults are the published size.

    Attributes:
        widths: channels of the four scales, full resolution first (Sec. III-B.1).
        blocks: residual blocks in a scale, and guidance blocks of each kind in a DAGB (Eq. 11).
        encoder_width: of the first stage of the two modified ResNet encoders; their features have
            32 times as many channels.
        encoder_depths: bottlenecks in the encoders' stages (ResNet-50).
        guider: widths of the first two of a guider's three layers (Sec. III-B.2).
        fusion: channels of queries, keys and values (Eq. 10).
        bottleneck: channels of the convolution behind an encoder's features, which the
            auto-encoders decode from. Restoring does not use it: 0 leaves it out of the network.
        qf: the network predicts the quality factor and can be told it. Ours: the authors' cannot.
        momentum: share of a batch in the running statistics of the residual blocks' batch
            normalization (PyTorch's convention); makes no difference once trained.
        cigm: compression-insensitive guidance module, (beta_i, gamma_i) of Eq. 12.
        csgm: compression-sensitive guidance module, (epsilon_i, eta_i) of Eq. 13.
        cfm: cross-feature fusion module, Eq. 10.
    """

    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks: int = 4
    encoder_width: int = 64
    encoder_depths: tuple[int, int, int, int] = (3, 4, 6, 3)
    guider: tuple[int, int] = (512, 512)
    fusion: int = 256
    bottleneck: int = 8
    qf: bool = True
    momentum: float = 0.9
    cigm: bool = True
    csgm: bool = True
    cfm: bool = True

    @property
    def features(self) -> int:
        """Channels of the compression-insensitive and -sensitive features (2048 as published)."""
        return 32 * self.encoder_width

    @property
    def concatenates(self) -> bool:
        """Fusion alone: the authors' variant 100 concatenates where the whole network adds."""
        return self.cfm and not (self.cigm or self.csgm)

    @property
    def guided_widths(self) -> tuple[int, int, int]:
        """Channels of the three DAGBs, D / 2^i for i = 1, 2, 3."""
        return self.widths[2], self.widths[1], self.widths[0]


PUBLISHED = DAGNConfig()
"""The authors': 109.91 M parameters."""

BOTTLENECK = 8
"""Channels the auto-encoders of stages 1 and 2 decode from, at every size, as in the release."""

SMALL = DAGNConfig(
    widths=(16, 32, 64, 96),
    blocks=2,
    encoder_width=16,
    encoder_depths=(1, 1, 1, 1),
    guider=(64, 64),
    fusion=48,
    bottleneck=0,
    momentum=0.1,  # 0.9 forgets all but the last batch: fit for 256 patches, not for a dozen
)
"""Every structure kept, narrower and with fewer blocks: for two CPU cores."""

TINY = replace(SMALL, widths=(8, 16, 32, 64))
"""Smaller still: of this size there are five for Table V."""

PRESETS: Mapping[str, DAGNConfig] = MappingProxyType(
    {"published": PUBLISHED, "small": SMALL, "tiny": TINY}
)
"""Sizes, by name."""

VARIANTS: Mapping[str, tuple[bool, bool, bool]] = MappingProxyType(
    {
        "baseline": (False, False, False),
        "cigm": (True, False, False),
        "csgm": (False, True, False),
        "cfm": (False, False, True),
        "dagn": (True, True, True),
    }
)
"""Table V's columns: (cigm, csgm, cfm), by name."""

T = TypeVar("T")


def configure(preset: str = "published", variant: str = "dagn") -> DAGNConfig:
    """The DAGN of a size (a key of `PRESETS`) and of a column of Table V (a key of `VARIANTS`).

    Raises:
        UserError: one of them does not exist.
    """
    cigm, csgm, cfm = _named(VARIANTS, variant, "variant")
    return replace(_named(PRESETS, preset, "preset"), cigm=cigm, csgm=csgm, cfm=cfm)


def _named(known: Mapping[str, T], name: str, what: str) -> T:
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UserError(f"DAGN has no {what} named {name}: {hint}There are: {', '.join(known)}.")
