"""mmsegmentation's files: what is read, what is told apart, what is refused."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

import pytest
from mmseg_tools import NAMES, built, opened, picture

from harness.assets.cards import Card, file_sha256, read_card, write_card
from harness.errors import UserError
from harness.plugins import registry
from tasks.segmentation.models.mmseg_models import MMSegFile, PSPNetR50, PSPNetR101
from tasks.segmentation.task import Segmentation


class Touch:
    """Unpickling this with pickle makes a file."""

    def __init__(self, call, path):
        self.call, self.path = call, path

    def __reduce__(self):
        return self.call, (str(self.path),)


def test_a_training_checkpoint_is_read_without_running_what_is_in_it(folder, tmp_path):
    import torch
    from mmengine.logging import HistoryBuffer

    whole = torch.load(folder / "small.pth")
    trap = tmp_path / "trap"
    history = HistoryBuffer([0.5, 0.25], [1, 1])
    torch.save({**whole, "message_hub": {"loss": history}}, tmp_path / "trained.pth")
    assert opened(folder, weights=tmp_path / "trained.pth").labels == NAMES
    torch.save({**whole, "extra": Touch(Path, trap)}, tmp_path / "odd.pth")
    assert opened(folder, weights=tmp_path / "odd.pth").labels == NAMES
    torch.save({**whole, "extra": Touch(os.mkdir, trap)}, tmp_path / "bad.pth")
    pickle.loads(pickle.dumps(Touch(os.mkdir, trap)))  # as pickle itself would
    trap.rmdir()
    with pytest.raises(UserError, match=r"bad\.pth"):
        opened(folder, weights=tmp_path / "bad.pth").prepare()
    assert not trap.exists()


def test_the_fingerprint_tells_configs_and_weights_apart(folder, tmp_path):
    import torch

    whole = torch.load(folder / "small.pth")
    next(iter(whole["state_dict"].values())).add_(1)
    torch.save(whole, tmp_path / "other.pth")
    text = (folder / "small.py").read_text()
    (tmp_path / "same.py").write_text("work_dir = 'elsewhere'\n" + text)
    ours = opened(folder).fingerprint()
    same = MMSegFile.open(tmp_path / "same.py", str(folder / "small.pth")).fingerprint()
    assert same == ours
    assert opened(folder, "slide").fingerprint() != ours
    assert opened(folder, weights=tmp_path / "other.pth").fingerprint() != ours
    assert ours["weights"] == file_sha256(folder / "small.pth")


def test_the_fingerprint_tells_configs_apart_that_differ_in_their_class_names_alone(
    folder, tmp_path
):
    """The names are where the config's data are, which no other part of the fingerprint covers."""
    import torch

    weights = torch.load(folder / "small.pth")["state_dict"]
    torch.save(weights, tmp_path / "bare.pth")
    text = (folder / "small.py").read_text()
    found = {}
    for names in (("sky", "a", "b", "c", "d"), ("sky", "b", "a", "c", "d")):
        named = f"metainfo=dict(classes={names!r})"
        (tmp_path / "named.py").write_text(text.replace('type="PascalVOCDataset"', named))
        model = MMSegFile.open(tmp_path / "named.py", str(tmp_path / "bare.pth"))
        assert model.labels == names
        found[names] = model.fingerprint()
    one, other = found.values()
    assert {key for key in one if one[key] != other[key]} == {"labels"}


def sentence(call):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_input_is_one_sentence(folder, tmp_path):
    weights = str(folder / "small.pth")
    assert "name its checkpoint" in sentence(lambda: MMSegFile.open(folder / "small.py", None))
    assert "there is no file" in sentence(lambda: MMSegFile.open(folder / "small.py", "no.pth"))
    assert "nor does a config" in sentence(lambda: MMSegFile.open(Path("mine.py"), weights))
    files = {
        "syntax": ("model = dict(", "SyntaxError"),
        "empty": ("a = 1", "no 'model'"),
        "unknown": ("model = dict(type='Nothing')\ntest_pipeline=[dict(type='LoadImageFromFile')]",
                    "'?Nothing is not in"),
        "pipeline": ("model = dict(type='EncoderDecoder')\ntest_pipeline=[dict(type='LoadNpy')]",
                     "begins with LoadImageFromFile .but LoadNpy."),
    }  # fmt: skip
    for name, (text, _) in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    for name, (_, said) in files.items():
        config = tmp_path / f"{name}.py"
        message = sentence(lambda config=config: MMSegFile.open(config, weights).prepare())
        assert re.search(said, message), message


def test_configs_that_need_what_is_not_installed_say_so(folder):
    def wheel(name):
        return lambda: MMSegFile.open(Path(name), str(folder / "small.pth")).prepare()

    assert "operators that mmcv compiles (PSAMask)" in sentence(
        wheel("psanet_r50-d8_4xb2-40k_cityscapes-512x1024.py")
    )
    assert "mmpretrain" in sentence(wheel("convnext-base_upernet_8xb2-amp-160k_ade20k-512x512.py"))
    assert "do not fit" in sentence(wheel("fast_scnn_8xb4-160k_cityscapes-512x1024.py"))


@pytest.mark.slow
def test_cityscapes_has_no_background_and_does_not_fit_other_data(tmp_path, few_scenes):
    import torch

    from tasks.segmentation.models.mmseg_models import _in_wheel
    from tasks.segmentation.models.mmseg_network import read_config

    name = "fast_scnn_8xb4-160k_cityscapes-512x1024.py"
    module = built(read_config(_in_wheel(name)))
    torch.save(module.state_dict(), tmp_path / "fast.pth")
    model = MMSegFile.open(Path(name), str(tmp_path / "fast.pth"))
    assert len(model.labels) == 19 and model.labels[0] == model.classes[0] == "road"
    with pytest.raises(UserError, match=r"does not know .* labels of scenes: background, "):
        Segmentation().fit(model, few_scenes)


@pytest.mark.slow
def test_the_published_pspnets_load_files_of_their_layout(tmp_path, monkeypatch):
    import torch

    from tasks.segmentation.models.mmseg_models import _in_wheel
    from tasks.segmentation.models.mmseg_network import read_config

    config = read_config(_in_wheel(f"pspnet/{PSPNetR50.config}"))
    assert config.model.pretrained is None and config.model.test_cfg.mode == "whole"
    assert config.test_pipeline[1] == {"type": "Resize", "scale": (2048, 512), "keep_ratio": True}
    weights = built(config).state_dict()
    meta = {"CLASSES": PSPNetR50().labels, "PALETTE": [[0, 0, 0]] * 21, "mmseg_version": "0.5.0"}
    path = tmp_path / "psp.pth"  # in the format of 2020
    torch.save({"meta": meta, "state_dict": weights}, path, _use_new_zipfile_serialization=False)
    card = Card(name="psp", file=path.name, sha256=file_sha256(path)[:8], source="", licence="")
    write_card(card, tmp_path / "psp.yaml")
    monkeypatch.setattr(PSPNetR50, "cards", classmethod(lambda cls: [tmp_path / "psp.yaml"]))
    model = PSPNetR50()
    model.prepare()
    assert model.labels == ("background", *model.classes) and len(model.labels) == 21
    assert model.fingerprint()["weights"] == file_sha256(path)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(UserError, match="not the file its card describes"):
        PSPNetR50().prepare()


def test_cards_name_url_checksum_and_score(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    scores = {
        "pspnet_r50-d8_20k_voc12aug": 76.78,
        "pspnet_r101-d8_20k_voc12aug": 78.47,
        "pspnet_r50-d8_40k_voc12aug": 77.29,
        "pspnet_r101-d8_40k_voc12aug": 78.52,
    }
    for name, score in scores.items():
        model = registry.models("segmentation").get(name).make()
        card = read_card(model.cards()[0])
        assert card.name == model.name == name
        assert card.published == {"mIoU": score} and card.published_on == "voc2012"
        assert card.url.endswith(f"/{card.file}") and card.file.endswith(f"-{card.sha256}.pth")
        with pytest.raises(UserError, match=f"harness fetch {name}"):
            model.prepare()
    assert PSPNetR101().classes == PSPNetR50().classes


def test_own_weights_of_a_named_network_may_have_other_classes(folder, tmp_path):
    import torch

    from tasks.segmentation.models.mmseg_network import MMSegNetwork, read_config

    text = (folder / "small.py").read_text().replace("num_classes=5", "num_classes=3")
    (tmp_path / "three.py").write_text(text)
    module = built(read_config(tmp_path / "three.py"))
    meta = {"CLASSES": ("a", "b", "c")}
    torch.save({"meta": meta, "state_dict": module.state_dict()}, tmp_path / "three.pth")
    config = read_config(folder / "small.py")
    network = MMSegNetwork(config, tmp_path / "three.pth", "small", any_classes=True)
    assert network.labels == ("a", "b", "c")
    assert network(picture()).max() <= 2


def test_the_users_own_weights_have_no_published_score(folder):
    class Voc:
        name = "voc2012"
        images = staticmethod(lambda: [None] * 1449)

    assert PSPNetR50().expected(Voc, "mIoU").value == 77.29
    own = PSPNetR50.make(str(folder / "small.pth"))
    assert own.name == "pspnet_r50-d8_40k_voc12aug:small"
    assert own.expected(Voc, "mIoU") is None
    assert "do not fit" in sentence(own.prepare)
    assert "there is no file" in sentence(lambda: PSPNetR50.make("nowhere.pth"))
