"""What the embedded models have in common: this project trained them, and ships their weights."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.assets.cards import read_card
from harness.plugins import DataSet, Expected, Prediction, VisionModel, own_score
from tasks.scenes import CLASSES
from tasks.weights.checkpoints import load_weights, weights_fingerprint

if TYPE_CHECKING:
    from torch import nn


class Embedded(VisionModel[Prediction]):
    """A model that this project trained on uncompressed `scenes`, fp32, batch 1.

    Args:
        card: card of the weights; those this project ships by default. Nothing is loaded before
            the first prediction.

    Attributes:
        architecture: its version, bumped whenever the same weights could predict something else.
        library: the distribution whose version can change a prediction.
    """

    classes = CLASSES
    thread_safe = True  # tests/abuse/test_thread_safety.py holds it
    architecture: ClassVar[str]
    library: ClassVar[str]

    def __init__(self, card: Path | None = None) -> None:
        self._card = self.cards()[0] if card is None else card
        self._module: nn.Module | None = None
        self._device = "cpu"

    @classmethod
    @abstractmethod
    def cards(cls) -> list[Path]:
        """The card of the shipped weights."""

    def fingerprint(self) -> dict[str, str]:
        """The weights' sha256, the architecture's version and the library's."""
        return weights_fingerprint(self._card, self.architecture, self.library)

    def expected(self, data_set: DataSet, metric: str) -> Expected | None:
        """What it scored on the uncompressed evaluation images after its training."""
        return own_score(read_card(self._card), data_set, metric)

    def place(self, device: str) -> str:
        """See `VisionModel.place`."""
        self._device = device
        if self._module is not None:
            self._module.to(device)
        return device

    def prepare(self) -> None:
        """Load the weights, once.

        Raises:
            UserError: they are missing or are not the file their card describes.
        """
        if self._module is None:
            import torch

            module = self._network()
            load_weights(module, self._card)
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._settle(module)
            self._module = module.to(self._device)

    @abstractmethod
    def _network(self) -> nn.Module:
        """The network, without its weights."""

    def _ready(self) -> nn.Module:
        """The network with its weights."""
        self.prepare()
        assert self._module is not None
        return self._module

    def _settle(self, module: nn.Module) -> None:
        """Fix what a network with its weights would otherwise take from its first image."""
