"""The network of Dong et al., "Compression Artifacts Reduction by a Deep Convolutional Network".

ICCV 2015, section 3: feature extraction 9x9, feature enhancement 7x7, mapping 1x1,
reconstruction 5x5; 64, 32, 16 and C channels; ReLU between; the image is predicted directly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.assets.prefixes import unwrapped
from harness.errors import UserError
from restorers.checkpoints.format import read_tensors
from restorers.common.colour import to_pixels, to_tensor

CHANNELS = (64, 32, 16)
KERNELS = (9, 7, 1, 5)
MARGIN = sum(kernel // 2 for kernel in KERNELS)
"""How many pixels to each side an output pixel sees: 9."""

STRIP = 1 << 20
"""Pixels restored at once: bounds the memory of the 64 feature maps to about 400 MB."""


class ARCNNNetwork(nn.Module):
    """9-7-1-5 convolutions without padding, ReLU between them.

    The convolutions are "valid", as in the paper's training: no pixel of the loss has seen an
    invented border. For a whole image, `restore` pads the *input*, once.

    Args:
        colours: see below.
        replicate: continue the border of every layer's input instead, as the authors' test code
            does, so that an image keeps its size.

    Attributes:
        colours: image channels in and out (the paper's 1 is luma; 3 is RGB).
        margin: pixels that an image loses on each side.
    """

    def __init__(self, colours: int = 3, replicate: bool = False) -> None:
        super().__init__()
        self.colours = colours
        self.margin = 0 if replicate else MARGIN
        widths = (colours, *CHANNELS, colours)
        self.layers = nn.ModuleList(
            nn.Conv2d(i, o, k, padding=k // 2, padding_mode="replicate")
            if replicate
            else nn.Conv2d(i, o, k)
            for i, o, k in zip(widths[:-1], widths[1:], KERNELS, strict=True)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Restore the interior.

        Args:
            image: (N, C, H, W), 0..1.

        Returns:
            (N, C, H - 2 `margin`, W - 2 `margin`), not clamped.
        """
        for layer in self.layers[:-1]:
            image = F.relu(layer(image), inplace=True)
        restored: Tensor = self.layers[-1](image)
        return restored


def start_at_identity(network: ARCNNNetwork, seed: int) -> None:
    """Initialise so that the network returns its input, bit for bit.

    The first C channels of every layer pass the image through centre taps of weight one: pixel
    values are not negative, so the ReLUs let them through. The other channels get random filters
    (He et al., ICCV 2015) that the last layer weighs with zero until training gives them
    something to say. The first layer's have zero mean: they see edges and noise, not brightness,
    which the image's own channels already carry. The published architecture stays as it is.

    Args:
        network: changed in place.
        seed: of the random filters.
    """
    generator = torch.Generator().manual_seed(seed)
    last = len(network.layers) - 1
    with torch.no_grad():
        for index, layer in enumerate(network.layers):
            weight: Tensor = layer.weight  # type: ignore[assignment]
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            if index == 0:
                weight -= weight.mean(dim=(2, 3), keepdim=True)
            if index == last:
                weight.zero_()
            weight[: network.colours] = 0
            centre = KERNELS[index] // 2
            for channel in range(network.colours):
                weight[channel, channel, centre, centre] = 1


def load(path: Path) -> ARCNNNetwork:
    """A network from a safetensors file, ready for inference.

    Raises:
        UserError: the file is unreadable, or holds another network.
    """
    network = ARCNNNetwork()
    try:
        names = network.state_dict().keys()
        network.load_state_dict(unwrapped(read_tensors(path), lambda t: t.keys() == names))
    except (UserError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} holds no colour ARCNN (9-7-1-5, 64-32-16-3 channels): {reason} "
            "Give weights written by `harness train`."
        ) from error
    # Channels last halves the time of the first layer on CPUs.
    return network.eval().to(memory_format=torch.channels_last)


def restore(network: ARCNNNetwork, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Restore a whole image of any size from 1x1 up.

    The border is replicated: zeros would put a dark frame, that is a strong false edge, around
    every image. Large images go in strips that overlap by what an output pixel sees, so that
    strips change nothing but the memory needed.

    Args:
        network: in evaluation mode.
        pixels: (height, width, 3) uint8 RGB.

    Returns:
        (height, width, 3) uint8 RGB, rounded half to even.
    """
    height, width = pixels.shape[:2]
    rows = max(1, STRIP // width)
    padded = np.pad(pixels, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge")
    restored = np.empty_like(pixels)
    device = next(network.parameters()).device
    with torch.inference_mode():
        for top in range(0, height, rows):
            strip = padded[top : top + rows + 2 * MARGIN]
            kept = pixels[top : top + rows]
            restored[top : top + rows] = to_pixels(network(to_tensor(strip, device)), kept)
    return restored


def restore_plane(network: ARCNNNetwork, plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same for a network of one channel: (height, width) float32, 0..1, not clamped.

    A strip's false border does not reach the rows that are kept.
    """
    height, width = plane.shape
    rows = max(1, STRIP // width)
    restored = np.empty_like(plane)
    device = next(network.parameters()).device
    with torch.inference_mode():
        for top in range(0, height, rows):
            first, last = max(0, top - MARGIN), min(height, top + rows + MARGIN)
            strip = torch.from_numpy(plane[first:last])[None, None].to(device)
            strip = F.pad(strip, (network.margin,) * 4, mode="replicate")
            kept = slice(top - first, top - first + min(rows, height - top))
            restored[top : top + rows] = network(strip)[0, 0, kept].cpu().numpy()
    return restored
