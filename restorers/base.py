"""What a restorer is: a compressed file in, an RGB image of the same size out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.codec import Compressed

RGB = NDArray[np.uint8]
"""An image: (height, width, 3), uint8, RGB, 0..255."""


class Restorer(ABC):
    """Removes compression artifacts.

    Attributes:
        name: what tables print.
        multi_model: one network a QF (the paper's left group of Table IV) or one for all;
            None for the references `original` and `jpeg`, which are no networks.
        year: of its paper; orders the columns of a table.
        reference: the restorer is handed the *uncompressed* image by the pipeline (`original`).
    """

    name: str
    multi_model: bool | None = None
    year: int = 9999
    reference: bool = False

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
    def restore(self, compressed: Compressed) -> RGB:
        """The restored image, same height and width as ``compressed.pixels``.

        Called from several threads at once, each with its own copy of the pixels.
        """
