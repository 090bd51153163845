"""The authors' own AR-CNN weights, as their Matlab code reads them.

A file has, per layer, ``weights_conv<n>`` of (inputs, kernel², outputs) and ``biases_conv<n>``;
n is 1, 2, 22 and 3 from first to last. Matlab's arrays are column-major, within a filter too.
The network works on luma in studio range, Y/255, and ``imfilter(..., 'replicate')`` continues the
border of every layer's input, not of the image alone (0.09 dB less on LIVE1 at QF 10).
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from harness.assets.reading import read_regular
from harness.errors import UserError
from restorers.architectures.arcnn.network import CHANNELS, KERNELS, ARCNNNetwork

LAYERS = ("1", "2", "22", "3")
"""What the authors call the four convolutions."""


MOST_INFLATED = 256 << 20
"""Bytes that a file may have, and its compressed arrays together; AR-CNN's take half a megabyte."""

_HEADER = 128
_COMPRESSED = 15  # miCOMPRESSED of Matlab's format


def read_arrays(path: Path) -> dict[str, object] | None:
    """The arrays of a Matlab file up to version 7; None: it is no such file.

    Raises:
        UserError: it cannot be read, or inflates to more than `MOST_INFLATED`.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        data = read_regular(path, MOST_INFLATED)
        if _inflates_beyond(data, MOST_INFLATED):
            raise UserError(
                f"The weights {path} inflate to more than {MOST_INFLATED} bytes, which is all that "
                "is read. Give the AR-CNN authors' own file."
            )
        arrays: dict[str, object] = loadmat(io.BytesIO(data))
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from error
    except (MatReadError, NotImplementedError, ValueError, TypeError, IndexError, zlib.error):
        # 7.3 is another format, HDF5; older SciPys fail by an index on a file of a few bytes.
        return None
    return arrays


def _inflates_beyond(data: bytes, most: int) -> bool:
    """Whether the compressed elements of a Matlab file have more bytes than ``most`` together."""
    order = ">" if data[_HEADER - 2 : _HEADER] == b"MI" else "<"
    at = _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind == _COMPRESSED:
            try:
                inflated = zlib.decompressobj().decompress(data[at + 8 : at + 8 + size], most + 1)
            except zlib.error:
                return False  # damaged: read no further than this, as scipy will find
            most -= len(inflated)
            if most < 0:
                return True
        at += 8 + size
    return False


def load(path: Path) -> ARCNNNetwork:
    """The network in the authors' file.

    Raises:
        UserError: the file holds none.
    """
    arrays = read_arrays(path)
    network = ARCNNNetwork(colours=1, replicate=True)
    widths = (1, *CHANNELS, 1)
    try:
        if arrays is None:
            raise ValueError("it is no Matlab file of a version up to 7")
        with torch.no_grad():
            for name, layer, inputs, outputs, kernel in zip(
                LAYERS, network.layers, widths[:-1], widths[1:], KERNELS, strict=True
            ):
                weights = np.asarray(arrays[f"weights_conv{name}"], np.float32)
                biases = np.asarray(arrays[f"biases_conv{name}"], np.float32)
                filters = weights.reshape((inputs, kernel, kernel, outputs), order="F")
                filters = np.ascontiguousarray(filters.transpose(3, 0, 1, 2))
                layer.weight.copy_(torch.from_numpy(filters))  # type: ignore[operator,union-attr]
                layer.bias.copy_(torch.from_numpy(biases.reshape(outputs)))  # type: ignore[operator,union-attr]
    except (KeyError, ValueError, TypeError) as error:
        missing = isinstance(error, KeyError)
        reason = f"it has no {error.args[0]}" if missing else " ".join(str(error).split())
        raise UserError(
            f"{path} does not hold the AR-CNN authors' weights (9-7-1-5, 64-32-16-1 channels): "
            f"{reason}. Give their Matlab file, or weights written by `harness train`."
        ) from error
    return network


def is_authors(path: Path) -> bool:
    """Whether a file has the arrays of AR-CNN, of whatever shape."""
    arrays = read_arrays(path)
    return arrays is not None and all(f"weights_conv{name}" in arrays for name in LAYERS)
