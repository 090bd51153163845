"""What all restorers with weights do: find them, check them, choose by quality factor, say it."""

import threading
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
import torch
from pictures import textured
from torch import nn

from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.plugins import Restored
from restorers.checkpoints.format import Header, save
from restorers.checkpoints.sources import Files
from restorers.common.colour import to_pixels, to_tensor
from restorers.common.pretrained import PretrainedRestorer


class Shift(nn.Module):
    """Adds a level."""

    def __init__(self, levels=0.0):
        super().__init__()
        self.level = nn.Parameter(torch.full((1,), levels / 255))

    def forward(self, image):
        return image + self.level


@dataclass(frozen=True)
class Size:
    """Of nothing: the toy has one number."""

    widths: tuple[int, ...] = (1,)


class Toy(PretrainedRestorer):
    """A restorer that adds what its weights say."""

    name = "toy"
    multi_model = True
    builds = 0

    sizes = MappingProxyType({"published": Size()})

    @classmethod
    def untrained(cls, config):
        assert isinstance(config, Size)
        cls.builds += 1
        return Shift()

    def run(self, network, compressed, tile):
        assert not network.training
        with torch.inference_mode():
            return Restored(
                to_pixels(network(to_tensor(compressed.pixels)), compressed.pixels),
                predicted_qf=7.0,
            )


class Blind(Toy):
    """One that can be told the quality factor."""

    name = "blind"
    blind = True

    def run(self, network, compressed, tile):
        return compressed.pixels + np.uint8(self.known_qf)


@pytest.fixture
def folder(tmp_path):
    """Weights for QF 10 and 40, which add 1 and 4 levels."""
    for qf in (10, 40):
        save(tmp_path / f"toy-q{qf}.safetensors", Shift(qf // 10), Header("toy", {}))
    return tmp_path


def grey(qf, side=24):
    """JPEG keeps middle grey at any quality."""
    return Jpeg().compress(np.full((side, side, 3), 128, np.uint8), qf)


@pytest.mark.parametrize(("qf", "level"), [(10, 129), (40, 132)])
def test_each_quality_factor_has_its_network(folder, qf, level):
    found = Toy(Files(folder)).restore(grey(qf))

    assert (found.pixels == level).all()
    assert found.predicted_qf == 7.0


def test_another_quality_factor_is_refused_and_the_known_ones_named(folder):
    restorer = Toy(Files(folder))
    for ask in (restorer.prepare, restorer.fingerprint, lambda qf: restorer.restore(grey(qf))):
        with pytest.raises(UserError, match=r"no checkpoint for QF 20 \(there are: 10, 40\)"):
            ask(20)


@pytest.mark.parametrize(("qf", "level"), [(1, 129), (24, 129), (25, 129), (26, 132), (99, 132)])
def test_the_nearest_one_is_taken_when_asked_for_of_two_the_lower(folder, qf, level):
    restorer = Toy(Files(folder), nearest_qf=True)

    assert (restorer.restore(grey(qf)).pixels == level).all()
    nearest = 10 if level == 129 else 40
    assert restorer.fingerprint(qf) == restorer.fingerprint(nearest)


def test_one_file_serves_every_quality_factor(tmp_path):
    path = tmp_path / "mine.safetensors"
    save(path, Shift(2), Header("toy", {}))
    restorer = Toy(Files(path))

    assert {int(restorer.restore(grey(qf)).pixels.max()) for qf in (1, 50, 100)} == {130}


def test_fingerprints_cover_weights_tiles_and_what_is_told(folder):
    source = Files(folder)
    prints = [
        Toy(source).fingerprint(10),
        Toy(source).fingerprint(40),
        Toy(source, tile=0).fingerprint(10),
        Toy(source, tile=512).fingerprint(10),
        Blind(source).fingerprint(10),
        Blind(source, known_qf=True).fingerprint(10),
    ]
    assert len({tuple(sorted(one.items())) for one in prints}) == len(prints)
    assert prints[0] == Toy(Files(folder), "any label").fingerprint(10)


def test_weights_are_loaded_once_by_however_many_threads(folder, monkeypatch):
    monkeypatch.setattr(Toy, "builds", 0)
    restorer = Toy(Files(folder))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(restorer.restore(grey(10))))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 6
    assert Toy.builds == 1


def test_weights_of_another_restorer_are_refused_with_its_name(tmp_path):
    path = tmp_path / "mine.safetensors"
    save(path, Shift(), Header("other", {}))

    with pytest.raises(UserError, match=r"holds weights of other, not of toy: name it other:"):
        Toy(Files(path)).prepare(10)


def test_weights_that_no_training_of_ours_wrote_are_refused(tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(Shift().state_dict(), path)

    with pytest.raises(UserError, match=r"mine\.pth was not written by `harness train` for toy"):
        Toy(Files(path)).prepare(10)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    save(path, nn.Linear(2, 2), Header("toy", {}))

    with pytest.raises(UserError, match="holds no toy of the size it says"):
        Toy(Files(path)).prepare(10)


def test_a_path_or_a_folder_can_be_named(folder):
    one, all_ = Toy.make(str(folder / "toy-q10.safetensors")), Toy.make(str(folder))

    assert one.name == "toy:toy-q10"
    assert all_.name == f"toy:{folder.name}"
    assert (one.restore(grey(10)).pixels == 129).all()
    assert (all_.restore(grey(40)).pixels == 132).all()


@pytest.mark.parametrize("known_qf", ["known_qf", "told"])  # told: in studies written before
@pytest.mark.parametrize("joined", ["{folder}+{known_qf}", "{known_qf}+{folder}"])
def test_a_blind_network_can_be_told_whatever_its_weights(folder, joined, known_qf):
    restorer = Blind.make(joined.format(folder=folder, known_qf=known_qf))

    assert restorer.known_qf
    assert restorer.name == f"blind:{folder.name}+{known_qf}"


@pytest.mark.parametrize("known_qf", ["known_qf", "told"])
def test_the_known_qf_alone_means_the_default_weights(known_qf):
    restorer = Blind.make(known_qf)
    assert restorer.known_qf
    assert restorer.name == f"blind:{known_qf}"


def test_records_of_a_study_that_says_told_have_the_fingerprint_they_had(folder):
    before, now = (Blind.make(f"{folder}+{name}").fingerprint(10) for name in ("told", "known_qf"))
    assert before == now
    assert before["told"] == "qf"


@pytest.mark.parametrize("known_qf", ["known_qf", "told"])
def test_a_network_that_is_not_blind_cannot_be_told(known_qf):
    with pytest.raises(
        UserError, match=f"toy cannot be told the quality factor: leave out '{known_qf}'"
    ):
        Toy.make(known_qf)


@pytest.mark.parametrize("named", ["none", "no/such/file.pth", "*", "[a"])
def test_an_unknown_variant_is_refused(named):
    with pytest.raises(UserError, match="toy has no weights named"):
        Toy.make(named)
    with pytest.raises(UserError, match="also: known_qf"):
        Blind.make(named)


def test_the_shipped_restorers_are_named_by_their_cards():
    from restorers.architectures.arcnn import ARCNN

    assert [path.stem for path in ARCNN.cards()][:2] == ["arcnn-q10", "arcnn-q20"]
    assert "q10" not in ARCNN.variants()
    file = Jpeg().compress(textured(0, 40, 40), 10)
    assert not np.array_equal(ARCNN().restore(file), file.pixels)
