"""What needs no detectron2: its absence, its files told from others, its model zoo's cards."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from paths import ROOT

from harness.assets.cards import read_card
from harness.errors import UserError
from tasks.detection.models.detectron2_models import R50FPN, X101FPN, Detectron2File, R50FPNLong
from tasks.detection.models.detectron2_weights import check_md5


@pytest.fixture
def without(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "detectron2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "detectron2", None)


def test_its_absence_says_how_to_get_it(without, tmp_path):
    (tmp_path / "own.yaml").write_text("MODEL:\n  DEVICE: cpu\n")
    (tmp_path / "own.pth").write_bytes(b"")
    for use in (
        R50FPN().prepare,
        R50FPN().fingerprint,
        lambda: Detectron2File.open(tmp_path / "own.yaml", str(tmp_path / "own.pth")),
    ):
        with pytest.raises(UserError) as error:
            use()
        message = str(error.value)
        assert message.startswith("This model needs detectron2, which cannot be imported (")
        assert (
            "pip install --no-build-isolation 'git+https://github.com/facebookresearch" in message
        )
        assert "'setuptools<81'" in message and "\n" not in message


def test_nothing_of_it_is_imported_before():
    code = (
        "import sys; from tasks.detection.models.detectron2_models import R50FPN as M; M.make(); "
        "M().cards(); print([m for m in ('detectron2', 'torch') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("a.yaml", "MODEL:\n  MASK_ON: false\n", True),
        ("a.yml", "VERSION: 2\n_BASE_: b.yaml\n", True),
        ("a.yaml", "MODEL: [\n", True),  # damaged, and said so when it is opened
        ("a.yaml", "name: card\nkind: model\nnotes: |\n  MODEL: none\n", False),
        ("a.py", "MODEL: 1\n", False),
        ("a.yaml", "", False),
    ],
)
def test_configs_are_told_by_their_keys(name, text, accepted, tmp_path):
    (tmp_path / name).write_text(text)
    assert Detectron2File.accepts(tmp_path / name) is accepted
    assert not Detectron2File.accepts(tmp_path / "nowhere.yaml")
    assert not Detectron2File.accepts(tmp_path)


def test_weights_must_be_named_be_there_and_be_of_a_known_kind(tmp_path):
    config = tmp_path / "own.yaml"
    config.write_text("MODEL:\n  DEVICE: cpu\n")
    (tmp_path / "own.onnx").write_bytes(b"")
    with pytest.raises(UserError, match=r"name its weights, .*own\.yaml:WEIGHTS"):
        Detectron2File.open(config)
    with pytest.raises(UserError, match=r"no file .*none\.pkl"):
        Detectron2File.open(config, str(tmp_path / "none.pkl"))
    with pytest.raises(UserError, match=r"by their suffix, \.pkl or \.pth"):
        R50FPN.make(str(tmp_path / "own.onnx"))


def test_a_damaged_file_of_the_zoo_is_told_by_its_name(tmp_path, monkeypatch):
    """Also where the card has no checksum to tell it by."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    card = read_card(R50FPN.cards()[0])
    assert not card.sha256
    path = tmp_path / "weights" / card.file
    path.parent.mkdir()
    path.write_bytes(b"<html>proxy</html>")
    with pytest.raises(UserError, match=r"b275ba…. Delete it and `harness fetch faster_rcnn_R_50_"):
        _ = R50FPN()._file
    digits = hashlib.md5(path.read_bytes()).hexdigest()[:6]
    check_md5(path, card.model_copy(update={"url": f"https://example.org/1/model_{digits}.pkl"}))


@pytest.mark.parametrize("cls", [R50FPNLong, X101FPN])
def test_cards_with_a_checksum_have_a_whole_one(cls):
    card = read_card(cls.cards()[0])
    assert len(card.sha256) == 64 and card.file.startswith(cls.name)


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="harness fetch faster_rcnn_R_50_FPN_1x"):
        _ = R50FPN()._file
