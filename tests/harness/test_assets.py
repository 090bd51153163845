import pytest

from harness.assets import Card, checked_file, read_card, sha256_of, write_card
from harness.errors import UserError


@pytest.fixture
def card_path(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    card = Card(
        name="net",
        file="net.safetensors",
        sha256=sha256_of(tmp_path / "net.safetensors"),
        source="trained by this project",
        licence="MIT",
        measured={"mAP": 51.2, "platform": "x86-64"},
    )
    write_card(card, tmp_path / "net.yaml")
    return tmp_path / "net.yaml"


def test_a_card_survives_the_way_to_disk(card_path):
    card = read_card(card_path)

    assert card.measured == {"mAP": 51.2, "platform": "x86-64"}
    assert checked_file(card_path) == (card, card_path.parent / "net.safetensors")


def test_the_known_sha256_of_a_known_content(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")

    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")


@pytest.mark.parametrize("content", [b"weightt", b"", b"weights "])
def test_a_changed_file_is_refused(card_path, content):
    (card_path.parent / "net.safetensors").write_bytes(content)

    with pytest.raises(UserError, match="not the file its card describes"):
        checked_file(card_path)


def test_a_missing_file_is_named(card_path):
    (card_path.parent / "net.safetensors").unlink()

    with pytest.raises(UserError, match="weights of net are missing"):
        checked_file(card_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "No card at"),
        ("name: x\n", "is not valid"),
        ("[", "is not valid"),
        ("name: x\nfile: f\nsha256: s\nsource: s\nlicence: l\nsize: 3\n", "size"),
    ],
)
def test_a_bad_card_is_named(tmp_path, text, sentence):
    if text is not None:
        (tmp_path / "c.yaml").write_text(text)

    with pytest.raises(UserError, match=sentence):
        read_card(tmp_path / "c.yaml")
