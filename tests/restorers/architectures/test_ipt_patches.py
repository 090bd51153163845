"""IPT lays its patches together as its authors' program does.

Two references: the authors' program as spandrel carries it, and a plain restatement pixel by pixel.
The network here depends on where in a patch a pixel lies, as IPT's positions do: one that does not
would give the same image however patches are laid together.
"""

import numpy as np
import pytest
import torch

from restorers.architectures.ipt.network import RANGE, restore


class ByPosition(torch.nn.Module):
    """Every place of a patch changes its pixel in its own way, and the patch's mean all of them."""

    def __init__(self, side):
        super().__init__()
        generator = torch.Generator().manual_seed(side)
        self.patch_size, self.scale, self.scale_idx = side, [1], 0
        self.gain, self.offset = (
            torch.rand(3, side, side, generator=generator, dtype=torch.float64) for _ in range(2)
        )

    def forward(self, patches):
        mean = patches.mean(dim=(1, 2, 3), keepdim=True)
        return patches * (0.5 + self.gain) + mean * self.offset


def image_of(height, width):
    return torch.from_numpy(np.random.default_rng(height).random((1, 3, height, width)))


SIZES = [(48, 48), (48, 60), (60, 48), (60, 60), (61, 59), (71, 72), (72, 95), (96, 97), (120, 133)]


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("side", [48, 24])
def test_the_image_is_that_of_the_authors_program(side, size):
    from spandrel.architectures.IPT.__arch.model import Model

    network, image = ByPosition(side), image_of(*size)
    theirs = Model(network).forward_chop(image * RANGE) / RANGE

    ours = restore(network, image, side // 4)

    assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def patches_of(network, image, stride):
    """The outputs by their place: every ``stride`` pixels, and flush with both ends."""
    side = network.patch_size
    starts = [sorted({*range(0, n - side + 1, stride), n - side}) for n in image.shape[2:]]
    return {
        (y, x): network(RANGE * image[:, :, y : y + side, x : x + side])[0]
        for y in starts[0]
        for x in starts[1]
    }


def counting(place, length, side, stride):
    """The starts of the patches that count for a pixel along one axis."""
    margin, left_over = side // 4, (length - side) % stride
    if place >= length - left_over - (side - left_over) // 2:
        return [length - side]
    if place < margin:
        return [0]
    regular = range(0, length - side + 1, stride)
    return [start for start in regular if margin <= place - start < side - margin]


def plainly(network, image, stride):
    """Pixel by pixel."""
    side = network.patch_size
    patches = patches_of(network, image, stride)
    height, width = image.shape[2:]
    result = torch.empty_like(image)
    right = counting(width - 1, width, side, stride)
    for y in range(height):
        for x in range(width):
            rows, columns = (
                counting(place, length, side, stride) for place, length in ((y, height), (x, width))
            )
            corner = y < side // 4 and x < side and (columns != right or 0 in right)
            if corner and rows == [0]:
                columns = [0]
            values = [patches[top, left][:, y - top, x - left] for top in rows for left in columns]
            result[0, :, y, x] = sum(values) / len(values) / RANGE
    return result


@pytest.mark.parametrize("stride", [12, 24])
@pytest.mark.parametrize("size", [(60, 61), (73, 96), (99, 77)], ids="{0[0]}x{0[1]}".format)
def test_the_image_is_that_of_a_plain_restatement_at_either_stride(size, stride):
    network, image = ByPosition(48), image_of(*size)

    ours = restore(network, image, stride)

    assert torch.allclose(ours, plainly(network, image, stride), rtol=0, atol=1e-12)


def test_a_patch_is_the_image_and_smaller_images_are_continued():
    network = ByPosition(48)
    whole, part = image_of(48, 48), image_of(20, 33)

    assert torch.allclose(restore(network, whole, 12), network(whole * RANGE) / RANGE)
    continued = torch.nn.functional.pad(part, (0, 15, 0, 28), mode="replicate")
    assert torch.equal(restore(network, part, 12), restore(network, continued, 12)[..., :20, :33])
