"""What the tests of the DCT domain share: small pictures, their JPEG files, wide-awake networks."""

from io import BytesIO

import numpy as np
import torch
from PIL import Image

from harness.images.jpeg import Jpeg
from harness.plugins import Compressed
from restorers.jpeg.coefficients import read
from restorers.jpeg.dct import tensors


def picture(height, width, seed=0):
    """Coloured waves and a hard-edged box: smooth, textured, and with edges; few clipped pixels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        np.sin(a * x + b * y + c) for a, b, c in random.uniform([0, 0, 0], [0.6, 0.6, 6], (3, 3))
    ]
    image = 128 + 60 * np.stack(waves, axis=2) + random.normal(0, 6, (height, width, 3))
    image[height // 3 : height // 2, width // 4 : width // 2] += 40
    return image.clip(0, 255).astype(np.uint8)


def jpeg(height, width, qf=20, subsampling="4:2:0", seed=0):
    return Jpeg(subsampling).compress(picture(height, width, seed), qf)


def locate_file(image, **options):
    """A Compressed of what Pillow writes, for kinds of files that the codec does not."""
    buffer = BytesIO()
    image.save(buffer, **options)
    pixels = np.array(image.convert("RGB"))
    return Compressed(buffer.getvalue(), pixels, options["format"].lower(), 50, {})


def libjpegs_planes(data):
    """Y, Cb and Cr as libjpeg decodes them, before it makes RGB of them."""
    with Image.open(BytesIO(data)) as image:
        image.draft("YCbCr", image.size)
        assert image.mode == "YCbCr"
        return np.array(image)


def inputs(compressed):
    """Planes and decoded image, as the networks take them."""
    image = torch.from_numpy(compressed.pixels).permute(2, 0, 1)[None].float() / 255
    return tensors(read(compressed)), image


def awake(module, seed=0, scale=0.05):
    """Every parameter random, those included that start at zero; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    return module.eval()
