"""Files in the layout of their authors, and the cards of those that they publish."""

import pytest
import torch
from weights_tools import restored, write_official

from harness.assets.cards import checked_file, read_card
from harness.errors import UserError
from restorers.architectures.dagn import DAGN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.ipt import IPT
from restorers.architectures.swinir import SwinIR
from restorers.checkpoints.sources import PUBLISHED
from restorers.checkpoints.state_dict import read_state_dict

OFFICIAL = sorted(PUBLISHED.glob("*.yaml"))


@pytest.mark.parametrize("restorer", [FBCNN, SwinIR])
@pytest.mark.parametrize("wrap", ["params", "params_ema", "state_dict", "module."])
def test_usual_wrappings_come_off(restorer, wrap, tmp_path, monkeypatch):
    torch.manual_seed(0)
    state = restorer.build(restorer.presets()["small"]).state_dict()
    if wrap == "module.":
        wrapped = {f"module.{key}": value for key, value in state.items()}
    else:
        wrapped = {wrap: state, "epoch": 3}
    torch.save(wrapped, tmp_path / "net.pth")

    assert read_state_dict(tmp_path / "net.pth").keys() == state.keys()


@pytest.mark.parametrize(("restorer", "other"), [(FBCNN, SwinIR), (SwinIR, IPT), (IPT, FBCNN)])
def test_weights_of_another_network_are_refused(restorer, other, tmp_path):
    write_official(other, "small", tmp_path / "net.pth")

    with pytest.raises(UserError, match=r"net\.pth holds no .*authors' layout.*the path alone"):
        restorer.make(str(tmp_path / "net.pth")).prepare(10)


def test_the_size_of_a_network_is_read_off_its_weights(tmp_path):
    for restorer, size in [(FBCNN, "small"), (SwinIR, "small")]:
        write_official(restorer, size, tmp_path / "net.pth")
        restored(restorer.make(str(tmp_path / "net.pth")), 16)


def test_an_ipt_for_several_tasks_is_refused(tmp_path):
    write_official(IPT, "small", tmp_path / "net.pth")
    state = torch.load(tmp_path / "net.pth", weights_only=True)
    second = {k.replace("head.0", "head.1"): v for k, v in state.items() if "head.0" in k}
    torch.save(state | second, tmp_path / "net.pth")

    with pytest.raises(UserError, match="for 2 tasks or for super-resolution"):
        IPT.make(str(tmp_path / "net.pth")).prepare(10)


def test_the_official_cards_are_complete():
    assert [path.stem for path in OFFICIAL if "swinir" in path.stem] == [
        f"swinir-official-q{qf}" for qf in (10, 20, 30, 40)
    ]
    for path in OFFICIAL:
        card = read_card(path)
        owner = {"dagn": DAGN, "fbcnn": FBCNN, "swinir": SwinIR}[path.stem.split("-")[0]]
        assert card.name == path.stem
        assert path in owner.cards()
        assert card.paper == owner.paper
        if card.by_hand:
            assert card.published.keys() >= {f"PSNR at QF {qf}" for qf in (10, 20, 30, 40)}
            continue
        assert card.licence == "Apache-2.0"
        assert card.url.startswith("https://github.com/")
        assert card.url.endswith(card.file)


def test_official_weights_are_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    swinir = SwinIR.make("official")

    assert "official" in SwinIR.variants()
    with pytest.raises(UserError, match=r"`harness fetch swinir-official-q20` .*SwinIR-M_jpeg20"):
        swinir.prepare(20)
    with pytest.raises(UserError, match="no checkpoint for QF 50 .*10, 20, 30, 40"):
        swinir.prepare(50)
    with pytest.raises(UserError, match="`harness fetch fbcnn-official`"):
        FBCNN.make("official+known_qf").fingerprint(10)
    with pytest.raises(UserError, match=r"get dagn\.pth from https://pan\.baidu\.com"):
        DAGN.make("official").prepare(10)


def test_official_weights_run_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    card = read_card(PUBLISHED / "swinir-official-q20.yaml")
    (tmp_path / "weights").mkdir()
    write_official(
        SwinIR, "small", tmp_path / "weights" / card.file, lambda state: {"params": state}
    )
    swinir = SwinIR.make("official")

    restored(swinir, 16, qf=20)

    found = checked_file(PUBLISHED / "swinir-official-q20.yaml")[1]
    assert found == tmp_path / "weights" / card.file
    assert len(swinir.fingerprint(20)["weights"]) == 64
    assert swinir.name == "swinir:official"
