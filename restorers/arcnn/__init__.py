"""ARCNN, the first artifact-reduction network: one small network a quality factor.

Dong, Deng, Loy, Tang: "Compression Artifacts Reduction by a Deep Convolutional Network", ICCV 2015.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets import checked_file
from harness.codec import Compressed
from harness.errors import UserError
from restorers.base import RGB, Restorer

if TYPE_CHECKING:
    from restorers.arcnn.network import Network

VERSION = "1"
"""Bumped whenever the same weights can give other pixels."""

WEIGHTS = Path(__file__).parents[1] / "weights"


class ARCNN(Restorer):
    """ARCNN on RGB, 9-7-1-5, in float32 on the CPU, whole image.

    Args:
        weights: a folder of cards ``arcnn-q<QF>.yaml`` with their safetensors files; the shipped
            ones by default.
    """

    name = "arcnn"
    multi_model = True
    year = 2015

    def __init__(self, weights: Path | None = None) -> None:
        self.weights = WEIGHTS if weights is None else weights
        self._sha256: dict[int, str] = {}
        self._networks: dict[int, Network] = {}

    @classmethod
    def cards(cls) -> list[Path]:
        """The cards of the shipped checkpoints, by QF."""
        return sorted(WEIGHTS.glob("arcnn-q*.yaml"))

    def available(self) -> list[int]:
        """The quality factors there is a checkpoint for."""
        stems = (path.stem.removeprefix("arcnn-q") for path in self.weights.glob("arcnn-q*.yaml"))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def prepare(self, qf: int) -> None:
        """Load and check the checkpoint of ``qf``, once.

        Raises:
            UserError: there is none, or it is not the file its card names.
        """
        if qf in self._networks:
            return
        from restorers.arcnn.network import load

        self._networks[qf] = load(self._checked(qf))

    def fingerprint(self, qf: int) -> dict[str, str]:
        """Name, version, sha256 of the weights of ``qf``, precision and tiling; loads no torch.

        Raises:
            UserError: there is no checkpoint for ``qf``, or it is not the file its card names.
        """
        if qf not in self._sha256:
            self._checked(qf)
        return {
            "name": self.name,
            "version": VERSION,
            "weights": self._sha256[qf],
            "precision": "float32",
            "tiling": "none",
        }

    def restore(self, compressed: Compressed) -> RGB:
        """The restored image, (height, width, 3) uint8 RGB, by the network of ``compressed.qf``.

        Raises:
            UserError: there is no checkpoint for this QF, or it is not the file its card names.
        """
        self.prepare(compressed.qf)
        from restorers.arcnn.network import restore

        return restore(self._networks[compressed.qf], compressed.pixels)

    def _checked(self, qf: int) -> Path:
        """The weights file of ``qf``, its sha256 compared with the card's."""
        card_path = self.weights / f"arcnn-q{qf}.yaml"
        if not card_path.is_file():
            known = ", ".join(map(str, self.available())) or "none"
            # Only the user's own folder is named: this sentence lands in manifests that travel.
            where = "" if self.weights == WEIGHTS else f" in {self.weights}"
            raise UserError(
                f"ARCNN has no checkpoint for QF {qf}{where} (there are: {known}); "
                "ask for one of these, or train one with `harness train`."
            )
        card, path = checked_file(card_path)
        self._sha256[qf] = card.sha256
        return path
