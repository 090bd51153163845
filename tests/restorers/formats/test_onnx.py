"""ONNX files that run by path."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from packaging import version
from pictures import textured
from weights_tools import restored

from harness.errors import ImageError, UserError
from harness.images.jpeg import Jpeg
from restorers.formats.onnx import OnnxRestorer

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def write(path, shape=(1, 3, "h", "w"), kernel=None, inputs=("image",), kind=FLOAT, **node):
    """One convolution with zero padding; ``kernel`` is what every channel is filtered with."""
    channels = shape[1] if isinstance(shape[1], int) else 3
    kernel = np.eye(1) if kernel is None else kernel
    weights = np.zeros((channels, channels, *kernel.shape), np.float32)
    weights[range(channels), range(channels)] = kernel
    margin = len(kernel) // 2
    convolution = helper.make_node(
        "Conv", ["image", "weights"], ["restored"], pads=[margin] * 4, **node
    )
    graph = helper.make_graph(
        [convolution],
        "net",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info("restored", kind, None)],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return OnnxRestorer.open(path)


BLUR = np.full((3, 3), 1 / 9)


def blurred(pixels):
    """The same filter, with the image continued by zeros."""
    image = np.pad(pixels.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    height, width = pixels.shape[:2]
    total = sum(image[y : y + height, x : x + width] for y in range(3) for x in range(3))
    return total / 9


@pytest.mark.parametrize("shape", [(1, 3, "h", "w"), ("n", "c", "h", "w"), (1, 3, None, None)])
def test_an_onnx_network_runs_on_any_size(shape, tmp_path):
    restorer = write(tmp_path / "blur-q10.onnx", shape, BLUR)
    compressed = Jpeg().compress(textured(0, 21, 34), 40)

    assert OnnxRestorer.accepts(tmp_path / "blur-q10.onnx")
    assert (restorer.name, restorer.multi_model) == ("blur-q10", False)
    assert np.abs(restorer.restore(compressed) - blurred(compressed.pixels)).max() <= 0.51
    assert restorer.fingerprint(40)["library"].startswith("onnxruntime 1")


@pytest.mark.parametrize("size", [(64, 64), (64, 96), (128, 128), (64, "w")])
@pytest.mark.parametrize("image", [(40, 50), (64, 64), (150, 100), (64, 200)])
def test_a_network_of_fixed_size_restores_images_of_any(size, image, tmp_path):
    restorer = write(tmp_path / "blur.onnx", (1, 3, *size), BLUR)
    compressed = Jpeg().compress(textured(0, *image), 40)

    result = restorer.restore(compressed)

    assert result.shape == compressed.pixels.shape
    inside = (slice(1, -1), slice(1, -1))  # borders are continued by a mirror, not by zeros
    difference = result[inside] - blurred(compressed.pixels)[inside]
    assert np.abs(difference).max() <= 0.51


def test_a_network_for_luma_runs(tmp_path):
    restorer = write(tmp_path / "blur.onnx", (1, 1, "h", "w"), BLUR)
    result = restored(restorer, 32).astype(float)
    change = result - Jpeg().compress(textured(1, 32, 32), 10).pixels
    inside = ((result > 0) & (result < 255)).all(2)

    assert np.abs(change).max() > 2
    assert np.ptp(change, axis=2)[inside].max() <= 1


def test_several_threads_get_what_one_gets(tmp_path):
    restorer = write(tmp_path / "blur.onnx", kernel=BLUR)
    images = [Jpeg().compress(textured(seed, 32, 40), 10) for seed in range(8)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(restorer.restore, images))

    assert all(
        np.array_equal(a, restorer.restore(b)) for a, b in zip(together, images, strict=True)
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inputs": ("image", "noise")}, "must have one input of float32 .*noise"),
        ({"kind": onnx.TensorProto.DOUBLE}, "must have one input of float32|no ONNX network"),
        ({"shape": (4, 3, "h", "w")}, "must take one image of 3 channels"),
        ({"shape": (1, 2, "h", "w")}, "must take one image of 3 channels"),
        ({"shape": (1, 3, 16, 24)}, "takes images of 24×16 pixels only: .*dynamic axes"),
        pytest.param(
            {"shape": (3, "h", "w")},
            "must have one input|no ONNX network",
            marks=pytest.mark.skipif(
                version.parse(onnxruntime.__version__) < version.parse("1.28"),
                reason=f"ONNX Runtime {onnxruntime.__version__} ends the process on such a "
                "network instead of raising; 1.28 raises",
            ),
        ),
    ],
)
def test_a_network_of_another_kind_is_refused(options, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        write(tmp_path / "net.onnx", **options).prepare(10)


def test_a_network_that_does_not_keep_the_size_fails_image_by_image(tmp_path):
    restorer = write(tmp_path / "half.onnx", strides=[2, 2])

    with pytest.raises(ImageError, match="makes 1×3×8×12 of 1×3×16×24"):
        restorer.restore(Jpeg().compress(textured(0, 16, 24), 10))


def test_weights_in_another_file_are_refused(tmp_path):
    write(tmp_path / "net.onnx", kernel=np.ones((3, 3)))
    model = onnx.load(tmp_path / "net.onnx")
    onnx.save(
        model, tmp_path / "net.onnx", save_as_external_data=True, location="net.data",
        size_threshold=0,
    )  # fmt: skip
    assert (tmp_path / "net.data").is_file()

    with pytest.raises(UserError, match="keeps its weights in another file"):
        OnnxRestorer.open(tmp_path / "net.onnx").prepare(10)


def test_a_damaged_file_and_a_missing_runtime_are_said(tmp_path, monkeypatch):
    (tmp_path / "net.onnx").write_text("weights")
    with pytest.raises(UserError, match="no ONNX network that ONNX Runtime"):
        OnnxRestorer.open(tmp_path / "net.onnx").prepare(10)

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="pip install onnxruntime"):
        OnnxRestorer.open(tmp_path / "net.onnx").prepare(10)
