"""Files written by ``harness train``: they say which restorer they are of."""

from __future__ import annotations

from pathlib import Path

from harness.plugins import Restorer, RestorerFormat, registry
from restorers.checkpoints.format import read_header


class OwnCheckpoint(RestorerFormat):
    """A ``.safetensors`` file that names one of the registry's restorers.

    As with ``NAME:path/to/file``, a name that ends with ``q10`` says that the network is for QF 10,
    and at another one it is refused unless ``--nearest-qf`` is given.
    """

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the file says what it is."""
        return path.suffix.lower() == ".safetensors" and read_header(path) is not None

    @classmethod
    def open(cls, path: Path, *, nearest_qf: bool = False, tile: int | None = None) -> Restorer:
        """The restorer that the file names, with its weights.

        Args:
            path: of the file.
            nearest_qf: see `Restorer.make`.
            tile: see `Restorer.make`.

        Raises:
            UserError: it names an unknown restorer, or is none of our files.
        """
        header = read_header(path)
        named = registry.restorers().get(header.restorer if header else "")
        return named.make(str(path), nearest_qf=nearest_qf, tile=tile)
