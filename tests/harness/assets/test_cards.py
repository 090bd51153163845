import pytest

from harness.assets.cards import Card, cache_root, checked_file, file_sha256, read_card, write_card
from harness.errors import UserError


@pytest.fixture
def card_path(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    card = Card(
        name="net",
        file="net.safetensors",
        sha256=file_sha256(tmp_path / "net.safetensors"),
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

    assert file_sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")


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
        ("name: x\nfile: f\nsha256: s\nsource: s\nlicence: l\nweight: 3\n", "weight"),
        ("name: x\nfile: f\nsha256: ''\nsource: s\nlicence: l\n", "only where there is a url"),
    ],
)
def test_a_bad_card_is_named(tmp_path, text, sentence):
    if text is not None:
        (tmp_path / "c.yaml").write_text(text)

    with pytest.raises(UserError, match=sentence):
        read_card(tmp_path / "c.yaml")


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """Makes the card of a remote file of four bytes; returns it and the file's place."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def make(**known):
        fields = {"sha256": "", "url": "https://host/net.pth", "source": "s", "licence": "MIT"}
        write_card(Card(name="net-far", file="net.pth", **fields | known), tmp_path / "net.yaml")
        return tmp_path / "net.yaml", tmp_path / "cache" / "weights" / "net.pth"

    return make


def test_a_remote_file_that_is_not_here_says_how_to_get_it(remote):
    path, place = remote(size=3_000_000)

    with pytest.raises(UserError) as refusal:
        checked_file(path)

    assert "`harness fetch net-far`" in str(refusal.value)
    assert f"(from https://host/net.pth, 3.0 MB) at {place}." in str(refusal.value)
    assert not cache_root().exists()  # looking leaves no trace


def test_a_remote_file_is_taken_from_the_cache_or_from_beside_its_card(remote):
    path, place = remote()
    place.parent.mkdir(parents=True)
    place.write_bytes(b"1234")
    assert checked_file(path)[1] == place

    beside = path.parent / "net.pth"
    beside.write_bytes(b"5678")
    assert checked_file(path)[1] == beside


@pytest.mark.parametrize(
    ("known", "sentence"),
    [({"size": 5}, "4 bytes, expected 5"), ({"sha256": "0" * 64}, "expected 000000000000…")],
)
def test_what_is_known_of_a_remote_file_is_compared(remote, known, sentence):
    path, place = remote(**known)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"1234")

    with pytest.raises(UserError, match=rf"{sentence}.*Delete it and `harness fetch net-far`"):
        checked_file(path)


def test_of_a_published_checksum_the_first_digits_may_be_all_there_is(remote):
    path, place = remote(sha256="03ac6742")  # of b"1234": 03ac674216f3e15c…
    place.parent.mkdir(parents=True)
    place.write_bytes(b"1234")
    assert checked_file(path)[1] == place

    place.write_bytes(b"4321")
    with pytest.raises(UserError, match="expected 03ac6742…"):
        checked_file(path)


def test_what_is_published_of_a_model_survives_the_way_to_disk(remote):
    said = {"published": {"mAP": 37.0}, "published_on": "coco", "published_images": 5000}
    card = read_card(remote(**said, tolerance=0.3)[0])

    assert (card.published, card.published_on, card.published_images, card.tolerance) == (
        {"mAP": 37.0}, "coco", 5000, 0.3,
    )  # fmt: skip
