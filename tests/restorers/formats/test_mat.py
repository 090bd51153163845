"""Matlab files by path: DnCNN-3 as MatConvNet saves it, and who opens what."""

import itertools

import numpy as np
import pytest
from paths import DATA
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import correlate

from harness.errors import UserError
from harness.images.fidelity import psnr, to_luma
from harness.images.jpeg import Jpeg
from restorers.architectures.arcnn import ARCNN
from restorers.formats.mat import Matlab, read_layers

h5py = pytest.importorskip("h5py")

DNCNN3 = DATA / "weights/dncnn3/DnCNN3.mat"
WIDTHS = (1, 5, 5, 5, 1)


def layers(seed=0, widths=WIDTHS):
    """Random filters (outputs, inputs, row, column) and biases of a small network."""
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(0, 0.3, (o, i, 3, 3)).astype(np.float32), rng.normal(0, 0.1, o))
        for i, o in itertools.pairwise(widths)
    ]


def save(path, convolutions, pad=1, stride=1, kinds=None):
    """As MatConvNet: a cell array of structs, HDF5 behind Matlab's own 512 bytes."""
    kinds = kinds or ["conv", *["relu", "conv"] * (len(convolutions) - 1)]
    waiting = iter(convolutions)
    with h5py.File(path, "w", userblock_size=512) as file:

        def hold(name, value):
            file[name] = value
            return file[name].ref

        references = []
        for index, kind in enumerate(kinds):
            group = file.create_group(f"#refs#/layer{index}")
            group["type"] = np.array([[ord(letter)] for letter in kind], np.uint16)
            if kind == "conv":
                filters, biases = next(waiting)
                columns_first = filters.transpose(0, 1, 3, 2)
                if filters.shape[0] == 1:
                    columns_first = columns_first[0]
                weights = [
                    hold(f"#refs#/w{index}", columns_first),
                    hold(f"#refs#/b{index}", np.float32(biases)[None]),
                ]
                group.create_dataset(
                    "weights", data=np.array(weights)[:, None], dtype=h5py.ref_dtype
                )
                group["pad"], group["stride"] = np.float64([[pad]]), np.float64([[stride]])
            references.append(group.ref)
        file.create_dataset("net/layers", data=np.array(references)[:, None], dtype=h5py.ref_dtype)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, written by a test")
    return path


def by_definition(plane, convolutions):
    """Zero borders, ReLU between, the result subtracted."""
    maps = [plane]
    for number, (filters, biases) in enumerate(convolutions):
        after = [
            bias + sum(correlate(m, f, mode="constant") for m, f in zip(maps, row, strict=True))
            for row, bias in zip(filters.astype(float), biases, strict=True)
        ]
        last = number == len(convolutions) - 1
        maps = after if last else [np.maximum(m, 0) for m in after]
    return plane - maps[0]


def levels(plane):
    return np.rint(np.clip(255 * plane, 0, 255)).astype(int)


@pytest.fixture
def small(tmp_path):
    return save(tmp_path / "DnCNN3.mat", layers())


def test_the_network_is_what_matconvnet_computes(small):
    plane = np.random.default_rng(1).integers(0, 256, (13, 18), dtype=np.uint8)
    compressed = Jpeg().as_grey().compress(np.repeat(plane[..., None], 3, axis=2), 40)
    restorer = Matlab.open(small)

    restored = restorer.restore(compressed)
    expected = levels(by_definition(compressed.pixels[..., 0] / 255, layers()))

    assert restorer.name == "DnCNN3"
    assert (restored == restored[..., :1]).all()
    assert np.abs(restored[..., 0] - expected).max() <= 1  # where float32 rounds the other way
    assert np.mean(restored[..., 0] != expected) < 0.02


def test_one_file_serves_every_qf_and_its_content_is_in_the_fingerprint(small, tmp_path):
    first, again = Matlab.open(small), Matlab.open(small, nearest_qf=True)
    other = Matlab.open(save(tmp_path / "other.mat", layers(seed=1)))
    for qf in (1, 10, 77):
        first.prepare(qf)

    assert first.fingerprint(10) == first.fingerprint(77) == again.fingerprint(10)
    assert first.fingerprint(10)["weights"] != other.fingerprint(10)["weights"]
    assert first.multi_model is False


def test_tiles_change_nothing(small):
    image = np.random.default_rng(2).integers(0, 256, (90, 150, 3), dtype=np.uint8)
    compressed = Jpeg().compress(image, 20)

    whole = Matlab.open(small, tile=0).restore(compressed)
    cut = Matlab.open(small, tile=64).restore(compressed)

    assert np.abs(whole.astype(int) - cut).max() <= 1
    assert Matlab.open(small, tile=64).fingerprint(1) != Matlab.open(small).fingerprint(1)


def test_a_file_of_the_arcnn_authors_opens_as_arcnn(tmp_path):
    path = tmp_path / "q20.mat"
    savemat(path, {f"weights_conv{name}": np.zeros(1) for name in ("1", "2", "22", "3")})

    made = Matlab.open(path, tile=0)

    assert isinstance(made, ARCNN)
    assert made.name == "arcnn:q20"
    assert made.source.qualities() == [20]


def test_only_matlab_files_are_accepted(tmp_path):
    for name in ("a.mat", "A.MAT", "a.pth"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mat").mkdir()

    accepted = [path.name for path in tmp_path.iterdir() if Matlab.accepts(path)]

    assert sorted(accepted) == ["A.MAT", "a.mat"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"pad": 0}, "another pad than 1"),
        ({"stride": 2}, "another stride than 1"),
        ({"kinds": ["conv", "bnorm", "relu", "conv", "relu", "conv", "conv"]}, "conv, bnorm, relu"),
    ],
)
def test_another_network_is_refused(tmp_path, options, reason):
    path = save(tmp_path / "x.mat", layers(), **options)

    with pytest.raises(UserError, match=f"holds no DnCNN-3 as its authors saved it.*{reason}"):
        Matlab.open(path).prepare(10)


def test_a_network_for_colour_is_refused(tmp_path):
    path = save(tmp_path / "x.mat", layers(widths=(3, 4, 4, 3)))

    with pytest.raises(UserError, match="holds no DnCNN-3"):
        Matlab.open(path).prepare(10)


@pytest.mark.parametrize("data", [b"", b"anything", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_a_file_of_neither_is_refused_when_it_is_opened(tmp_path, data):
    (tmp_path / "x.mat").write_bytes(data)

    with pytest.raises(UserError, match="holds neither DnCNN-3 nor AR-CNN"):
        Matlab.open(tmp_path / "x.mat")


def test_a_damaged_file_is_refused(small):
    small.write_bytes(small.read_bytes()[:700])

    with pytest.raises(UserError, match=r"DnCNN3.mat holds no DnCNN-3"):
        Matlab.open(small).prepare(10)


@pytest.mark.slow
@pytest.mark.skipif(not DNCNN3.is_file(), reason="the authors' weights are not in ../shared")
def test_the_authors_network_is_computed_right_and_restores_photographs():
    import torch
    from torch.nn import functional as F

    restorer = Matlab.open(DNCNN3)
    convolutions = read_layers(DNCNN3)
    assert len(convolutions) == 20
    gains = []
    for path in sorted((DATA / "live1").glob("*.png"))[:5]:
        luma = to_luma(np.asarray(Image.open(path).convert("RGB"))[100:196, 120:232])
        compressed = Jpeg().as_grey().compress(luma, 10)
        restored = restorer.restore(compressed)
        given = torch.from_numpy(compressed.pixels[..., 0].astype(np.float32) / 255)[None, None]
        residual = given
        for number, (filters, biases) in enumerate(convolutions):
            residual = residual.relu() if number else residual
            residual = F.conv2d(residual, *map(torch.from_numpy, (filters, biases)), padding=1)
        expected = levels((given - residual)[0, 0].numpy())
        assert np.abs(restored[..., 0] - expected).max() <= 1
        gains.append(psnr(luma, restored) - psnr(luma, compressed.pixels))
    assert np.mean(gains) > 1  # 1.42 on all of LIVE1, whole images
