"""What restorers with weights have in common: checkpoints, quality factors, tiles, variants."""

from __future__ import annotations

import re
import threading
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from harness.errors import UserError
from harness.plugins import RGB, Compressed, Restored, Restorer, as_restored
from restorers.checkpoints.format import fill, read_header, read_tensors
from restorers.checkpoints.sources import PUBLISHED, SHIPPED, Cards, CheckpointSource, File, Files
from restorers.common.architecture import Architecture, Config, Network
from restorers.common.tiling import Tile, Tiling, enough_memory, ran_out

KNOWN_QF = "known_qf"
"""The variant that tells a blind network the quality factor."""

_KNOWN_QF_BEFORE = "told"
"""What older studies call it: it is still understood, and tables show it as it was typed."""


class PretrainedRestorer(Architecture[Config, Network], Restorer):
    """A restorer with weights, in float32, on the CPU or where it is placed.

    Variants, joined by ``+``: ``known_qf`` (tell it the QF, if it is blind), and one of

    * a name: ``small`` is the default; the cards of the others are listed by ``harness show``;
    * a path of a weights file, or of a folder with one a quality factor.

    It needs JPEG files (``needs_jpeg``) if its class says so, if the quality factor chooses its
    checkpoint, or if it is told it: all of these mean JPEG's. One blind network for all quality
    factors restores the pixels of any codec.

    Args:
        source: its weights.
        variant: what stands behind the name in tables.
        known_qf: tell it the quality factor.
        nearest_qf: see `Restorer.make`.
        tile: see `Restorer.make`.

    Attributes:
        paper: citation.
        version: bumped whenever the same weights can give other pixels.
        stem: what the names of its cards begin with; its own name where empty.
        default: the variant that ships with the project.
        blind: it can be told the quality factor.
        tiling: how large images are cut.
    """

    paper: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    default: ClassVar[str] = "small"
    thread_safe = True  # tests/abuse/test_thread_safety.py holds it
    blind: ClassVar[bool] = False
    tiling: ClassVar[Tiling] = Tiling()

    def __init__(
        self,
        source: CheckpointSource | None = None,
        variant: str | None = None,
        known_qf: bool = False,
        nearest_qf: bool = False,
        tile: int | None = None,
    ) -> None:
        self.source = source or Cards(self._stem(self.default))
        if variant is not None:
            self.name = f"{type(self).name}:{variant}"
        self.known_qf, self.nearest_qf, self.tile = known_qf, nearest_qf, tile
        by_quality = known_qf or self.source.qualities() is not None
        self.needs_jpeg = type(self).needs_jpeg or by_quality
        self._networks: dict[int | None, Network] = {}
        self._files: dict[int | None, File] = {}
        self._loading = threading.Lock()
        self._device = "cpu"

    @classmethod
    def make(
        cls, variant: str | None = None, *, nearest_qf: bool = False, tile: int | None = None
    ) -> Restorer:
        """See `Restorer.make` and the class."""
        if variant is None:
            return cls(nearest_qf=nearest_qf, tile=tile)
        weights, known_qf = variant, ""
        if not Path(variant).exists():
            parts = variant.split("+")
            known_qf = next((part for part in parts if part in (KNOWN_QF, _KNOWN_QF_BEFORE)), "")
            weights = "+".join(part for part in parts if part not in (KNOWN_QF, _KNOWN_QF_BEFORE))
        if known_qf and not cls.blind:
            raise UserError(
                f"{cls.name} cannot be told the quality factor: leave out '{known_qf}'."
            )
        labels = [_label(weights) if weights else "", known_qf]
        return cls(
            source=cls._source(weights) if weights else None,
            variant="+".join(label for label in labels if label),
            known_qf=bool(known_qf),
            nearest_qf=nearest_qf,
            tile=tile,
        )

    @classmethod
    def _source(cls, named: str) -> CheckpointSource:
        cards = Cards(cls._stem(named))
        if cards.paths():
            return cards
        if Path(named).exists():
            return Files(Path(named))
        known = ", ".join(cls.variants())
        raise UserError(
            f"{cls.name} has no weights named '{named}', and there is no such file or folder. "
            f"Named ones: {known or 'none'}" + (f"; also: {KNOWN_QF}." if cls.blind else ".")
        )

    @classmethod
    def _stem(cls, variant: str) -> str:
        return f"{cls.name}-{variant}" if variant else cls.name

    @classmethod
    def cards(cls) -> list[Path]:
        """The cards of its checkpoints, by name."""
        folders = (SHIPPED, PUBLISHED)
        cards = [path for folder in folders for path in folder.glob(f"{cls.name}-*.yaml")]
        return sorted(cards, key=lambda path: path.name)

    @classmethod
    def variants(cls) -> list[str]:
        """The named weights."""
        stems = (path.stem.removeprefix(f"{cls.name}-") for path in cls.cards())
        names = {re.sub(r"-q\d+$", "", stem) for stem in stems}
        return sorted(name for name in names if not name.lstrip("q").isdecimal())

    @classmethod
    def foreign(cls, path: Path) -> Network:
        """A network from a file that `checkpoint.save` has not written.

        Raises:
            UserError: the file is none that this restorer knows.
        """
        raise UserError(
            f"{path} was not written by `harness train` for {cls.name}. Give such a file."
        )

    @abstractmethod
    def run(self, network: Network, compressed: Compressed, tile: Tile | None) -> RGB | Restored:
        """The restored image.

        Args:
            network: in evaluation mode; several threads run it at once.
            compressed: the image.
            tile: how to cut it; None: whole.
        """

    def spoiled_border(self, network: Network) -> int | None:
        """Pixels next to a border of a tile that what lies beyond can change, at most.

        None, the default: nobody knows, or it is too many. Then nothing is cut unless it is asked
        for (`Restorer.make`), or larger than ``tiling`` says.
        """
        return None

    def place(self, device: str) -> str:
        """See `Restorer.place`."""
        with self._loading:
            self._device = device
            for network in self._networks.values():
                network.to(device)
        return device

    def prepare(self, qf: int) -> None:
        """Load and check the checkpoint for ``qf``, once.

        Raises:
            UserError: there is none, or it is not the file its card names, or another network's.
        """
        key = self._key(qf)
        with self._loading:
            if key not in self._networks:
                self._networks[key] = self.load(self._file(key).path).to(self._device)

    def load(self, path: Path) -> Network:
        """A network from a weights file, in evaluation mode.

        Raises:
            UserError: the file is another network's.
        """
        import torch

        header = read_header(path)
        own = type(self).name
        if header is None:
            network = self.foreign(path)
        elif header.restorer != own:
            raise UserError(
                f"{path} holds weights of {header.restorer}, not of {own}: "
                f"name it {header.restorer}:{path}."
            )
        else:
            network = self.build(header.config)
            fill(network, read_tensors(path), path, f"{own} of the size it says")
        # Channels last is what convolutions on CPUs run fastest on.
        return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def fingerprint(self, qf: int) -> dict[str, str]:
        """Name, version, sha256 of the weights for ``qf``, precision, tiling; loads no torch.

        Raises:
            UserError: there is no checkpoint for ``qf``, or it is not the file its card names.
        """
        file = self._file(self._key(qf))
        parts = {
            "name": type(self).name,
            "version": self.version,
            "weights": file.sha256,
            "precision": "float32",
            "tiling": self.tiling.describe(self.tile),
        }
        # The key is that of the records made before; another one would have them made again.
        return {**parts, "told": "qf"} if self.known_qf else parts

    def restore(self, compressed: Compressed) -> RGB | Restored:
        """The restored image, by the network for ``compressed.qf``.

        Raises:
            UserError: there is no checkpoint for this QF, or it is not the file its card names.
            HarnessError: memory ran out.
        """
        self.prepare(compressed.qf)
        network = self._networks[self._key(compressed.qf)]
        height, width, _ = compressed.pixels.shape
        tile, as_usual = self.tiling.choose(height, width, self.tile), True
        border = self.spoiled_border(network)
        if self.tile is None and border is not None:
            # Smaller tiles are as good where they change nothing, and are said where they are used.
            for smaller in self.tiling.smaller(height, width, tile, border):
                try:
                    return self._restored(network, compressed, tile, as_usual)
                except (MemoryError, RuntimeError) as error:
                    if not ran_out(error):
                        raise
                tile, as_usual = smaller, False
        with enough_memory(tile):
            return self._restored(network, compressed, tile, as_usual)

    def _restored(
        self, network: Network, compressed: Compressed, tile: Tile | None, as_usual: bool
    ) -> RGB | Restored:
        restored = self.run(network, compressed, tile)
        if as_usual or tile is None:
            return restored
        return replace(as_restored(restored), tile=tile.side)

    def _key(self, qf: int) -> int | None:
        """Which checkpoint serves ``qf``: that QF, or None for the one for all."""
        qualities = self.source.qualities()
        if qualities is None:
            return None
        if qf in qualities:
            return qf
        if self.nearest_qf and qualities:
            return min(qualities, key=lambda known: (abs(known - qf), known))
        known = ", ".join(map(str, qualities)) or "none"
        raise UserError(
            f"{self.name} has no checkpoint for QF {qf} (there are: {known}). Ask for one of "
            "these, take the nearest one's with --nearest-qf, or train one with `harness train`."
        )

    def _file(self, key: int | None) -> File:
        if key not in self._files:
            self._files[key] = self.source.file(key)
        return self._files[key]


def _label(variant: str) -> str:
    """What a table calls weights: their name, or their file's without folder and suffix."""
    path = Path(variant)
    return (path.name if path.is_dir() else path.stem) if path.exists() else variant
