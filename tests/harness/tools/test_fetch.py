"""``harness fetch``: what a name stands for, and what is said."""

import hashlib

import pytest
from web import Web

from harness.assets.cards import Card, read_card, write_card
from harness.errors import UserError
from harness.plugins import registry
from harness.tools import fetch as remote

DATA = b"weights" * 100


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Web()
    served.files["near.pth"] = DATA
    yield served
    served.close()


@pytest.fixture
def cards(web, tmp_path, monkeypatch):
    """One restorer with a local card, one remote one for all QFs, and two remote ones by QF."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for name, url in (
        ("net-small", ""),
        ("net-far", web.url("near.pth")),
        ("net-official-q10", web.url("near.pth")),
        ("net-official-q20", web.url("gone.pth")),
    ):
        known = {"url": url, "sha256": "" if url else "0", "source": "s", "licence": "MIT"}
        write_card(Card(name=name, file=f"{name}.pth", **known), tmp_path / f"{name}.yaml")

    class Net:
        @staticmethod
        def cards():
            return sorted(tmp_path.glob("*.yaml"))

    class Fakes:
        def __iter__(self):
            return iter(["broken", "net"])

        def __contains__(self, name):
            return name == "net"

        def get(self, name):
            if name == "broken":
                raise UserError("a plugin that cannot be imported")
            return Net

    monkeypatch.setattr(registry, "restorers", Fakes)
    monkeypatch.setattr(registry, "datasets", list)
    monkeypatch.setattr(registry, "tasks", list)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("net-far", ["net-far"]),
        ("net:far", ["net-far"]),
        ("net:official", ["net-official-q10", "net-official-q20"]),
        ("net-official-q20", ["net-official-q20"]),
        ("net", ["net-far", "net-official-q10", "net-official-q20"]),
    ],
)
def test_names_stand_for_cards(cards, name, meant):
    assert [card.name for _, card in remote.remote_cards(name)] == meant


@pytest.mark.parametrize("name", ["net-small", "net:off", "net-official-q1", "x", "", "net.far"])
def test_what_is_not_downloaded_is_refused_with_what_is(cards, name):
    with pytest.raises(UserError, match="Downloads: net-far, net-official-q10, net-official-q20"):
        remote.remote_cards(name)


def test_a_download_is_reported_and_not_repeated(cards, web, harness):
    place = cards / "cache" / "weights" / "net-far.pth"

    code, out, err = harness("fetch", "net:far")

    assert code == 0
    assert out.splitlines()[0] == f"net-far: {place}"
    assert f"sha256 {hashlib.sha256(DATA).hexdigest()} (no checksum is published" in out
    assert "licence: MIT" in err
    assert place.read_bytes() == DATA

    assert harness("fetch", "net-far") == (0, out, "")
    assert len(web.asked) == 1


def test_a_download_that_fails_is_one_sentence_and_keeps_the_others(cards, harness):
    code, out, err = harness("fetch", "net:official")

    assert code == 1
    assert "net-official-q10:" in out
    assert err.splitlines()[-1].startswith("Error: Cannot download http://127.0.0.1:")
    assert harness("fetch", "nothing")[0] == 2


def test_progress_is_told_now_and_then(monkeypatch):
    said = []
    monkeypatch.setattr(remote.time, "monotonic", lambda: 0)
    progress = remote.told("net.pth", said.append)

    progress(1_000_000, 4_000_000)
    monkeypatch.setattr(remote.time, "monotonic", lambda: 6)
    progress(2_000_000, 4_000_000)
    progress(3_000_000, 4_000_000)
    monkeypatch.setattr(remote.time, "monotonic", lambda: 12)
    progress(3_500_000, None)

    assert said == ["net.pth: 2.0 MB of 4.0 MB", "net.pth: 3.5 MB"]


def test_the_official_files_can_be_named():
    names = {card.name for _, card in remote.remote_cards("swinir:official")}

    assert names == {f"swinir-official-q{qf}" for qf in (10, 20, 30, 40)}
    assert all(path.stem == read_card(path).name for path, _ in remote.remote_cards("fbcnn"))


CARD = """
name: own
task: detection
framework: onnx
file: near.pth
sha256: "{sha256}"
source: a test
licence: MIT
classes: coco
input: {{layout: nchw, order: rgb, range: unit}}
output: {{boxes: boxes, scores: scores, labels: labels, box_units: input, label_base: 1}}
"""


def test_a_models_card_named_by_its_path_is_fetched(harness, web, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    card = tmp_path / "own.yaml"
    text = CARD.format(sha256=hashlib.sha256(DATA).hexdigest())
    card.write_text(text + f"url: {web.url('near.pth')}\n")

    code, out, err = harness("fetch", str(card))

    assert code == 0, err
    assert "own: " in out
    assert (tmp_path / "cache" / "weights" / "near.pth").read_bytes() == DATA


def test_a_card_without_an_address_is_refused(harness, tmp_path):
    card = tmp_path / "own.yaml"
    card.write_text(CARD.format(sha256="0" * 64))

    code, _, err = harness("fetch", str(card))

    assert code == 2
    assert "names no address that its file can be downloaded from" in err


def test_an_unknown_name_is_answered_with_the_nearest(cards):
    with pytest.raises(UserError, match=r"'net-oficial-q10'\. Did you mean 'net-official-q10'\?"):
        remote.remote_cards("net-oficial-q10")
    with pytest.raises(UserError) as error:
        remote.remote_cards("zzz")
    assert "Did you mean" not in str(error.value)


def test_weights_that_only_a_person_can_get_say_where_and_where_to(harness, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    place = tmp_path / "weights" / "dagn.pth"

    code, _, err = harness("fetch", "dagn:official")

    assert code == 2
    assert "get dagn.pth from https://pan.baidu.com/" in err
    assert f"put it at {place}" in err
    place.parent.mkdir()
    place.write_bytes(DATA)
    code, out, _ = harness("fetch", "dagn:official")
    assert code == 0
    assert f"sha256 {hashlib.sha256(DATA).hexdigest()}" in out
