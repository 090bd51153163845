"""DAGN, the whole network of Sec. III-B and Fig. 7."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UserError
from restorers.architectures.dagn.autoencoders import (
    InsensitiveAutoEncoder,
    PooledMLP,
    ResNetEncoder,
    SensitiveAutoEncoder,
)
from restorers.architectures.dagn.config import MULTIPLE, PUBLISHED, QUALITIES, DAGNConfig
from restorers.architectures.dagn.encoder import BaseEncoder
from restorers.architectures.dagn.fusion import CrossFeatureFusion
from restorers.architectures.dagn.guidance import Guidance, GuidedDecoder, Guider
from restorers.architectures.dagn.start import initialise
from restorers.common.blending import tiled
from restorers.common.colour import to_pixels, to_tensor
from restorers.common.tiling import Tile


class Restoration(NamedTuple):
    """What DAGN returns.

    Attributes:
        image: (N, 3, H, W), not clamped.
        qf_logits: of the quality factors 1..100, (N, 100); None without the compression-sensitive
            guidance module, and with the authors' weights. A told QF does not change them.
    """

    image: Tensor
    qf_logits: Tensor | None


class DAGNNetwork(nn.Module):
    """F_dagn of Eq. 14 as its authors released it, and a QF predictor and a told QF of ours.

    For stage 3: encoders and QF predictor are frozen, the rest (theta_res) is not. Encoders
    trained in stages 1 and 2 come in by `adopt`. Frozen means: no gradient, and batch
    normalization keeps its statistics in training mode too.

    Attributes:
        config: its size and modules.
    """

    def __init__(self, config: DAGNConfig = PUBLISHED) -> None:
        super().__init__()
        self.config = config
        self.base_encoder = BaseEncoder(config)
        self.decoder = GuidedDecoder(config)
        if config.cigm or config.cfm:
            self.insensitive_encoder = ResNetEncoder(config, config.bottleneck)
        if config.cigm:
            self.insensitive_guider = Guider(config)
        if config.cfm:
            self.fusion = CrossFeatureFusion(config)
        if config.csgm:
            self.sensitive_encoder = ResNetEncoder(config, config.bottleneck)
            self.sensitive_guider = Guider(config)
        initialise(self, self._frozen())
        if self.tells_qf:
            self.qf_predictor = PooledMLP(config, QUALITIES)
            # Row 0 stays zero: not told. At zero elsewhere too, it changes nothing until trained.
            self.told_qf = nn.Embedding(QUALITIES + 1, config.guider[0], padding_idx=0)
            nn.init.zeros_(self.told_qf.weight)
        for part in self._frozen():
            part.requires_grad_(False)
        self.train()

    def parts(self) -> dict[str, nn.Module]:
        """The sub-modules a blind restoration depends on, by name: Table III's parameters.

        The QF predictor only reports, the embedding of a told QF is an addition of ours, and the
        auto-encoders' decoders and discriminator are not in this network at all.
        """
        reporting = {"qf_predictor", "told_qf"}
        return {name: part for name, part in self.named_children() if name not in reporting}

    def guiders(self) -> list[Guider]:
        """Those that its variant has."""
        return [part for part in self.children() if isinstance(part, Guider)]

    def adopt(
        self,
        insensitive: InsensitiveAutoEncoder | None = None,
        sensitive: SensitiveAutoEncoder | None = None,
    ) -> None:
        """Copy the encoders (and the QF predictor) that stages 1 and 2 have trained.

        Raises:
            ValueError: this variant has no place for one of them.
        """
        if insensitive is not None:
            if not (self.config.cigm or self.config.cfm):
                raise ValueError("this variant of DAGN has no compression-insensitive encoder")
            _copy(insensitive.encoder, self.insensitive_encoder)
        if sensitive is not None:
            if not self.config.csgm:
                raise ValueError("this variant of DAGN has no compression-sensitive encoder")
            _copy(sensitive.encoder, self.sensitive_encoder)
            if self.tells_qf:
                self.qf_predictor.load_state_dict(sensitive.qf_predictor.state_dict())

    def train(self, mode: bool = True) -> DAGNNetwork:
        """Training or evaluation mode; the frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self._frozen():
            part.eval()
        return self

    def forward(self, image: Tensor, qf: Tensor | None = None) -> Restoration:
        """Restore images of any size, blind or told the quality factor.

        Args:
            image: compressed images, (N, 3, H, W), 0..1.
            qf: their quality factors, (N,) integers 1..100; 0 for one that is not known. None:
                blind, the network of the paper.

        Raises:
            UserError: a QF was told to a variant without compression-sensitive guidance, or to
                the authors' weights.
        """
        return self.tiled(image, qf, None)

    def tiled(self, image: Tensor, qf: Tensor | None, tile: Tile | None) -> Restoration:
        """As `forward`, tile by tile, all with the guidance of the whole image.

        Args:
            image: see `forward`.
            qf: see `forward`.
            tile: how to cut the images; None: not at all.
        """
        height, width = image.shape[2:]
        padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        padded = F.pad(image, padding, mode="replicate")
        guidance = self.guidance(padded, qf, tile)
        decoded = tiled(lambda part: self.decode(part, guidance), padded, tile, MULTIPLE)
        return Restoration(decoded[:, :, :height, :width], guidance.qf_logits)

    def guidance(
        self, padded: Tensor, qf: Tensor | None = None, tile: Tile | None = None
    ) -> Guidance:
        """The guidance of whole images; arguments and errors as `forward`'s.

        Args:
            padded: (N, 3, H, W), 0..1, of any size; `forward` gives multiples of 16.
            qf: see `forward`.
            tile: how `decode` will cut them. The encoders need a sixth of its memory, so they
                see tiles twice as large, put together before anything is pooled.
        """
        large = None if tile is None else Tile(2 * tile.side, tile.side)
        config = self.config
        if qf is not None:
            self._check_tellable()
        insensitive = sensitive = fusion = logits = None
        if config.cigm or config.cfm:
            with torch.no_grad():
                features = tiled(self.insensitive_encoder, padded, large, MULTIPLE, MULTIPLE)
            insensitive = self.insensitive_guider(features) if config.cigm else None
            fusion = self.fusion.summarise(features) if config.cfm else None
        if config.csgm:
            with torch.no_grad():
                features = tiled(self.sensitive_encoder, padded, large, MULTIPLE, MULTIPLE)
                logits = self.qf_predictor(features) if config.qf else None
            embedded = None if qf is None else self.told_qf(qf)
            sensitive = self.sensitive_guider(features, embedded)
        return Guidance(insensitive, sensitive, fusion, logits)

    def decode(self, padded: Tensor, guidance: Guidance) -> Tensor:
        """Restore images or tiles with given guidance.

        Args:
            padded: (N, 3, H, W), 0..1, H and W multiples of 8.
            guidance: of the images, or of those the tiles are from.

        Returns:
            (N, 3, H, W), not clamped.
        """
        features, skips = self.base_encoder(padded)
        if guidance.fusion is not None:
            features = self.fusion(features, *guidance.fusion)
        image: Tensor = self.decoder(features, skips, guidance.sensitive, guidance.insensitive)
        return image

    @property
    def tells_qf(self) -> bool:
        """Whether it predicts the quality factor and can be told it."""
        return self.config.csgm and self.config.qf

    def _check_tellable(self) -> None:
        if not self.config.csgm:
            raise UserError(
                "This variant of DAGN has no compression-sensitive guidance and cannot be told the "
                "quality factor; run it blind, or take the variant csgm or dagn."
            )
        if not self.config.qf:
            raise UserError(
                "The weights of DAGN's authors know no quality factor: run them blind, without "
                "known_qf. Weights of `harness train` can be told it."
            )

    def _frozen(self) -> list[nn.Module]:
        names = ("insensitive_encoder", "sensitive_encoder", "qf_predictor")
        return [part for name, part in self.named_children() if name in names]


def _copy(trained: ResNetEncoder, encoder: ResNetEncoder) -> None:
    """An encoder's weights; its bottleneck's only where the other has one too."""
    state = trained.state_dict()
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})


def expected_qf(logits: Tensor) -> Tensor:
    """The expectation of the predicted quality factor, (N, 100) logits to (N,), 1..100."""
    qualities = torch.arange(1, QUALITIES + 1, dtype=logits.dtype, device=logits.device)
    return logits.softmax(dim=1) @ qualities


def restore(
    network: DAGNNetwork, pixels: NDArray[np.uint8], qf: int | None, tile: Tile | None = None
) -> tuple[NDArray[np.uint8], float | None]:
    """The restored image and the expectation of the predicted quality factor.

    Args:
        network: in evaluation mode.
        pixels: (height, width, 3) uint8 RGB.
        qf: what to tell it; None: blind.
        tile: how to cut the image; None: not at all.

    Returns:
        (height, width, 3) uint8 RGB, and 1..100, or None where no QF is predicted.
    """
    with torch.inference_mode():
        device = next(network.parameters()).device
        image = to_tensor(pixels, device)
        known_qf = None if qf is None else torch.tensor([qf], device=device)
        restored = (
            network(image, known_qf) if tile is None else network.tiled(image, known_qf, tile)
        )
        logits = restored.qf_logits
        predicted = None if logits is None else float(expected_qf(logits)[0])
        return to_pixels(restored.image, pixels), predicted
