"""The AR-CNN authors' Matlab files: read right and run right."""

import numpy as np
import pytest
import torch
from pictures import textured
from scipy.io import savemat
from scipy.ndimage import correlate

from harness.errors import UserError
from harness.images.fidelity import to_luma
from harness.images.jpeg import Jpeg
from restorers.architectures.arcnn import ARCNN, matlab, network

SHAPES = {"1": (1, 9, 64), "2": (64, 7, 32), "22": (32, 1, 16), "3": (16, 5, 1)}


def arrays(seed=0):
    """Random layers in the authors' layout: inputs × kernel² × outputs, columns first."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, (inputs, kernel, outputs) in SHAPES.items():
        scale = (2 / (inputs * kernel**2)) ** 0.5
        weights = rng.normal(0, scale, (inputs, kernel**2, outputs))
        # Matlab drops a last dimension of one.
        found[f"weights_conv{name}"] = weights[..., 0] if outputs == 1 else weights
        found[f"biases_conv{name}"] = rng.normal(0, 0.02, (outputs, 1)).astype(np.float32)
    return found


@pytest.fixture(scope="module")
def authors(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "q10.mat"
    savemat(path, arrays())
    return path


def by_definition(plane):
    """As the authors' Matlab code: imfilter(..., 'same', 'replicate') filter by filter."""
    maps, held = [plane], arrays()
    for name, (inputs, kernel, outputs) in SHAPES.items():
        weights = held[f"weights_conv{name}"].reshape(inputs, kernel**2, outputs)
        after = []
        for output in range(outputs):
            total = np.full(plane.shape, float(held[f"biases_conv{name}"][output, 0]))
            for index in range(inputs):
                filters = weights[index, :, output].reshape(kernel, kernel, order="F")
                total += correlate(maps[index], filters, mode="nearest")
            after.append(total if name == "3" else np.maximum(total, 0))
        maps = after
    return maps[0]


def test_the_network_is_the_authors_matlab_code(authors):
    plane = np.random.default_rng(3).random((14, 17), dtype=np.float32)

    restored = network.restore_plane(matlab.load(authors).eval(), plane)

    assert np.allclose(restored, by_definition(plane.astype(float)), atol=1e-5)


@pytest.mark.parametrize("replicate", [False, True])
def test_strips_change_nothing_of_a_plane(monkeypatch, replicate):
    torch.manual_seed(0)
    made = network.ARCNNNetwork(colours=1, replicate=replicate).eval()
    plane = np.random.default_rng(4).random((61, 23), dtype=np.float32)
    whole = network.restore_plane(made, plane)
    monkeypatch.setattr(network, "STRIP", 23 * 7)

    assert whole.shape == plane.shape
    assert np.allclose(network.restore_plane(made, plane), whole, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (8, 5)])
def test_every_size_is_restored_to_itself(authors, shape):
    restorer = ARCNN.make(str(authors))
    image = textured(5, 40, 40)[: shape[0], : shape[1]]
    for codec, pixels in ((Jpeg(), image), (Jpeg().as_grey(), to_luma(image))):
        restored = restorer.restore(codec.compress(pixels, 10))
        assert restored.shape == image.shape
        assert restored.dtype == np.uint8


def test_a_file_or_a_folder_is_named_like_itself_and_serves_its_qf(authors):
    for path, name in ((authors, "arcnn:q10"), (authors.parent, f"arcnn:{authors.parent.name}")):
        made = ARCNN.make(str(path))
        assert made.name == name
        made.prepare(10)
        with pytest.raises(UserError, match=r"no checkpoint for QF 20 \(there are: 10\)"):
            made.prepare(20)
        nearest = ARCNN.make(str(path), nearest_qf=True)
        nearest.prepare(20)
        assert nearest.fingerprint(20) == made.fingerprint(10)


def broken(change):
    found = arrays()
    change(found)
    return found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a.pop("weights_conv22"), "it has no weights_conv22"),
        (lambda a: a.update(weights_conv2=np.zeros((64, 25, 32))), "reshape"),
        (lambda a: a.update(biases_conv1=np.zeros((3, 1))), "reshape"),
        (lambda a: a.update(weights_conv1="text"), "could not convert"),
    ],
)
def test_another_networks_file_is_refused(tmp_path, change, reason):
    savemat(tmp_path / "q10.mat", broken(change))

    with pytest.raises(UserError, match=f"does not hold the AR-CNN authors' weights.*{reason}"):
        ARCNN.make(str(tmp_path / "q10.mat")).prepare(10)


@pytest.mark.parametrize("data", [b"", b"no Matlab file", b"MATLAB 7.3 MAT-file" + bytes(600)])
def test_what_is_no_matlab_file_is_refused(tmp_path, data):
    (tmp_path / "q10.mat").write_bytes(data)

    with pytest.raises(UserError, match="does not hold the AR-CNN authors' weights"):
        ARCNN.make(str(tmp_path / "q10.mat")).prepare(10)
