"""A folder of photographs, which is also the working directory."""

import numpy as np
import pytest

from harness.images.io import write_png


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        rng = np.random.default_rng(index)
        coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        write_png(coarse.repeat(6, 0).repeat(6, 1), tmp_path / "photos" / f"{index}.png")
    return tmp_path / "photos"
