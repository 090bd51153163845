"""Matlab files: the authors' own DnCNN-3 and AR-CNN weights, both on luma.

Zhang, Zuo, Chen, Meng, Zhang: "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image
Denoising", IEEE Transactions on Image Processing 2017; DnCNN-3 is its network for denoising,
super-resolution and deblocking at any quality factor. The network is spandrel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.plugins import Restorer
from restorers.checkpoints.format import fill
from restorers.formats.base import Loaded, NetworkFile

if TYPE_CHECKING:
    from h5py import Dataset  # type: ignore[import-untyped]
    from torch import Tensor

_HDF5 = b"MATLAB 7.3 MAT-file"
"""How Matlab files of version 7.3 begin; later on they are HDF5."""

MOST_STORED = 2 << 20
"""Bytes of an array in a file of version 7.3: what is compressed inflates to a thousand times as
many at most."""

MOST_VALUES = 1 << 24
"""Of an array; those of DnCNN-3 have 36 864 at most."""

_SHUFFLE, _DEFLATE, _CHECKSUM = 2, 1, 3  # HDF5's numbers of filters

Convolution = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Filters (outputs, inputs, kernel, kernel) and biases (outputs,)."""


class Matlab(NetworkFile):
    """DnCNN-3 from its authors' file: one network for all quality factors, which it is not told.

    A file of AR-CNN's authors opens as the restorer arcnn.
    """

    kind: ClassVar[str] = "dncnn"
    library: ClassVar[str] = "spandrel"
    year = 2017

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the file's name ends with ``.mat``."""
        return path.is_file() and path.suffix.lower() == ".mat"

    @classmethod
    def open(cls, path: Path, *, nearest_qf: bool = False, tile: int | None = None) -> Restorer:
        """The restorer of a Matlab file.

        Args:
            path: of the file.
            nearest_qf: see `Restorer.make`; DnCNN-3 needs no such thing.
            tile: see `Restorer.make`.

        Raises:
            UserError: the file cannot be read, or is of neither.
        """
        if _is_hdf5(path):
            return cls(path, tile)
        from restorers.architectures.arcnn import ARCNN
        from restorers.architectures.arcnn.matlab import is_authors

        if not is_authors(path):
            raise UserError(
                f"{path} holds neither DnCNN-3 nor AR-CNN as their authors saved them. "
                "Other networks' weights run from .pth, .safetensors or .onnx files."
            )
        return ARCNN.make(str(path), nearest_qf=nearest_qf, tile=tile)

    def load(self) -> Loaded:
        """See `NetworkFile`."""
        import torch
        from spandrel.architectures.DnCNN import DnCNN

        layers = read_layers(self.path)
        width = layers[0][0].shape[0]
        network = DnCNN(in_nc=1, out_nc=1, nc=width, nb=len(layers), act_mode="R")
        state: dict[str, Tensor] = {}
        for index, (filters, biases) in enumerate(layers):
            state[f"model.{2 * index}.weight"] = torch.from_numpy(filters)
            state[f"model.{2 * index}.bias"] = torch.from_numpy(biases)
        fill(network, state, self.path, "DnCNN-3 (3×3 convolutions on one channel)")
        network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        return Loaded(network.to(self._device), channels=1)


def read_layers(path: Path) -> list[Convolution]:
    """The convolutions of a network that MatConvNet saved in a Matlab file of version 7.3.

    Its ``net.layers`` are convolutions with a border of one zero and stride one, ReLUs between.
    HDF5 holds Matlab's column-major arrays with their axes reversed, and drops the last of size
    one: filters are ([outputs,] inputs, column, row).

    Raises:
        UserError: the file is damaged, or holds another network.
    """
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError as error:
        raise UserError(
            f"{path} is a Matlab file of version 7.3, which needs h5py: pip install h5py."
        ) from error
    try:
        with h5py.File(path) as file:
            layers = [file[reference] for reference in _values(file["net/layers"])]
            kinds = ["".join(map(chr, _values(layer["type"]))) for layer in layers]
            if kinds != ["conv", *["relu", "conv"] * (len(kinds) // 2)]:
                raise ValueError(f"its layers are {', '.join(dict.fromkeys(kinds))}")
            return [_convolution(file, layer) for layer in layers[::2]]
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error.args[0] if error.args else error).split())[:200]
        raise UserError(
            f"{path} holds no DnCNN-3 as its authors saved it ({reason}). Give their DnCNN3.mat."
        ) from error


def _values(array: Dataset) -> NDArray[Any]:
    """All values of an array, in a row.

    Raises:
        ValueError: it is none, has more than `MOST_VALUES`, or may inflate without a bound.
    """
    plist = array.id.get_create_plist() if hasattr(array, "shape") else None
    if plist is None:
        raise ValueError("it has something else where an array belongs")
    filters = sorted(plist.get_filter(number)[0] for number in range(plist.get_nfilters()))
    if array.size > MOST_VALUES or (filters and array.id.get_storage_size() > MOST_STORED):
        raise ValueError("an array has more values than any of DnCNN-3")
    if filters.count(_DEFLATE) > 1 or not {*filters} <= {_SHUFFLE, _DEFLATE, _CHECKSUM}:
        raise ValueError("an array is compressed in a strange way")
    return np.ravel(array)


def _convolution(file: Mapping[object, Dataset], layer: Mapping[str, Dataset]) -> Convolution:
    for name in ("pad", "stride"):
        if set(_values(layer[name])) != {1}:
            raise ValueError(f"a convolution has another {name} than 1")
    filters, biases = (
        _values(file[r]).astype(np.float32).reshape(file[r].shape)
        for r in _values(layer["weights"])
    )
    if filters.ndim == 3:
        filters = filters[None]
    return np.ascontiguousarray(filters.transpose(0, 1, 3, 2)), biases.ravel()


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_HDF5)) == _HDF5
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
