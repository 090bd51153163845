"""TorchScript archives: networks with their code, run by torch's own interpreter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar

from harness.assets.programs import check_trusted, is_torchscript
from harness.errors import ImageError, UserError
from restorers.formats.base import Loaded, NetworkFile

SUFFIXES = (".pt", ".pth", ".ckpt", ".ts", ".torchscript")


class TorchScriptRestorer(NetworkFile):
    """A scripted or traced network.

    It takes (1, 3, H, W) float32 RGB in 0..1 of any H and W, and gives back the same, or a tuple
    that begins with it. It is a program: see `harness.assets.programs`.
    """

    kind: ClassVar[str] = "torchscript"
    library: ClassVar[str] = "torch"

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the file is a TorchScript archive, or has a suffix of its own."""
        suffix = path.suffix.lower()
        return suffix in (".ts", ".torchscript") or (suffix in SUFFIXES and is_torchscript(path))

    def load(self) -> Loaded:
        """See `NetworkFile`.

        Raises:
            UserError: the user does not trust it, or it is damaged.
        """
        import torch
        from torch import Tensor

        check_trusted(self.path)
        try:
            with warnings.catch_warnings():  # torch would rather have files of another kind
                warnings.simplefilter("ignore", FutureWarning)
                network = torch.jit.load(str(self.path), self._device)  # type: ignore[no-untyped-call]
            network = network.eval().float()
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.path} is no TorchScript archive, or a damaged one. Write one with "
                "torch.jit.script(network).save(path)."
            ) from error

        def apply(image: Tensor) -> Tensor:
            restored = network(image)
            first: Tensor = (
                restored[0] if isinstance(restored, tuple | list) and restored else restored
            )
            if not isinstance(first, Tensor):
                raise ImageError(
                    f"{self.path} gives back {_described(restored)}: a network must give back an "
                    "image, or a tuple that begins with it. Wrap it in a module that does."
                )
            return first

        return Loaded(apply)


def _described(answer: object) -> str:
    """What a network returned that is no image, for people."""
    if isinstance(answer, dict):
        return f"a dictionary of {', '.join(map(str, answer)) or 'nothing'}"
    if isinstance(answer, tuple | list):
        kinds = ", ".join(type(part).__name__ for part in answer)
        return f"a {type(answer).__name__} of {kinds or 'nothing'}"
    return f"a {type(answer).__name__}"
