"""mmsegmentation's segmenters predict what mmsegmentation itself predicts."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from mmseg_tools import NAMES, opened, picture
from paths import ROOT

from harness.errors import ImageError, UserError
from tasks.segmentation.models.mmseg_models import MMSegFile


@pytest.mark.parametrize("config", ["small", "slide"])
@pytest.mark.parametrize("size", [(61, 83), (97, 40), (64, 256)])
def test_equals_mmsegmentations_own_inference(folder, config, size):
    from mmseg.apis import inference_model, init_model

    image = picture(*size)
    found = opened(folder, config).predict(image)
    theirs = init_model(str(folder / f"{config}.py"), str(folder / "small.pth"), device="cpu")
    expected = inference_model(theirs, np.ascontiguousarray(image[:, :, ::-1]))
    assert found.shape == size and found.dtype == np.uint8
    assert len(np.unique(found)) > 1
    assert np.array_equal(found, expected.pred_sem_seg.data[0].numpy())
    if size == (61, 83):
        swapped = inference_model(theirs, image)
        assert not np.array_equal(found, swapped.pred_sem_seg.data[0].numpy())


def test_names_come_from_the_checkpoint_then_from_the_configs_data_set(folder, tmp_path):
    import torch

    model = opened(folder)
    assert (model.labels, model.classes, model.name) == (NAMES, NAMES[1:], "small:small")
    weights = torch.load(folder / "small.pth")["state_dict"]
    torch.save(weights, tmp_path / "bare.pth")
    with pytest.raises(UserError, match="class count .* has 5 classes, and 21 are named"):
        opened(folder, weights=tmp_path / "bare.pth").prepare()
    text = (folder / "small.py").read_text().replace('type="PascalVOCDataset", ', "")
    (tmp_path / "nameless.py").write_text(text)
    nameless = MMSegFile.open(tmp_path / "nameless.py", str(tmp_path / "bare.pth"))
    assert nameless.labels == tuple(f"class {i}" for i in range(5))


def test_a_file_without_the_auxiliary_head_predicts_the_same(folder, tmp_path):
    import torch

    whole = torch.load(folder / "small.pth")
    kept = {k: v for k, v in whole["state_dict"].items() if not k.startswith("auxiliary_head.")}
    assert len(kept) < len(whole["state_dict"])
    torch.save({**whole, "state_dict": kept}, tmp_path / "kept.pth")
    image = picture()
    found = opened(folder, weights=tmp_path / "kept.pth").predict(image)
    assert np.array_equal(found, opened(folder).predict(image))


def test_threads_do_not_disturb_one_another_and_nothing_global_is_left(folder):
    from mmengine.registry import DefaultScope

    model = opened(folder)
    with DefaultScope.overwrite_default_scope("mmengine"):
        model.prepare()
        assert DefaultScope.get_current_instance().scope_name == "mmengine"
    images = [picture(40 + i, 90 - i, seed=i) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, images))
    for image, found in zip(images, together, strict=True):
        assert np.array_equal(found, model.predict(image))


@pytest.mark.slow
def test_nothing_is_printed_or_warned_and_names_cost_no_import(folder):
    code = (
        "import sys; from pathlib import Path; import numpy as np; "
        "from tasks.segmentation.models.mmseg_models import MMSegFile as M; "
        "from tasks.segmentation.models import torchvision_models; "
        "heavy = {'torch', 'mmseg', 'mmengine', 'cv2', 'PIL'} & set(sys.modules); "
        f"model = M.open(Path({str(folder / 'small.py')!r}), {str(folder / 'small.pth')!r}); "
        "model.predict(np.zeros((32, 48, 3), np.uint8)); print(heavy)"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "default::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert (ran.stdout, ran.stderr) == ("set()\n", "")


def test_grey_and_slim_images(folder):
    model = opened(folder)
    grey = picture()[:, :, :1].repeat(3, axis=2)
    assert model.predict(grey).shape == grey.shape[:2]
    assert model.predict(picture(1, 40)).shape == (1, 40)
    assert model.predict(picture(3, 1)).shape == (3, 1)
    with pytest.raises(ImageError, match="is 900×1 pixels, .* nothing of the short side"):
        model.predict(picture(1, 900))
