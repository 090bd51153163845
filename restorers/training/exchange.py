"""What each kind of guidance is worth: restoration with another image's, measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from restorers.architectures.dagn.config import MULTIPLE
from restorers.architectures.dagn.guidance import Guidance
from restorers.architectures.dagn.network import DAGNNetwork
from restorers.common.colour import to_pixels, to_tensor
from restorers.training.validation import psnr

MODULES: Mapping[str, str] = MappingProxyType(
    {"cigm": "insensitive", "csgm": "sensitive", "cfm": "fusion"}
)
"""The modules, as `config.VARIANTS` calls them, and what of a `Guidance` is theirs."""


def exchanged(own: Guidance, other: Guidance, module: str) -> Guidance:
    """The guidance of one image with what one module says of another.

    Args:
        own: of an image.
        other: of another one; fusion's keys and values too are of fixed size.
        module: a key of `MODULES`.
    """
    part = MODULES[module]
    return replace(own, **{part: getattr(other, part)})


def cost_of_exchange(
    network: DAGNNetwork,
    compressed: Sequence[NDArray[np.uint8]],
    originals: Sequence[NDArray[np.uint8]],
    module: str,
) -> list[float]:
    """PSNR that each image loses when it is guided by the next one, dB; the last by the first.

    Args:
        network: in evaluation mode; it has the module.
        compressed: images, (height, width, 3) uint8 RGB, of any sizes.
        originals: the same before compression.
        module: a key of `MODULES`.
    """
    with torch.inference_mode():
        device = next(network.parameters()).device
        images = [to_tensor(pixels, device) for pixels in compressed]
        padded = [
            F.pad(
                image, (0, -image.shape[3] % MULTIPLE, 0, -image.shape[2] % MULTIPLE), "replicate"
            )
            for image in images
        ]
        guides = [network.guidance(image) for image in padded]
        losses = []
        for index, (image, given, original) in enumerate(
            zip(padded, compressed, originals, strict=True)
        ):
            own, other = guides[index], guides[(index + 1) % len(guides)]
            height, width = original.shape[:2]
            right, wrong = (
                psnr(
                    original,
                    to_pixels(network.decode(image, guidance)[:, :, :height, :width], given),
                )
                for guidance in (own, exchanged(own, other, module))
            )
            losses.append(right - wrong)
    return losses
