"""What a restorer is: a compressed file in, an RGB image of the same size out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.plugins.codec import Compressed
from harness.plugins.types import RGB


@dataclass(frozen=True)
class Restored:
    """An image with what the restorer has to say about it.

    Attributes:
        pixels: the restored image.
        predicted_qf: the quality factor that the restorer takes the file to have; None if it
            predicts none. It is kept in the record.
        tile: side of the tiles that the image was cut into because memory ran out, pixels; None
            where it was restored as the fingerprint says. It is kept in the record, too, and
            tables say how many there are.
    """

    pixels: RGB
    predicted_qf: float | None = None
    tile: int | None = None


def as_restored(given: RGB | Restored) -> Restored:
    """What `Restorer.restore` gave: a bare image says nothing of the file."""
    return given if isinstance(given, Restored) else Restored(given)


@dataclass(frozen=True)
class Cost:
    """What one restoration costs.

    Attributes:
        parameters: that the restoration depends on.
        macs: multiply-accumulates.
        macs_by_output: the same with transposed convolutions counted by their output instead of
            their input: what the paper's Table III compares with.
    """

    parameters: int
    macs: int
    macs_by_output: int


class Restorer(ABC):
    """Removes compression artifacts.

    Attributes:
        name: what tables print.
        multi_model: one network a QF (the paper's left group of Table IV) or one for all;
            None for the references `original` and `jpeg`, which are no networks.
        year: of its paper; orders the columns of a table. 9999, after all others, unless it says.
        reference: the restorer is handed the *uncompressed* image by the pipeline (`original`);
            False unless it says.
        needs_jpeg: it only understands files of a codec that says ``jpeg``: it reads the file's
            coefficients, or the quality factor is more to it than a number for the record. False
            unless it says.
        thread_safe: its author promises that several images at a time give what one at a time
            gives. One that does not say so is tried before its first image, where there are
            several workers.
    """

    name: str = ""
    multi_model: bool | None = None
    year: int = 9999
    reference: bool = False
    needs_jpeg: bool = False
    thread_safe: bool = False

    @classmethod
    def make(
        cls, variant: str | None = None, *, nearest_qf: bool = False, tile: int | None = None
    ) -> Restorer:
        """A restorer as ``--restorers NAME`` or ``NAME:VARIANT`` asks for.

        Args:
            variant: what stands behind the colon: weights by name or path, or a way to run.
            nearest_qf: take the checkpoint of the nearest QF where there is none of the right one.
            tile: side of the tiles that images are restored in, pixels; 0: never in tiles; None:
                in tiles where an image is large.

        Raises:
            UserError: there is no such variant.
        """
        if variant is not None:
            raise UserError(f"The restorer {cls.name} has no variants, so not '{variant}'.")
        return cls()

    @classmethod
    def cards(cls) -> list[Path]:
        """The cards of the weights it ships, for ``harness show`` and ``fetch``; none by default.

        One whose card has no ``url`` comes with the package; a restorer with such weights is in
        ``all`` even where it cannot run.
        """
        return []

    @classmethod
    def presets(cls) -> Mapping[str, object]:
        """The sizes of its network by name, for ``harness cost``; none by default: no network."""
        return {}

    @classmethod
    def cost(cls, preset: str, height: int, width: int) -> Cost:
        """Parameters and multiply-accumulates of one restoration, counted without any arithmetic.

        Args:
            preset: a key of `presets`.
            height: of the image, pixels.
            width: of the image, pixels.

        Raises:
            UserError: it has no network, which is the default.
        """
        raise UserError(f"{cls.name} has no network to count.")

    @classmethod
    def trial(cls, preset: str, height: int, width: int, device: str) -> Callable[[], object]:
        """One restoration with random weights, ready to be called again and again, to be timed.

        Args:
            preset: a key of `presets`.
            height: of the image, pixels.
            width: of the image, pixels.
            device: ``cpu``, ``cuda:0``, ``mps``.

        Raises:
            UserError: it has no network, which is the default.
        """
        raise UserError(f"{cls.name} has no network to time.")

    def place(self, device: str) -> str:
        """Run on a device from now on, as far as it can: by default on the CPU, whatever is asked.

        Called before `prepare`. Pixels come from and go to the CPU all the same.

        Args:
            device: as torch names it: ``cpu``, ``cuda:0``, ``mps``.

        Returns:
            Where it runs: ``device``, or ``cpu``.
        """
        return "cpu"

    def prepare(self, qf: int) -> None:  # noqa: B027 - a restorer without weights has nothing to do
        """Load and check whatever restoring at ``qf`` needs, before any image is touched.

        Raises:
            UserError: there is no checkpoint for this QF, or it is not the file its card names.
        """

    @abstractmethod
    def fingerprint(self, qf: int) -> dict[str, str]:
        """Everything that can change a pixel: version, weights' sha256, tiling, precision.

        Raises:
            UserError: there is no checkpoint for this QF.
        """

    @abstractmethod
    def restore(self, compressed: Compressed) -> RGB | Restored:
        """The restored image, same height and width as ``compressed.pixels``.

        Called from several threads at once, each with its own copy of the pixels.
        """


class RestorerFormat(ABC):
    """A kind of weights file that runs as a restorer by path: ``--restorers path/to/file``.

    Declared under the entry-point group ``harness.checkpoints``; the kinds are asked in the order
    of their names, and no file should be accepted by two.
    """

    @classmethod
    @abstractmethod
    def accepts(cls, path: Path) -> bool:
        """Whether a file is of this kind; by suffix and first bytes, without importing torch."""

    @classmethod
    @abstractmethod
    def open(cls, path: Path, *, nearest_qf: bool = False, tile: int | None = None) -> Restorer:
        """The restorer of a file that `accepts` accepts.

        Args:
            path: of the file.
            nearest_qf: see `Restorer.make`.
            tile: see `Restorer.make`.

        Raises:
            UserError: the file is damaged, or cannot restore images.
        """
