"""Vision models with their weights in a file: the published one, or one of the user's."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from harness.assets.cards import checked_file, file_sha256
from harness.errors import UserError
from harness.plugins import DataSet, Expected, Prediction, VisionModel

CARDS = Path(__file__).parents[1] / "cards"
"""Cards of the weights that others publish; the files are downloaded when asked for."""


class WeightsModel(VisionModel[Prediction]):
    """A vision model with its weights in a file of the user's. Nothing is read before it is needed.

    Args:
        weights: the file; None only where `_published` finds another.
    """

    def __init__(self, weights: Path | None) -> None:
        self._own = weights
        self._device = "cpu"

    @cached_property
    def _file(self) -> Path:
        return self._own or self._published()

    @cached_property
    def _sha256(self) -> str:
        return file_sha256(self._file)

    def _published(self) -> Path:
        """The published weights, checked.

        Raises:
            UserError: they are missing or are not the file their card describes.
        """
        raise NotImplementedError(f"{self.name} has no published weights")


class PublishedModel(WeightsModel[Prediction]):
    """A vision model whose authors publish weights: ``NAME``, or ``NAME:PATH`` with other ones.

    Its card is ``NAME.yaml`` in `CARDS`.

    Args:
        weights: a file of the user's with weights of the same network; the published ones by
            default.
    """

    thread_safe = True  # the tests of each library's models hold it, with random weights

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__(weights)
        if weights is not None:
            self.name = f"{type(self).name}:{weights.stem}"

    @classmethod
    def make(cls, variant: str | None = None) -> VisionModel[Prediction]:
        """The model with its published weights, or with those in the file ``variant``.

        Raises:
            UserError: there is no such file, or it is of another kind than the model takes.
        """
        return cls() if variant is None else cls(cls._named(variant))

    @classmethod
    def cards(cls) -> list[Path]:
        """The card of the published weights."""
        return [CARDS / f"{cls.name}.yaml"]

    def expected(self, data_set: DataSet, metric: str) -> Expected | None:
        """The published figure, unless the weights are the user's own."""
        return super().expected(data_set, metric) if self._own is None else None

    @classmethod
    def _named(cls, variant: str) -> Path:
        return weights_file(cls.name, variant, "a state dict")

    def _published(self) -> Path:
        return checked_file(self.cards()[0])[1]


def weights_file(name: str, variant: str, kind: str) -> Path:
    """The file that a user names behind a model's colon, ``name:variant``.

    Args:
        name: of the model, for the message.
        variant: a path.
        kind: what the file is to be, such as "a state dict", for the message.

    Raises:
        UserError: there is no such file.
    """
    path = Path(variant).expanduser()
    if not path.is_file():
        raise UserError(
            f"{name}:{variant}: there is no file {path}. Behind the colon comes the path of {kind}."
        )
    return path
