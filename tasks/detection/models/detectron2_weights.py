"""Checks of weights files for detectron2, before and after its checkpointer reads them."""

from __future__ import annotations

import hashlib
import pickle
import re
import warnings
from pathlib import Path
from typing import Protocol

from harness.assets.cards import Card
from harness.assets.pickles import load_pickle
from harness.errors import UserError
from tasks.weights import published
from tasks.weights.torch_files import weights_in

SUFFIXES = (".pkl", ".pth")
"""What detectron2's checkpointer tells formats by."""

_ARRAYS = {
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}
"""What a pickle of arrays by name asks for, and nothing that could run code."""

_CONSTANTS = ("num_batches_tracked", "pixel_mean", "pixel_std")
"""What older versions kept among the weights though it is the config's, or nothing's."""


class IncompatibleKeys(Protocol):
    """fvcore's ``_IncompatibleKeys``: what of a file does not fit a network."""

    missing_keys: list[str]
    unexpected_keys: list[str]
    incorrect_shapes: list[tuple[str, tuple[int, ...], tuple[int, ...]]]


def weights_file(name: str, variant: str) -> Path:
    """The file that a user names behind a model's colon.

    Args:
        name: of the model, for messages.
        variant: a path.

    Raises:
        UserError: there is no such file, or it is of another kind.
    """
    path = published.weights_file(name, variant, "weights for detectron2")
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"{path}: detectron2 tells weights by their suffix, {' or '.join(SUFFIXES)}."
        )
    return path


def check_md5(path: Path, card: Card) -> None:
    """Compare a file of detectron2's model zoo with the md5 digits at the end of its URL.

    The digits find a damaged file. They are too few to tell a forged one.

    Raises:
        UserError: it is another file, or cannot be read.
    """
    expected = Path(card.url).stem.rsplit("_", 1)[-1]
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    md5 = digest.hexdigest()
    if not md5.startswith(expected):
        raise UserError(
            f"{path} is not the file its card describes: md5 {md5[:12]}…, expected {expected}…. "
            f"Delete it and `harness fetch {card.name}`."
        )


def refuse_code(path: Path) -> None:
    """Read a file with everything but arrays and numbers by name refused.

    detectron2 reads pickles with Python's own reader, which runs what they ask for.

    Raises:
        UserError: it asks for anything else, is damaged, or cannot be read.
    """
    if path.suffix != ".pkl":
        weights_in(load_pickle(path), path)
        return
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # older files name numpy's modules by their old names
            _Arrays(file, encoding="latin1").load()
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    except Exception as error:  # damaged pickles fail in many ways
        asked = re.search(r"asks for (\S+)", str(error))
        if asked:
            raise UserError(
                f"{path} holds more than arrays ({asked[1]}), and loading that could run code, so "
                "it is not loaded."
            ) from error
        raise UserError(
            f"{path} is no pickle, or a damaged one. Download or copy it again."
        ) from error


def check_fit(odd: IncompatibleKeys | None, weights: Path, published: bool) -> None:
    """Refuse what detectron2's checkpointer only warns of.

    Args:
        odd: what fvcore's checkpointer found; None: nothing.
        weights: the file, for messages.
        published: it is the model zoo's own file for this config, so that an array the network
            has no use for is an old version's, and not another network's.

    Raises:
        UserError: the weights are for another network or other classes.
    """
    if odd is None:
        return
    for name, shape, wanted in odd.incorrect_shapes:
        if "cls_score" in name:
            hint = "are they for other classes?"
        else:
            hint = "are they another network's?"
        raise UserError(
            f"The weights {weights} do not fit the config: '{name}' is of shape {list(shape)}, "
            f"not {list(wanted)}; {hint}"
        )
    missing, extra = (
        [name for name in names if not name.endswith(_CONSTANTS)]
        for names in (odd.missing_keys, odd.unexpected_keys)
    )
    if missing:
        raise UserError(
            f"The weights {weights} do not fit the config: they lack {len(missing)} arrays, "
            f"'{missing[0]}' first; are they another network's, or a backbone's alone?"
        )
    if extra and not published:
        raise UserError(
            f"The weights {weights} do not fit the config: it has no '{extra[0]}'; name the "
            "config they were trained with."
        )


class _Arrays(pickle.Unpickler):
    """Reads pickles of numpy arrays; whatever else one asks for is refused."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return super().find_class(module, name)
