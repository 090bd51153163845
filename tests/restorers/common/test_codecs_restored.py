"""Which restorers run on which codec's files, and that they do well on JPEG of any subsampling."""

import numpy as np
import PIL
import pytest
import torch
from paths import LIVE1
from pictures import textured
from PIL import Image, features
from torch import nn
from weights_tools import write_official

from harness.errors import UserError
from harness.images.codecs import Avif, Jpeg2000, WebP
from harness.images.fidelity import psnr
from harness.images.jpeg import Jpeg, Jpeg422, Jpeg444
from harness.plugins import Restorer, registry
from restorers.architectures.arcnn import ARCNN
from restorers.architectures.dagn import DAGN
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.ipt import IPT
from restorers.architectures.qgac import QGAC
from restorers.architectures.swinir import SwinIR
from restorers.checkpoints.format import Header, save
from restorers.formats.spandrel import Spandrel
from restorers.formats.torchscript import TorchScriptRestorer

pytestmark = pytest.mark.usefixtures("trusted_code")

SEVEN = ("arcnn", "dmcnn", "ipt", "swinir", "qgac", "fbcnn", "dagn")
BLIND = ("fbcnn", "dagn")


def made(name, variant=None):
    return registry.restorers().get(name).make(variant)


# --- who needs JPEG -------------------------------------------------------------------------


@pytest.mark.parametrize("restorer", [ARCNN, DMCNN, IPT, SwinIR, QGAC])
def test_coefficients_and_a_checkpoint_a_quality_need_jpeg(restorer):
    assert restorer.make().needs_jpeg


@pytest.mark.parametrize("name", ["original", "jpeg", *BLIND])
def test_what_looks_at_pixels_alone_needs_none(name):
    assert not made(name).needs_jpeg


@pytest.mark.parametrize("restorer", [FBCNN, DAGN])
def test_being_told_the_quality_factor_needs_jpeg(restorer):
    assert restorer.make("known_qf").needs_jpeg
    assert not restorer.needs_jpeg  # one instance's variant is not every one's


def test_a_plugin_that_says_nothing_needs_none():
    assert Restorer.needs_jpeg is False


def test_a_file_needs_jpeg_if_its_name_says_for_which_quality_it_is(tmp_path):
    for name in ("net", "net-q10"):
        save(tmp_path / f"{name}.safetensors", ARCNN.build(3), Header("arcnn", 3))
    assert not ARCNN.make(str(tmp_path / "net.safetensors")).needs_jpeg
    assert ARCNN.make(str(tmp_path / "net-q10.safetensors")).needs_jpeg
    assert ARCNN.make(str(tmp_path)).needs_jpeg  # the folder: one a quality factor


def test_a_network_of_coefficients_needs_jpeg_whatever_its_files_name(tmp_path):
    path = tmp_path / "net.safetensors"
    save(path, DMCNN.build(DMCNN.sizes["small"]), Header("dmcnn", {}))
    assert DMCNN.make(str(path)).needs_jpeg


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_other_projects_files_run_on_any_codec(tmp_path):
    official, script = tmp_path / "x_jpeg10.pth", tmp_path / "x_q10.ts"
    write_official(FBCNN, "small", official)
    torch.jit.script(nn.Identity()).save(str(script))
    opened = Spandrel.open(official)
    assert isinstance(opened, FBCNN) and not opened.needs_jpeg
    assert not TorchScriptRestorer.open(script).needs_jpeg
    image = textured(1, 24, 40)
    product = WebP().compress(image, 30)
    assert np.array_equal(TorchScriptRestorer.open(script).restore(product), product.pixels)


# --- and that they run ----------------------------------------------------------------------


@pytest.mark.parametrize("codec", [WebP, Avif, Jpeg2000], ids=lambda codec: codec.name)
@pytest.mark.parametrize("name", ["jpeg", *BLIND])
def test_pixels_of_any_codec_are_restored(name, codec):
    if codec is Avif and not ("avif" in features.modules and features.check("avif")):
        pytest.skip(f"Pillow {PIL.__version__} here has no AVIF (wheels have it from 11.3 on)")
    product = codec().compress(textured(1, 37, 50), 20)
    result = made(name).restore(product)
    pixels = getattr(result, "pixels", result)
    assert pixels.shape == product.pixels.shape and pixels.dtype == np.uint8
    assert np.array_equal(pixels, product.pixels) == (name == "jpeg")


@pytest.mark.parametrize("name", ["qgac", "dmcnn"])
def test_a_file_without_coefficients_is_refused_in_words(name):
    with pytest.raises(UserError, match="codec webp writes no JPEG file"):
        made(name).restore(WebP().compress(textured(1, 24, 24), 10))


def crops(grey):
    """Pieces of photographs, their sides no multiple of 16."""
    if not LIVE1.is_dir():
        pytest.skip(f"needs the LIVE1 images in {LIVE1}")
    for name in ("parrots", "bikes", "house"):
        with Image.open(LIVE1 / f"{name}.png") as file:
            image = np.array(file.convert("RGB"))[100:191, 150:257]
        yield np.repeat(image[..., 1:2], 3, axis=2) if grey else image


@pytest.mark.slow
@pytest.mark.parametrize("name", SEVEN)
@pytest.mark.parametrize("codec", [Jpeg444(), Jpeg422(), Jpeg444().as_grey()], ids=str)
def test_every_network_gains_on_jpeg_of_any_subsampling(name, codec):
    """Trained on 4:2:0, they lose almost nothing elsewhere: within 0.15 dB of their gain there."""
    restorer, gains = made(name), []
    grey = codec == Jpeg().as_grey()
    for one in (codec, Jpeg()):
        gained = []
        for image in crops(grey):
            product = one.compress(image, 10)
            result = restorer.restore(product)
            pixels = getattr(result, "pixels", result)
            gained.append(psnr(image, pixels) - psnr(image, product.pixels))
        gains.append(np.mean(gained))
    assert gains[0] > 0.4
    assert gains[0] > gains[1] - 0.15
