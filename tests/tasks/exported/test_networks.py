"""TorchScript and ONNX files, run as their cards say."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from model_tools import CLASSIFIER, DETECTOR, noise, opened

from harness.errors import ImageError, UserError
from tasks.classes import COCO

pytestmark = pytest.mark.usefixtures("trusted_code")

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper, FLOAT, UINT8 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
PIXEL = (1, 2)
"""Row and column of the pixel that the classifiers here return as their scores."""


class Pixel(torch.nn.Module):
    """A classifier whose three scores are one pixel of the input."""

    def __init__(self, layout):
        super().__init__()
        self.layout = layout

    def forward(self, x: torch.Tensor):
        if self.layout == "nhwc":
            return x[0, 1, 2]
        if self.layout == "nchw":
            return x[0, :, 1, 2]
        return x[:, 1, 2]


class PixelOfList(torch.nn.Module):
    def forward(self, x: list[torch.Tensor]):
        return x[0][:, 1, 2]


def save_script(path, module):
    torch.jit.script(module.eval()).save(str(path))


def save_onnx(path, nodes, shape, outputs, kind=FLOAT, constants=(), inputs=("image",)):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(name, of, None) for name, of in outputs.items()],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def onnx_pixel(path, layout, dtype="float32", sides=("h", "w"), **options):
    height, width = sides
    shape = {"nchw": [1, 3, height, width], "nhwc": [1, height, width, 3]}.get(
        layout, [3, height, width]
    )
    axis = shape.index(height)
    nodes = [
        helper.make_node("Gather", ["image", "column"], ["across"], axis=axis + 1),
        helper.make_node("Gather", ["across", "row"], ["pixel"], axis=axis),
        helper.make_node("Cast", ["pixel"], ["scores"], to=FLOAT),
    ]
    save_onnx(
        path, nodes, shape, {"scores": FLOAT}, FLOAT if dtype == "float32" else UINT8,
        [("row", PIXEL[0]), ("column", PIXEL[1])], **options,
    )  # fmt: skip


@pytest.mark.parametrize("framework", ["torchscript", "onnx"])
@pytest.mark.parametrize("layout", ["chw-list", "chw", "nchw", "nhwc"])
@pytest.mark.parametrize(
    ("order", "unit", "dtype"),
    [("rgb", "unit", "float32"), ("bgr", "byte", "float32"), ("bgr", "byte", "uint8")],
)
def test_a_network_sees_the_image_as_its_card_says(tmp_path, framework, layout, order, unit, dtype):
    if framework == "onnx":
        onnx_pixel(tmp_path / "net", layout, dtype)
    else:
        save_script(tmp_path / "net", PixelOfList() if layout == "chw-list" else Pixel(layout))
    fields = {"layout": layout, "order": order, "range": unit, "dtype": dtype}
    model = opened(tmp_path, CLASSIFIER, {
        "file": "net", "framework": framework, "input": fields, "classes": ["a", "b", "c"],
    })  # fmt: skip
    image = noise(4, 5)

    scores = model.predict(image)

    pixel = image[PIXEL][:: -1 if order == "bgr" else 1]
    assert np.allclose(scores, pixel / (255 if unit == "unit" else 1), atol=1e-7)
    assert scores.shape == (3,)


class Finder(torch.nn.Module):
    """A small detector: convolutions, then the cells that say yes; elementwise code to fuse."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, 2, 1), torch.nn.BatchNorm2d(16), torch.nn.SiLU(),
            torch.nn.Conv2d(16, 16, 3, 2, 1), torch.nn.GELU(),
        )  # fmt: skip
        self.head = torch.nn.Conv2d(16, 7, 1)

    def forward(self, images: list[torch.Tensor]):
        maps = self.head(self.body(images[0][None]))[0].flatten(1).t()
        scores, labels = torch.softmax(maps[:, 4:] * 3.0 + 0.1, 1).max(1)
        centres, sizes = maps[:, :2] * 200.0 + 20.0, torch.exp(maps[:, 2:4].tanh() * 0.7 + 1.0)
        boxes = torch.cat([centres - sizes, centres + sizes], 1)
        keep = torch.ops.torchvision.nms(boxes, scores, 0.5)
        found = {"boxes": boxes[keep], "scores": scores[keep], "labels": labels[keep] + 1}
        return images, [found]


LISTED = {
    "input.layout": "chw-list", "classes": ["a", "b", "c"],
    **{f"output.{name}": f"1.0.{name}" for name in ("boxes", "scores", "labels")},
}  # fmt: skip


def test_a_scripted_detector_answers_as_called_directly_at_every_call(tmp_path):
    """Also by several threads: the interpreter's optimiser learns from the calls before."""
    import torchvision  # noqa: F401 - its operators

    save_script(tmp_path / "found.pt", Finder())
    model, direct = opened(tmp_path, DETECTOR, LISTED), Finder().eval()
    images = [noise(40, 40 + 8 * (k % 3), k) for k in range(6)]

    first = [model.predict(image) for image in images for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, images))

    for k, image in enumerate(images):
        with torch.inference_mode():
            _, (wanted,) = direct([torch.from_numpy(image).permute(2, 0, 1).float() / 255])
        assert len(wanted["boxes"]) > 5
        for found in (*first[3 * k : 3 * k + 3], together[k]):
            assert np.array_equal(found.scores, wanted["scores"].numpy())
            assert np.array_equal(found.labels, wanted["labels"].numpy())
            clipped = wanted["boxes"].numpy().clip(0, [image.shape[1], image.shape[0]] * 2)
            assert np.array_equal(found.boxes, clipped)


def test_an_onnx_detector_answers_by_name_and_the_same_in_every_thread(tmp_path):
    """Its box is the image's mean colour, its labels COCO ids."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[0, 2, 3], keepdims=0),
        helper.make_node("Concat", ["mean", "one"], ["four"], axis=0),
        helper.make_node("Reshape", ["four", "shape"], ["found.boxes"]),
        helper.make_node("Identity", ["half"], ["found.scores"]),
        helper.make_node("Identity", ["id"], ["found.labels"]),
    ]
    outputs = {f"found.{name}": FLOAT for name in ("boxes", "scores")}
    outputs["found.labels"] = onnx.TensorProto.INT64
    constants = {"one": np.ones(1, np.float32), "shape": [1, 4], "id": [90],
                 "half": np.full(1, 0.5, np.float32)}  # fmt: skip
    save_onnx(tmp_path / "found.onnx", nodes, [1, 3, "h", "w"], outputs, FLOAT, constants.items())
    model = opened(tmp_path, DETECTOR, {
        "file": "found.onnx", "framework": "onnx", "input.layout": "nchw", "classes": "coco-ids",
        "output": {"boxes": "found.boxes", "scores": "1", "labels": "found.labels",
                   "box_format": "xywh", "box_units": "fraction"},
    })  # fmt: skip
    images = [noise(20, 30, seed) for seed in range(8)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, images))

    for found, image in zip(together, images, strict=True):
        x, y, width = image.mean((0, 1)) / 255
        expected = [30 * x, 20 * y, min(30 * (x + width), 30), 20]
        assert np.allclose(found.boxes[0], expected, atol=1e-4)
        assert np.array_equal(found.boxes, model.predict(image).boxes)
        assert COCO[found.labels[0] - 1] == "toothbrush"


@pytest.mark.parametrize(
    ("options", "changes", "sentence"),
    [
        ({"layout": "nhwc"}, {}, r"the card's input is one tensor\(float\) of NCHW.*'h', 'w', 3"),
        ({"layout": "chw"}, {}, r"is one tensor\(float\) of NCHW, .* Mend layout"),
        ({"dtype": "uint8"}, {}, r"of NCHW, N = 1 and C = 3, the file's is image: tensor\(uint8"),
        ({"inputs": ("image", "size")}, {}, "image: .*, size: "),
        ({"sides": (64, 64)}, {}, r"takes image: .*\[1, 3, 64, 64\] \(NCHW\) only. Set input.size"),
        ({"sides": (64, 64)}, {"input.size": {"letterbox": 96}}, "only. Set input.size"),
        ({"sides": (64, 64)}, {"input.size": {"short": 64}}, "only. Set input.size"),
        ({"sides": (64, 64)}, {"input.size": {"letterbox": 64}}, None),
        ({"sides": (64, 96)}, {"input.size": {"height": 64, "width": 96}}, None),
    ],
)
def test_an_onnx_file_that_does_not_fit_its_card_is_refused(tmp_path, options, changes, sentence):
    onnx_pixel(tmp_path / "net.onnx", **{"layout": "nchw", **options})
    model = opened(tmp_path, CLASSIFIER, {
        "file": "net.onnx", "framework": "onnx", "input.layout": "nchw",
        "classes": ["a", "b", "c"], **changes,
    })  # fmt: skip
    if sentence is None:
        model.prepare()
        assert model.predict(noise(50, 70)).shape == (3,)
    else:
        with pytest.raises(UserError, match=sentence):
            model.prepare()


def test_weights_in_another_file_are_refused(tmp_path):
    onnx_pixel(tmp_path / "net.onnx", "nchw")
    save = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}
    onnx.save(onnx.load(tmp_path / "net.onnx"), tmp_path / "net.onnx", **save)

    model = opened(tmp_path, CLASSIFIER, {"file": "net.onnx", "framework": "onnx"})
    with pytest.raises(UserError, match="keeps its weights in another file"):
        model.prepare()


@pytest.mark.parametrize("framework", ["torchscript", "onnx"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, framework):
    (tmp_path / "found.pt").write_text("weights")
    with pytest.raises(UserError, match="found.pt is no (TorchScript|ONNX)") as error:
        opened(tmp_path, DETECTOR, {"framework": framework}).prepare()
    assert "\n" not in str(error.value)


def test_a_missing_runtime_is_said(tmp_path, monkeypatch):
    onnx_pixel(tmp_path / "net.onnx", "nchw")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="pip install onnxruntime"):
        opened(tmp_path, CLASSIFIER, {"file": "net.onnx", "framework": "onnx"}).prepare()


class Fussy(torch.nn.Module):
    def forward(self, x: torch.Tensor):
        if x.shape[1] < 10:
            raise ValueError("the image is too small")
        return x[:, 0, 0]


def test_a_network_that_fails_fails_the_image_in_a_sentence(tmp_path):
    save_script(tmp_path / "found.pt", Fussy())
    model = opened(tmp_path, CLASSIFIER, {"classes": ["a", "b", "c"]})

    assert model.predict(noise(10, 10)).shape == (3,)
    with pytest.raises(ImageError, match="fails on an image of 7×9 pixels: .*too small") as error:
        model.predict(noise(9, 7))
    assert "\n" not in str(error.value)


@pytest.fixture
def engine():
    """torch's quantised engine, given back after the test."""
    before = torch.backends.quantized.engine
    yield before
    torch.backends.quantized.engine = before


def quantised(path, name):
    """A classifier with one quantised layer, made for an engine."""
    torch.backends.quantized.engine = name

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            weights = torch.linspace(-1, 1, 9).reshape(3, 3)
            whole = torch.quantize_per_tensor(weights, 1 / 127, 0, torch.qint8)
            self.packed = torch.ops.quantized.linear_prepack(whole, torch.zeros(3))

        def forward(self, x: torch.Tensor):
            mean = torch.quantize_per_tensor(x.mean((1, 2))[None], 1 / 255, 0, torch.quint8)
            return torch.ops.quantized.linear(mean, self.packed, 1 / 64, 128).dequantize()

    torch.jit.trace(Layer(), torch.zeros(3, 4, 4)).save(str(path))


def test_a_quantised_network_runs_on_the_engine_of_its_card_only(tmp_path, engine):
    known = torch.backends.quantized.supported_engines
    first, second = [name for name in ("qnnpack", "x86", "fbgemm") if name in known][:2]
    quantised(tmp_path / "found.pt", first)
    torch.backends.quantized.engine = second
    with pytest.raises(UserError, match="found.pt is quantised, .* say quantized_engine: qnnpack"):
        opened(tmp_path, CLASSIFIER, {"classes": ["a", "b", "c"]}).prepare()

    changes = {"classes": ["a", "b", "c"], "quantized_engine": first}
    model = opened(tmp_path, CLASSIFIER, changes)
    model.prepare()
    image = noise(4, 4)
    expected = np.linspace(-1, 1, 9).reshape(3, 3) @ (image.mean((0, 1)) / 255)
    assert np.abs(model.predict(image) - expected).max() < 2 / 64
    assert torch.backends.quantized.engine == first

    torch.backends.quantized.engine = second  # as another model's card would
    with pytest.raises(UserError, match=f"needs .* {first}, and another model .* set {second}"):
        model.predict(image)
    model.prepare()
    assert model.predict(image).shape == (3,)


def test_an_engine_that_this_torch_lacks_is_said(tmp_path, engine, monkeypatch):
    save_script(tmp_path / "found.pt", Pixel("chw"))
    model = opened(tmp_path, CLASSIFIER, {"quantized_engine": "fbgemm"})
    monkeypatch.setattr(type(torch.backends.quantized), "supported_engines", ["x86"])
    with pytest.raises(UserError, match="engine fbgemm, which this torch lacks; it has x86"):
        model.prepare()
