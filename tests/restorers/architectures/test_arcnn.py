import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import LIVE1
from pictures import psnr, textured
from PIL import Image
from safetensors.torch import save_file

from harness.assets.cards import Card, checked_file, file_sha256, write_card
from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.plugins import Compressed
from restorers.architectures.arcnn import ARCNN, network
from restorers.architectures.arcnn.network import MARGIN, ARCNNNetwork, restore, start_at_identity
from restorers.checkpoints.sources import SHIPPED, Cards
from restorers.common.complexity import count_parameters

QFS = (10, 20, 30, 40)


def random_network(seed: int = 0) -> ARCNNNetwork:
    torch.manual_seed(seed)
    return ARCNNNetwork().eval()


@pytest.fixture(scope="module")
def shipped() -> ARCNN:
    return ARCNN()


@pytest.fixture
def own(tmp_path):
    """A folder with one checkpoint of the user's, for QF 35."""
    made = ARCNNNetwork()
    start_at_identity(made, 0)
    save_file(made.state_dict(), tmp_path / "mine.safetensors")
    write_own_card(tmp_path)
    return tmp_path


def write_own_card(folder: Path) -> None:
    sha256 = file_sha256(folder / "mine.safetensors")
    card = Card(name="mine", file="mine.safetensors", sha256=sha256, source="test", licence="MIT")
    write_card(card, folder / "arcnn-q35.yaml")


def test_the_luma_network_has_the_papers_weights():
    convolutions = 9 * 9 * 1 * 64 + 7 * 7 * 64 * 32 + 1 * 1 * 32 * 16 + 5 * 5 * 16 * 1
    assert convolutions == 106_448
    assert count_parameters(ARCNNNetwork(colours=1)) == convolutions + 64 + 32 + 16 + 1


def test_the_colour_network_differs_in_the_first_and_last_layer_only():
    convolutions = 9 * 9 * 3 * 64 + 7 * 7 * 64 * 32 + 1 * 1 * 32 * 16 + 5 * 5 * 16 * 3
    assert count_parameters(ARCNNNetwork()) == convolutions + 64 + 32 + 16 + 3 == 117_731
    assert random_network()(torch.rand(2, 3, 20, 31)).shape == (2, 3, 2, 13)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 9), noise=st.booleans()
)
def test_training_starts_at_the_exact_identity(height, width, seed, noise):
    made = ARCNNNetwork()
    start_at_identity(made, seed)
    image = np.random.default_rng(seed).integers(0, 256 if noise else 2, (height, width, 3))
    image = image.astype(np.uint8) if noise else (255 * image).astype(np.uint8)
    assert np.array_equal(restore(made, image), image)


def test_at_the_identity_the_other_channels_can_learn():
    made = ARCNNNetwork()
    start_at_identity(made, 0)
    image = torch.rand(1, 3, 24, 24)
    made(image).square().mean().backward()
    last = made.layers[-1].weight.grad
    assert (last[:, made.colours :].abs().sum(dim=(0, 2, 3)) > 0).sum() >= 8


def test_strips_change_nothing_but_memory(monkeypatch):
    made, image = random_network(), textured(0, 70, 50)
    whole = restore(made, image)
    monkeypatch.setattr(network, "STRIP", 50 * 16)
    strips = restore(made, image)
    assert np.abs(whole.astype(int) - strips).max() <= 1  # float sums may be ordered otherwise
    assert np.mean(whole != strips) < 0.001


def test_a_pixel_sees_the_margin_and_no_further():
    made = random_network().double()
    image = torch.rand(1, 3, 40, 40, dtype=torch.float64, requires_grad=True)
    made(image)[0, 0, 11, 11].backward()  # the output pixel under the input pixel (20, 20)
    seen = image.grad.abs().sum(dim=(0, 1)).nonzero()
    assert seen.min() >= 20 - MARGIN
    assert seen.max() <= 20 + MARGIN
    assert (seen.min(), seen.max()) == (20 - MARGIN, 20 + MARGIN)


def test_channels_stay_in_order():
    made = ARCNNNetwork()
    start_at_identity(made, 0)
    with torch.no_grad():
        made.layers[-1].weight[0] = 0  # no red
    image = textured(1, 20, 20)
    restored = restore(made, image)
    assert not restored[..., 0].any()
    assert np.array_equal(restored[..., 1:], image[..., 1:])


@pytest.mark.parametrize("level", [0, 37, 255])
def test_a_flat_image_has_no_border(shipped, level):
    flat = Jpeg().compress(np.full((30, 21, 3), level, np.uint8), 10)
    restored = shipped.restore(flat)
    assert np.ptp(restored.reshape(-1, 3), axis=0).max() <= 1
    assert np.abs(restored.astype(int) - level).max() <= 4


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 33), width=st.integers(1, 33), qf=st.sampled_from(QFS))
def test_every_size_is_restored_to_itself(shipped, height, width, qf):
    compressed = Jpeg().compress(textured(2)[:height, :width], qf)
    before = compressed.pixels.copy()
    restored = shipped.restore(compressed)
    assert restored.shape == (height, width, 3)
    assert restored.dtype == np.uint8
    assert np.array_equal(compressed.pixels, before)


def test_restoring_is_deterministic(shipped):
    compressed = Jpeg().compress(textured(3), 20)
    first = shipped.restore(compressed)
    assert np.array_equal(first, shipped.restore(compressed))
    assert np.array_equal(first, ARCNN().restore(compressed))
    assert np.array_equal(first, shipped.restore(frozen(compressed)))


def frozen(compressed: Compressed) -> Compressed:
    """The same with pixels nobody may write to: the network has no business there."""
    pixels = compressed.pixels.copy()
    pixels.flags.writeable = False
    return Compressed(compressed.data, pixels, "jpeg", compressed.qf, compressed.tables)


@pytest.mark.parametrize("qf", QFS)
def test_shipped_checkpoints_beat_jpeg_on_a_synthetic_image(shipped, qf):
    gains = []
    for seed in range(3):
        image = textured(10 + seed)
        compressed = Jpeg().compress(image, qf)
        restored = shipped.restore(compressed)
        gains.append(psnr(image, restored) - psnr(image, compressed.pixels))
    assert np.mean(gains) > 0.6  # measured: about 1.1


@pytest.mark.slow
@pytest.mark.skipif(not LIVE1.is_dir(), reason="LIVE1 is not beside this repository")
@pytest.mark.parametrize("qf", QFS)
def test_on_photographs_each_checkpoint_is_better_at_its_own_qf_than_distant_ones(shipped, qf):
    names = ("bikes.png", "parrots.png", "lighthouse2.png")
    images = [np.array(Image.open(LIVE1 / name))[100:260, 160:352] for name in names]
    files = [Jpeg().compress(image, qf) for image in images]
    before = np.mean([psnr(i, f.pixels) for i, f in zip(images, files, strict=True)])

    def gain(other: int) -> float:
        shipped.prepare(other)
        relabelled = [Compressed(f.data, f.pixels, "jpeg", other, f.tables) for f in files]
        scores = [psnr(i, shipped.restore(f)) for i, f in zip(images, relabelled, strict=True)]
        return float(np.mean(scores) - before)

    gains = {other: gain(other) for other in QFS if abs(other - qf) in (0, 20, 30)}
    assert gains[qf] > 0.6
    assert max(gains, key=gains.__getitem__) == qf


def test_an_unknown_qf_names_the_known_ones(shipped):
    for call in (shipped.prepare, shipped.fingerprint):
        with pytest.raises(UserError, match=r"no checkpoint for QF 50 .*10, 20, 30, 40.*train"):
            call(50)
    with pytest.raises(UserError, match="QF 7"):
        shipped.restore(Jpeg().compress(textured(0), 7))
    assert shipped.source.qualities() == [*QFS]


def test_the_users_own_weights_are_used(own):
    mine = ARCNN(Cards("arcnn", own))
    assert mine.source.qualities() == [35]
    assert mine.fingerprint(35)["weights"] == file_sha256(own / "mine.safetensors")
    compressed = Jpeg().compress(textured(4), 35)
    assert np.array_equal(mine.restore(compressed), compressed.pixels)  # it is the identity
    with pytest.raises(UserError, match="there are: 35"):
        mine.prepare(10)


def test_a_flipped_bit_is_refused(tmp_path):
    for name in ("arcnn-q10.yaml", "arcnn-q10.safetensors"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    path = tmp_path / "arcnn-q10.safetensors"
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    source = Cards("arcnn", tmp_path)
    for call in (ARCNN(source).prepare, ARCNN(source).fingerprint):
        with pytest.raises(UserError, match="not the file its card describes"):
            call(10)


def test_missing_weights_are_named(own):
    (own / "mine.safetensors").unlink()
    with pytest.raises(UserError, match=r"missing: no file .*mine\.safetensors"):
        ARCNN(Cards("arcnn", own)).prepare(35)


def test_weights_of_another_network_are_refused(own):
    save_file(ARCNNNetwork(colours=1).state_dict(), own / "mine.safetensors")
    write_own_card(own)
    with pytest.raises(UserError, match="holds no colour ARCNN"):
        ARCNN(Cards("arcnn", own)).prepare(35)
    (own / "mine.safetensors").write_bytes(b"no safetensors at all")
    write_own_card(own)
    with pytest.raises(UserError, match="holds no colour ARCNN"):
        ARCNN(Cards("arcnn", own)).prepare(35)


def test_fingerprints_tell_checkpoints_apart(shipped):
    prints = [shipped.fingerprint(qf) for qf in QFS]
    assert len({p["weights"] for p in prints}) == 4
    assert all(p["precision"] == "float32" and p["version"] for p in prints)


@pytest.mark.parametrize("qf", QFS)
def test_shipped_cards_say_what_must_be_known(qf):
    card, path = checked_file(SHIPPED / f"arcnn-q{qf}.yaml")
    assert SHIPPED / f"arcnn-q{qf}.yaml" in ARCNN.cards()
    assert path.stat().st_size < 1_000_000
    assert "MIT" in card.licence
    assert "research" in card.licence
    assert "BSD500" in card.notes
    assert card.recipe["qf"] == qf
    assert card.measured["live1_psnr"] > card.measured["live1_psnr_jpeg"] + 0.8
