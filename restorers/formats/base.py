"""What restorers made of one weights file have in common."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.errors import HarnessError, ImageError, UserError
from harness.plugins import RGB, Compressed, Restored, Restorer, RestorerFormat
from restorers.checkpoints.sources import readable_sha256
from restorers.common.blending import tiled
from restorers.common.colour import Plane, on_luma
from restorers.common.tiling import Tile, Tiling, enough_memory
from restorers.formats.outputs import advice, check_output

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Loaded:
    """A network ready to run.

    Attributes:
        apply: (1, C, H, W) float32, 0..1, to the same; called from several threads at once.
        channels: C: 3 for RGB, 1 for luma.
        multiple: tiles begin at multiples of it.
        size: the only H and W that ``apply`` takes; None: any.
        whole: the network is not run on tiles.
    """

    apply: Callable[[Tensor], Tensor]
    channels: int = 3
    multiple: int = 8
    size: tuple[int, int] | None = None
    whole: bool = False


class NetworkFile(Restorer, RestorerFormat):
    """One file of the user's, for every quality factor, whatever QF its name may say.

    Args:
        path: of the file; its name without suffix is what tables print.
        tile: see `Restorer.make`.

    Attributes:
        kind: of file, for fingerprints.
        library: the distribution that runs it.
        version: bumped whenever the same file can give other pixels.
        tiling: how large images are cut.
    """

    multi_model = False
    kind: ClassVar[str]
    library: ClassVar[str]
    version: ClassVar[str] = "1"
    tiling: ClassVar[Tiling] = Tiling()

    def __init__(self, path: Path, tile: int | None = None) -> None:
        self.name = path.stem
        self.path, self.tile = path, tile
        self._loaded: Loaded | None = None
        self._sha256 = ""
        self._device = "cpu"
        self._loading = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, nearest_qf: bool = False, tile: int | None = None) -> Restorer:
        """A restorer of a file that `accepts` accepts; the file is loaded by `prepare`.

        Args:
            path: of the file.
            nearest_qf: makes no difference: one file serves every QF.
            tile: see `Restorer.make`.

        Raises:
            UserError: the file is damaged, or cannot restore images.
        """
        return cls(path, tile)

    def place(self, device: str) -> str:
        """See `Restorer.place`."""
        with self._loading:
            if device != self._device:
                self._device, self._loaded = device, None
        return device

    @abstractmethod
    def load(self) -> Loaded:
        """The network in the file, on the device that it is placed on.

        Raises:
            UserError: the file is damaged, or cannot restore images.
        """

    def prepare(self, qf: int) -> None:
        """Load the file, once.

        Raises:
            UserError: it is damaged, or cannot restore images.
        """
        with self._loading:
            if self._loaded is None:
                self._loaded = self.load()

    def fingerprint(self, qf: int) -> dict[str, str]:
        """Kind, sha256, library, precision, tiling; loads no network.

        Raises:
            UserError: the file cannot be read.
        """
        with self._loading:
            self._sha256 = self._sha256 or readable_sha256(self.path)
        try:
            library = f"{self.library} {version(self.library)}"
        except PackageNotFoundError:
            library = f"{self.library} (not installed)"
        return {
            "name": self.kind,
            "version": self.version,
            "weights": self._sha256,
            "library": library,
            "precision": "float32",
            "tiling": self.tiling.describe(self.tile),
        }

    def restore(self, compressed: Compressed) -> RGB | Restored:
        """The restored image.

        Raises:
            UserError: see `prepare`.
            ImageError: the network cannot restore an image of this size.
            HarnessError: memory ran out.
        """
        self.prepare(compressed.qf)
        assert self._loaded is not None
        run = self._runner(self._loaded, *compressed.pixels.shape[:2])
        if self._loaded.channels == 3:
            from restorers.common.colour import to_pixels, to_tensor

            image = to_tensor(compressed.pixels, self._device)
            return to_pixels(run(image), compressed.pixels)
        return on_luma(compressed.pixels, compressed.grey, lambda plane: self._on_plane(run, plane))

    def _on_plane(self, run: Callable[[Tensor], Tensor], plane: Plane) -> Plane:
        import torch

        image = torch.from_numpy(plane)[None, None].to(self._device)
        restored: Plane = run(image)[0, 0].cpu().numpy()
        return restored

    def _runner(self, network: Loaded, height: int, width: int) -> Callable[[Tensor], Tensor]:
        """The network for images of a size, in tiles where they are large."""
        import torch

        tile = self._tile(network, height, width)
        apply = self._checked(network, tile)

        def run(image: Tensor) -> Tensor:
            with torch.inference_mode():
                return tiled(apply, image, tile, network.multiple)

        return run

    def _tile(self, network: Loaded, height: int, width: int) -> Tile | None:
        if network.whole:
            return None
        asked = min(network.size) if network.size else self.tile
        tile = self.tiling.choose(height, width, asked)
        grid = network.multiple
        if tile and tile.side // grid < -(-tile.overlap // grid) + 1:
            raise UserError(
                f"Tiles of {tile.side} pixels a side are too small for {self.path}, which works "
                f"on a grid of {grid} pixels: ask for {4 * grid} or more, or for 0."
            )
        return tile

    def _checked(self, network: Loaded, tile: Tile | None) -> Callable[[Tensor], Tensor]:
        """The network at its only size, if it has one, and one sentence for all that goes wrong."""

        def apply(image: Tensor) -> Tensor:
            height, width = image.shape[2:]
            given = padded(image, *network.size) if network.size else image
            try:
                with enough_memory(tile):
                    restored = network.apply(given)
            except HarnessError:
                raise
            except Exception as error:  # another project's code may fail in any way
                raise ImageError(
                    f"{self.path} fails on an image of {width}×{height} pixels: {short(error)}. "
                    f"{advice(network.apply, given, short(error))}"
                ) from error
            check_output(self.path, restored, given)
            return restored[:, :, :height, :width]

        return apply


def padded(image: Tensor, height: int, width: int) -> Tensor:
    """An image continued to the bottom and right: mirrored, and repeated where that ends.

    Args:
        image: (1, C, H, W).
        height: wanted, at least H.
        width: wanted, at least W.
    """
    from torch.nn import functional as F

    bottom, right = height - image.shape[2], width - image.shape[3]
    mirrored = min(bottom, image.shape[2] - 1), min(right, image.shape[3] - 1)
    image = F.pad(image, (0, mirrored[1], 0, mirrored[0]), mode="reflect")
    return F.pad(image, (0, right - mirrored[1], 0, bottom - mirrored[0]), mode="replicate")


def short(error: Exception) -> str:
    """What an error says, on one line; of TorchScript's, whose traceback comes first, the end."""
    text = str(error).strip()
    if "TorchScript" in text:
        text = text.splitlines()[-1]
    return (" ".join(text.split()) or type(error).__name__)[:200].rstrip(".")
