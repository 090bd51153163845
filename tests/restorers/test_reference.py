import subprocess
import sys

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.images.jpeg import Jpeg as JpegCodec
from restorers.reference import JpegReference, Original


@pytest.fixture
def compressed():
    rng = np.random.default_rng(0)
    return JpegCodec().compress(rng.integers(0, 256, (17, 23, 3), dtype=np.uint8), 10)


def test_jpeg_gives_the_decoded_pixels(compressed):
    before = compressed.pixels.copy()
    restored = JpegReference().restore(compressed)
    assert np.array_equal(restored, before)


def test_original_is_marked_and_refuses_a_compressed_file(compressed):
    assert Original().reference is True
    assert JpegReference().reference is False
    with pytest.raises(HarnessError, match="uncompressed image itself"):
        Original().restore(compressed)


@pytest.mark.parametrize("restorer", [Original(), JpegReference()])
def test_references_are_no_networks_and_the_same_at_every_qf(restorer):
    assert restorer.multi_model is None
    restorer.prepare(1)
    assert restorer.fingerprint(10) == restorer.fingerprint(99)
    assert restorer.fingerprint(10)["name"] == restorer.name


def test_the_two_have_different_fingerprints():
    assert Original().fingerprint(10) != JpegReference().fingerprint(10)


def test_entry_points_and_fingerprints_need_no_torch():
    code = (
        "import sys; from restorers.reference import JpegReference, Original; "
        "from restorers.architectures.arcnn import ARCNN; "
        "[r().fingerprint(10) for r in (JpegReference, Original, ARCNN)]; "
        "print(sorted({'torch', 'torchvision', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
