"""Whatever bytes a file has: it is read, or refused in one sentence, within bounds of memory.

Good files with random bytes changed, and JSON with random values in random places.
"""

import copy
import io
import json
import tracemalloc

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_data import instances, picture, voc, xml
from model_tools import DETECTOR
from PIL import Image
from runs import RunBuilder, fidelity_record
from safetensors.torch import save_file

from harness.assets.cards import read_card
from harness.assets.onnx_files import read_onnx
from harness.assets.pickles import load_pickle
from harness.errors import HarnessError
from harness.plugins.image_files import read_image, upright_size
from harness.plugins.training_loop import read_checkpoint
from harness.records.run_directory import RunDirectory
from harness.records.verify import repair, verify
from harness.report.figures.training import find_logs
from harness.report.panel_index import read_index
from harness.study.recipe import read_recipe
from harness.study.study import read_study
from restorers.architectures.arcnn.matlab import read_arrays
from restorers.checkpoints.format import read_header
from restorers.checkpoints.state_dict import read_state_dict
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.common.class_names import read_names
from tasks.datasets.folders.mask_files import read_mask
from tasks.datasets.voc.annotation_file import read_annotation
from tasks.datasets.voc.datasets import VocFolder
from tasks.exported.card import read_model_card

MOST_MEMORY = 32 << 20
"""Bytes that reading any of these small files may take at a time."""

# derandomize: the same files each time; benchmarks/abuse.py looks for others.
fuzzed = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

EDITS = st.lists(
    st.tuples(
        st.integers(0, 1 << 20), st.integers(0, 6), st.binary(max_size=6) | st.sampled_from(
            [b"\0", b"\xff" * 8, b'"', b"-1", b"1e999", b"NaN", b"null", b"[]", b"{}", b"\r\n",
             b"\x1b[2J", b"..", b"&a", b"*a"]
        )
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip
"""Places, bytes to leave out there, bytes to put there."""

VALUES = st.sampled_from(
    [None, True, 0, -1, 10**30, -(10**30), 0.5, 1e308, float("inf"), float("nan"), "", "x", "../x",
     "\0", "\ud800", "a\nb", "9" * 5000, [], {}, [[]], [None], {"a": None}, [1, 2, 3, 4], "1"]
)  # fmt: skip


def edited(data, edits):
    data = bytearray(data)
    for place, count, new in edits:
        at = place % (len(data) + 1)
        data[at : at + count] = new
    return bytes(data)


def places_in(value, path=()):
    """The paths of all values in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places_in(item, (*path, key))


@st.composite
def bent(draw, whole):
    """JSON with some values put in place of others, or taken away."""
    whole = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path in places_in(whole) if path]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        inner = whole
        for key in way:
            inner = inner[key]
        if draw(st.booleans()) and draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = draw(VALUES)
    return whole


def survives(read, path, memory=True):
    """It is read, or refused in one sentence that names the file."""
    tracemalloc.start()
    try:
        read(path)
    except HarnessError as error:
        said = str(error)
        assert said and "\n" not in said and "\r" not in said
        assert path.name in said or str(path.parent) in said
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST_MEMORY or not memory


def encoded(kind, mode="RGB"):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def saved(save):
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def matlab():
    from scipy.io import savemat

    return saved(lambda f: savemat(f, {"weights_conv1": np.ones((3, 4))}, do_compression=True))


def safetensors(folder):
    save_file({"a": torch.ones(3)}, folder / "x", metadata={"restorer": "arcnn"})
    return (folder / "x").read_bytes()


def onnx(folder):
    model = pytest.importorskip("onnx").helper
    node = model.make_node("Identity", ["x"], ["y"])
    values = [model.make_tensor_value_info(name, 1, [1, 3, 8, 8]) for name in "xy"]
    return model.make_model(
        model.make_graph([node], "g", values[:1], values[1:])
    ).SerializeToString()


RECIPE = b"trainer: arcnn\nname: x\nsteps: 10\nqf: [10, 20]\n"
STUDY = b"task: [detection]\nqf: [10, 20]\nrestorers: [jpeg]\ndataset: scenes\n"
CARD = (
    b"name: x\nfile: x.pth\nurl: https://example.org/x.pth\nsource: made\nlicence: MIT\nsha256: a"
    + b"0" * 63
)
LOG = b"step,seconds_per_step,loss\n10,0.5,1.25\n20,1.0,\n30,1.5,0.5\n"
XML = (
    b"<annotation><size><width>40</width><height>30</height></size><object><name>dog</name>"
    b"<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax>"
    b"</bndbox></object></annotation>"
)
PANELS = json.dumps(
    {
        "format": 1,
        "panels": [
            {
                "task": "detection",
                "image": "a",
                "codec": "jpeg",
                "qf": 10,
                "width": 4,
                "height": 3,
                "reason": "x",
                "file": "a.png",
                "views": [],
            }
        ],
    }
).encode()

READERS = {
    "coco": ("a.json", lambda _: json.dumps(instances()).encode(), CocoFile),
    "voc": ("a.xml", lambda _: XML, read_annotation),
    "names": ("a.txt", lambda _: b"background\ndog\nperson\n", read_names),
    "mask": ("a.png", lambda _: encoded("PNG", "L"), read_mask),
    "png": ("a.png", lambda _: encoded("PNG"), read_image),
    "jpeg": ("a.jpg", lambda _: encoded("JPEG"), read_image),
    "webp": ("a.webp", lambda _: encoded("WEBP"), read_image),
    "tiff": ("a.tif", lambda _: encoded("TIFF"), read_image),
    "bmp": ("a.bmp", lambda _: encoded("BMP"), read_image),
    "size": ("a.png", lambda _: encoded("PNG"), upright_size),
    "card": ("a.yaml", lambda _: CARD, read_card),
    "model card": ("a.yaml", lambda _: yaml.safe_dump(DETECTOR).encode(), read_model_card),
    "recipe": ("a.yaml", lambda _: RECIPE, read_recipe),
    "study": ("a.yaml", lambda _: STUDY, lambda path: read_study(path, {})),
    "log": ("log.csv", lambda _: LOG, find_logs),
    "panels": ("index.json", lambda _: PANELS, lambda path: read_index(path.parent)),
    "state dict": (
        "a.pth",
        lambda _: saved(lambda f: torch.save({"a": torch.ones(3)}, f)),
        read_state_dict,
    ),
    "old state dict": (
        "a.pth",
        lambda _: saved(
            lambda f: torch.save({"a": torch.ones(3)}, f, _use_new_zipfile_serialization=False)
        ),
        load_pickle,
    ),
    "checkpoint": (
        "a.pth",
        lambda _: saved(lambda f: torch.save({"step": 1, "state": {}, "rng": {}}, f)),
        read_checkpoint,
    ),
    "safetensors": ("a.safetensors", safetensors, read_state_dict),
    "header": ("a.safetensors", safetensors, read_header),
    "matlab": ("a.mat", lambda _: matlab(), read_arrays),
    "onnx": ("a.onnx", onnx, read_onnx),
}


@pytest.mark.parametrize("kind", READERS)
def test_files_of_any_bytes_are_read_or_refused(tmp_path, kind):
    name, sample, read = READERS[kind]
    whole = sample(tmp_path)
    path = tmp_path / name
    for number in (7, 3, 5):
        picture(tmp_path / f"{number:04}.jpg")
    path.write_bytes(whole)
    read(path)  # or nothing is tried; what it imports is none of its memory

    @fuzzed
    @given(EDITS)
    def fuzz(edits):
        path.write_bytes(edited(whole, edits))
        # Torch's old format asks for as many bytes as it says come; none are there, none are used.
        survives(read, path, memory=kind != "old state dict")

    fuzz()


def use(path):
    """All that is asked of annotations before an image is walked."""
    data_set = CocoFile(path)
    ids = [image.id for image in data_set.images()]
    data_set.coco(ids)
    data_set.fingerprint()
    assert isinstance(data_set.notice, str) and data_set.classes is not None


def test_coco_files_of_any_values_are_read_or_refused(tmp_path):
    for number in (7, 3, 5):
        picture(tmp_path / f"{number:04}.jpg")
    path = tmp_path / "a.json"

    @fuzzed
    @given(bent(instances()))
    def fuzz(whole):
        path.write_text(json.dumps(whole))
        survives(use, path)

    fuzz()


def test_voc_folders_of_any_annotations_are_read_or_refused(tmp_path):
    voc(tmp_path, segmentation=(), main=("a", "b"))
    (tmp_path / "ImageSets/Segmentation/val.txt").unlink()
    xml(tmp_path / "Annotations/b.xml", [], (40, 30))
    path = tmp_path / "Annotations/a.xml"

    def read(_):
        data_set = VocFolder.open(tmp_path)
        data_set.coco([image.id for image in data_set.images()])

    @fuzzed
    @given(EDITS)
    def fuzz(edits):
        path.write_bytes(edited(XML, edits))
        survives(read, path)

    fuzz()


@pytest.fixture
def run(tmp_path):
    builder = RunBuilder(tmp_path / "run", task="fidelity", ids="ab")
    builder.cell("jpeg", 10, [fidelity_record("a", 30.0), fidelity_record("b", 31.0)])
    builder.cell("dagn", 10, [fidelity_record("a", 30.0)])
    directory = builder.write()
    directory.write_truth("fidelity", {"ids": ["a", "b"]})
    directory.compact()
    return directory.path


def look(path):
    """Read all of a run directory."""
    directory = RunDirectory(path)
    for cell in directory.manifest().cells:
        directory.records(cell)
        directory.truth(cell.task)


def held(run):
    """Whatever a run's files hold: it is read or refused, and mended until it can be read."""
    survives(look, run)
    survives(lambda path: verify(RunDirectory(path)), run)
    directory = RunDirectory(run)
    repair(directory, verify(directory))
    if directory.manifest_path.exists():
        look(run)


@pytest.mark.parametrize("name", ["*.jsonl", "*.xz", "*.gz", "manifest.json"])
def test_runs_of_any_bytes_are_read_or_refused_and_mended(run, name):
    [path] = [path for path in run.rglob(name) if path.name != "manifest.copy.json"]
    files = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}

    @settings(fuzzed, max_examples=10)
    @given(EDITS)
    def fuzz(edits):
        for file in run.rglob("*"):
            if file.is_file():
                file.unlink()
        for file, data in files.items():
            file.write_bytes(data)
        path.write_bytes(edited(files[path], edits))
        held(run)

    fuzz()


def test_manifests_of_any_values_are_read_or_refused(run):
    path = run / "manifest.json"
    whole = json.loads(path.read_text())
    whole["truth"] = {"fidelity": "a" * 64}
    whole["identity"]["codec"] = {"codec": "jpeg"}
    early = {k: v for k, v in whole["identity"].items() if k != "codecs"}

    @fuzzed
    @given(bent(whole) | bent({**whole, "identity": early}))
    def fuzz(written):
        path.write_text(json.dumps(written))
        survives(look, run)

    fuzz()
