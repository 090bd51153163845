"""Models with official weights: the published file or one's own, and the score expected of it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assets.cards import Card, card_yaml, file_sha256, read_card, write_card
from harness.errors import UserError
from harness.plugins import own_score, published_score, registry
from tasks.weights.published import CARDS, PublishedModel, WeightsModel

IMAGES = {
    "coco-val2017": 5000, "coco-val2017-voc": 5000, "voc2012": 1449, "imagenet-val": 50000,
}  # fmt: skip
FACTS = {"sha256": "0" * 64, "source": "its authors", "licence": "MIT"}


class Net(PublishedModel):
    name = "net"
    task = "detection"

    def fingerprint(self):
        return {"weights": self._sha256}

    predict = None


def data_set(name, count):
    return SimpleNamespace(name=name, images=lambda: [None] * count)


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """A folder of cards with that of `Net`, its weights beside it."""
    monkeypatch.setattr("tasks.weights.published.CARDS", tmp_path)
    (tmp_path / "net.bin").write_bytes(b"published")
    facts = {**FACTS, "sha256": file_sha256(tmp_path / "net.bin")[:8]}
    said = {"published": {"mAP": 40.0}, "published_on": "some-val", "published_images": 3}
    write_card(Card(name="net", file="net.bin", **facts, **said), tmp_path / "net.yaml")
    return tmp_path


def test_the_published_weights_and_ones_own_are_told_apart(cards):
    (cards / "mine.pth").write_bytes(b"mine")
    theirs, mine = Net.make(), Net.make(str(cards / "mine.pth"))

    assert (theirs.name, mine.name) == ("net", "net:mine")
    assert theirs.fingerprint() == {"weights": file_sha256(cards / "net.bin")}
    assert mine.fingerprint() == {"weights": file_sha256(cards / "mine.pth")}
    assert theirs.expected(data_set("some-val", 3), "mAP").value == 40.0
    assert mine.expected(data_set("some-val", 3), "mAP") is None


def test_another_file_under_the_published_name_is_refused_every_time(cards):
    (cards / "net.bin").write_bytes(b"another")
    model = Net.make()

    for _ in range(2):
        with pytest.raises(UserError, match="not the file its card describes"):
            model.fingerprint()


def test_a_file_that_is_not_there_is_named_with_what_it_should_be(cards):
    message = r"net:none\.pth: there is no file none\.pth\. Behind .* path of a state dict\."
    with pytest.raises(UserError, match=message):
        Net.make("none.pth")


def test_a_model_of_the_users_alone_needs_no_card(tmp_path):
    class Own(WeightsModel):
        name, task, predict = "own", "detection", None

        def fingerprint(self):
            return {"weights": self._sha256}

    (tmp_path / "own.bin").write_bytes(b"own")
    assert Own(tmp_path / "own.bin").fingerprint() == {"weights": file_sha256(tmp_path / "own.bin")}
    assert Own.cards() == [] and Own(None)._own is None
    with pytest.raises(NotImplementedError, match="no published weights"):
        Own(None).fingerprint()


@given(st.integers(0, 6), st.one_of(st.none(), st.integers(1, 6)), st.sampled_from("ab"))
def test_a_score_is_of_its_data_set_and_of_as_many_images(count, published, name):
    said = {"published": {"mAP": 40.0}, "published_on": "a", "published_images": published}
    card = Card(name="net", file="net.bin", **FACTS, **said)

    found = published_score(card, data_set(name, count), "mAP")

    assert (found is not None) == (name == "a" and published in (None, count))
    assert published_score(card, data_set(name, count), "mIoU") is None


def test_ones_own_score_is_of_exactly_the_images_it_was_measured_on():
    measured = {"mAP": 0.7, "images": "128 of scenes, uncompressed"}
    card = Card(name="net", file="net.bin", **FACTS, measured=measured)

    assert own_score(card, data_set("scenes", 128), "mAP").value == pytest.approx(70)
    assert own_score(card, data_set("scenes", 127), "mAP") is None
    assert own_score(card, data_set("scenes", 128), "mIoU") is None


def test_cards_keep_the_number_of_images_where_there_is_a_published_score():
    card = Card(name="net", file="net.bin", **FACTS)
    assert "published_images" not in card_yaml(card)
    scored = card.model_copy(update={"published_on": "a", "published_images": 3})
    assert "\npublished_on: a\npublished_images: 3\n" in card_yaml(scored)


@pytest.mark.parametrize("path", sorted(CARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_cards_say_how_many_images_their_score_is_of(path):
    card = read_card(path)
    assert card.published_images == IMAGES[card.published_on]


@pytest.mark.parametrize("task", ["detection", "segmentation", "classification"])
def test_a_folder_with_a_known_name_and_few_images_is_expected_nothing_of(task):
    """By its name alone it would be held against the figures of the whole data set."""
    metric = {"detection": "mAP", "segmentation": "mIoU", "classification": "top-1"}[task]
    found = 0
    for name in registry.models(task):
        model = registry.models(task).get(name)
        if issubclass(model, PublishedModel):
            on = read_card(model.cards()[0]).published_on
            assert model.make().expected(data_set(on, 3), metric) is None
            assert model.make().expected(data_set(on, IMAGES[on]), metric).value > 20
            found += 1
    assert found >= 4
