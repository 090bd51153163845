"""The deblocking literature's figures on LIVE1's luma, by the AR-CNN authors' own weights.

A minute on one core: the figures are means over all 29 whole images.
"""

import numpy as np
import pytest
from paths import DATA
from PIL import Image

from harness.images.fidelity import psnr, to_luma
from harness.images.jpeg import Jpeg
from restorers.architectures.arcnn import ARCNN

pytestmark = pytest.mark.slow

WEIGHTS = DATA / "weights/arcnn"
KNOWN = {10: (27.77, 28.96), 20: (30.07, 31.29), 30: (31.41, 32.67), 40: (32.35, 33.61)}
"""../shared/data/README.md: PSNR in dB of JPEG and of AR-CNN."""


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the authors' weights are not in ../shared")
@pytest.mark.parametrize("qf", KNOWN)
def test_the_authors_weights_give_their_known_figures_on_live1(qf):
    restorer = ARCNN.make(str(WEIGHTS))
    values = []
    for path in sorted((DATA / "live1").glob("*.png")):
        luma = to_luma(np.asarray(Image.open(path).convert("RGB")))
        compressed = Jpeg().as_grey().compress(luma, qf)
        values.append([psnr(luma, compressed.pixels), psnr(luma, restorer.restore(compressed))])

    assert len(values) == 29
    assert np.mean(values, axis=0) == pytest.approx(KNOWN[qf], abs=0.03)
