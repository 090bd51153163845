"""What a restorer is: a compressed file in, an RGB image of the same size out."""

from __future__ import annotations

from abc import ABC, abstractmethod
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
    """

    pixels: RGB
    predicted_qf: float | None = None


class Restorer(ABC):
    """Removes compression artifacts.

    Attributes:
        name: what tables print.
        multi_model: one network a QF (the paper's left group of Table IV) or one for all;
            None for the references `original` and `jpeg`, which are no networks.
        year: of its paper; orders the columns of a table.
        reference: the restorer is handed the *uncompressed* image by the pipeline (`original`).
        needs_jpeg: it only understands files of a codec that says ``jpeg``: it reads the file's
            coefficients, or the quality factor is more to it than a number for the record.
    """

    name: str
    multi_model: bool | None = None
    year: int = 9999
    reference: bool = False
    needs_jpeg: bool = False

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
        """The cards of the weights it ships, for ``harness show``."""
        return []

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
