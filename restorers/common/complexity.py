"""What a network costs: parameters and multiply-accumulates, counted without any arithmetic.

Networks are built and run on PyTorch's ``meta`` device, which knows shapes only, so that even the
largest network at the largest image is counted in a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from restorers.jpeg.dct import BLOCK, FREQUENCIES, Planes

Network = TypeVar("Network", bound=nn.Module)


class Example(NamedTuple):
    """What a network takes for one image.

    Attributes:
        image: (1, 3, H, W), 0..1.
        planes: the coefficients of a JPEG file of that image, for networks in the DCT domain.
    """

    image: Tensor
    planes: Planes | None = None


def count_parameters(modules: nn.Module | Iterable[nn.Module]) -> int:
    """Number of parameters, frozen ones included, buffers not; a shared one counts once."""
    modules = [modules] if isinstance(modules, nn.Module) else modules
    unique = {id(p): p.numel() for module in modules for p in module.parameters()}
    return sum(unique.values())


def count_macs(
    network: Callable[..., object], *inputs: object, transposed_by_output: bool = False
) -> int:
    """Multiply-accumulates of one call: convolutions, linear layers, matrix products, attention.

    Additions alone, activations, normalisation and pooling are not counted, as in the literature.

    Args:
        network: called once, without gradients and in the mode it is in.
        inputs: what it is called with; tensors on the ``meta`` device cost nothing.
        transposed_by_output: count a transposed convolution as kernel x *output* positions. Each
            input position meets each kernel element once, so the true figure goes by the input;
            the profiler `thop` goes by the output, four times as much for 2x2 with stride 2.
            Published figures made with it are comparable with this one only.
    """
    mapping = {torch.ops.aten.convolution: _by_output} if transposed_by_output else None
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
    with counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops() // 2


def macs_as_profiled(network: Callable[..., object], *inputs: object) -> int:
    """Multiply-accumulates of one call as the profiler `thop` 0.1.1 counts them.

    Transposed convolutions by their output (see `count_macs`), four operations for every value
    that batch normalization gives, no products of two activations. Table III's figures of DAGN and
    FBCNN come out of this count.

    Args:
        network: see `count_macs`.
        inputs: see `count_macs`.
    """
    aten = torch.ops.aten
    mapping = {
        aten.convolution: _by_output,
        aten.native_batch_norm: _normalised,
        aten.native_batch_norm.default: _normalised,  # without this it is taken to pieces
        aten.bmm: _free,
    }
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
    with counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops() // 2


def macs_at(
    build: Callable[[], nn.Module], *shapes: tuple[int, ...], transposed_by_output: bool = False
) -> int:
    """Multiply-accumulates of a network in evaluation mode, built and run on ``meta``.

    Args:
        build: makes the network.
        shapes: of its inputs, batch first.
        transposed_by_output: see `count_macs`.
    """
    with torch.device("meta"):
        network = build().eval()
        inputs = [torch.empty(shape) for shape in shapes]
        return count_macs(network, *inputs, transposed_by_output=transposed_by_output)


def weightless(build: Callable[[], Network]) -> Network:
    """A network on ``meta``.

    Some constructors of other projects compute with tensors' values, which ``meta`` has none of:
    their networks are built on the CPU and lose their weights afterwards.
    """
    try:
        with torch.device("meta"):
            return build()
    except (RuntimeError, NotImplementedError):
        return build().to("meta")


def jpeg_example(height: int, width: int) -> Example:
    """A 4:2:0 file of noise as networks in the DCT domain take it, on the default device.

    Returns:
        Its image and its coefficients, of which nothing but their shapes goes together.
    """
    h, w, hc, wc = (-(-side // step) for step in (BLOCK, 2 * BLOCK) for side in (height, width))
    planes = Planes(
        luma=torch.randn(1, FREQUENCIES, h, w),
        chroma=torch.randn(1, 2, FREQUENCIES, hc, wc),
        tables=torch.full((1, 3, FREQUENCIES), 16.0),
        ratio=(2, 2),
        size=(height, width),
    )
    return Example(torch.rand(1, 3, height, width), planes)


def _by_output(
    _input: object,
    weight: Sequence[int],
    *_: object,
    out_shape: Sequence[int] | None = None,
    **__: object,
) -> int:
    """FLOPs (two a multiply-accumulate) of a convolution, by its output whatever its direction."""
    assert out_shape is not None
    # The weight is (in, out / groups, ...) of a transposed convolution and (out, in / groups, ...)
    # of a direct one: its size times the positions is the count either way.
    return int(2 * out_shape[0] * math.prod(out_shape[2:]) * math.prod(weight))


def _normalised(values: Sequence[int], *_: object, **__: object) -> int:
    """FLOPs of batch normalization as `thop` has them, two for each of its four operations."""
    return 8 * math.prod(values)


def _free(*_: object, **__: object) -> int:
    """What `thop` does not see."""
    return 0
