"""Files that several tests read."""

from __future__ import annotations

import pytest
from mmseg_tools import CONFIG, NAMES, SLIDE, WHOLE, built


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small PSPNet's config, whole and sliding, and a checkpoint."""
    import torch

    from tasks.segmentation.models.mmseg_network import read_config

    folder = tmp_path_factory.mktemp("mmseg")
    (folder / "small.py").write_text(CONFIG.replace("TEST_CFG", WHOLE))
    (folder / "slide.py").write_text(CONFIG.replace("TEST_CFG", SLIDE))
    module = built(read_config(folder / "small.py"))
    checkpoint = {"meta": {"dataset_meta": {"classes": NAMES}}, "state_dict": module.state_dict()}
    torch.save(checkpoint, folder / "small.pth")
    return folder
