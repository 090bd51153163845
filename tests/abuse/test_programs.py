"""Weights that are programs, and networks that read files elsewhere: refused at every door."""

import tarfile

import numpy as np
import pytest
from model_tools import DETECTOR, SEGMENTER, opened
from pictures import textured
from programs import write_program

import harness as library
from harness.assets.onnx_files import read_onnx
from harness.assets.pickles import load_pickle
from harness.assets.programs import VARIABLE, is_torchscript
from harness.errors import UserError
from harness.images.io import write_png
from harness.plugins import registry
from harness.plugins.training_loop import read_checkpoint
from harness.records.run_directory import RunDirectory
from harness.study.overrides import NO_OVERRIDES

pytestmark = [pytest.mark.abuse, pytest.mark.filterwarnings("ignore:`torch.jit")]

RUN = ("run", "--task", "fidelity", "--dataset", "photos", "--qf", "10", "--output", "out")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A folder of an image and a program that is called weights; the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "0")
    (tmp_path / "photos").mkdir()
    write_png(textured(0, 32, 40), tmp_path / "photos" / "a.png")
    return write_program(tmp_path / "weights.pth")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".ts"])
def test_a_program_called_weights_is_not_run_unless_the_user_trusts_it(harness, program, suffix):
    file = program.rename(program.with_suffix(suffix))
    assert is_torchscript(file)

    code, _, said = harness(*RUN, "--restorers", file)
    assert code == 2
    assert f"{file} is TorchScript, a program" in said
    assert "--trust-code" in said
    assert not (program.parent / "ran").exists()

    code, table, said = harness(*RUN, "--restorers", file, "--trust-code")
    assert code == 0, said
    assert (program.parent / "ran").exists()
    assert "weights" in table


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        *((name, "is TorchScript, a program") for name in ("dagn", "fbcnn", "swinir", "ipt")),
        ("arcnn", "is no safetensors file"),
        *((name, "was not written by `harness train`") for name in ("qgac", "dmcnn")),
    ],
)
def test_a_program_is_no_weights_of_a_named_restorer(harness, program, name, sentence):
    file = program.rename(program.with_name("q10.pth"))
    for trust in ((), ("--trust-code",)):
        code, _, said = harness(*RUN, "--restorers", f"{name}:{file}", *trust)
        assert code == 2, said
        assert sentence in said
    assert not (program.parent / "ran").exists()


@pytest.mark.parametrize("load", [load_pickle, read_checkpoint])
def test_a_program_is_no_checkpoint(program, load):
    with pytest.raises(UserError, match="is TorchScript, a program"):
        load(program)
    assert not (program.parent / "ran").exists()


def test_a_program_whose_table_of_contents_hides_its_code_is_found_by_torchs_own_reader(
    program, monkeypatch
):
    monkeypatch.setattr("harness.assets.pickles.is_torchscript", lambda path: False)
    with pytest.raises(UserError, match="is TorchScript, a program"):
        load_pickle(program)


def test_checkpoints_of_torchs_first_years_are_not_read(tmp_path):
    with tarfile.open(tmp_path / "old.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"))
    with pytest.raises(UserError, match="tar archive"):
        load_pickle(tmp_path / "old.pth")


@pytest.mark.parametrize("card", [DETECTOR, SEGMENTER])
def test_a_card_alone_trusts_nothing(program, card):
    model = opened(program.parent, card, {"file": "weights.pth"})
    with pytest.raises(UserError, match="is TorchScript, a program.*--trust-code"):
        model.prepare()
    assert not (program.parent / "ran").exists()


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("detection", "fasterrcnn_resnet50_fpn"),
        ("segmentation", "lraspp_mobilenet_v3_large"),
        ("classification", "resnet50"),
    ],
)
def test_a_program_is_no_weights_of_a_vision_model(program, task, name):
    with pytest.raises(UserError, match="is TorchScript, a program"):
        registry.models(task).get(name).make(str(program)).prepare()
    assert not (program.parent / "ran").exists()


def test_python_trusts_a_program_for_one_call_and_its_panels(program):
    study = {"task": "fidelity", "dataset": "photos", "qf": 10, "restorers": [program]}
    with pytest.raises(UserError, match="trust_code=True"):
        library.evaluate(study, output="out")
    finished = library.evaluate(study, output="out", trust_code=True)
    assert finished.trust_code
    with pytest.raises(UserError, match="is TorchScript, a program"):
        library.evaluate(study, output="other")


def test_pictures_of_a_run_directory_run_no_program_that_it_names(harness, program):
    assert harness(*RUN, "--restorers", f"jpeg,{program}", "--trust-code")[0] == 0
    (program.parent / "ran").unlink()

    refused = harness("panels", "out", "--image", "a.png")[2]
    assert "is TorchScript, a program" in refused
    assert not (program.parent / "ran").exists()
    assert harness("panels", "out", "--image", "a.png", "--trust-code")[0] == 0


def test_a_config_that_is_code_runs_where_the_user_names_it(tmp_path, monkeypatch):
    from harness.panels.replan import _check_configs

    monkeypatch.setenv(VARIABLE, "0")
    directory = RunDirectory(tmp_path)
    with pytest.raises(UserError, match=r"evil\.py.*Python code.*--trust-code"):
        _check_configs(["evil.py:net.pth"], directory)
    _check_configs(["evil.yaml", "pspnet"], directory)
    assert not NO_OVERRIDES.called


onnx = pytest.importorskip("onnx")


def external(entries=(("location", "../secret"),), by_flag=True):
    """A tensor whose values lie in another file."""
    tensor = onnx.TensorProto(data_type=onnx.TensorProto.FLOAT, dims=[3], name="w")
    if by_flag:
        tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in entries:
        tensor.external_data.add(key=key, value=value)
    return tensor


def model_with(graph=None, **parts):
    nodes = [onnx.helper.make_node("Identity", ["image"], ["out"])]
    value = onnx.helper.make_tensor_value_info
    made = onnx.helper.make_graph(
        nodes, "net",
        [value("image", onnx.TensorProto.FLOAT, [1, 3, "h", "w"])],
        [value("out", onnx.TensorProto.FLOAT, None)],
    )  # fmt: skip
    if graph is not None:
        graph(made)
    return onnx.helper.make_model(made, **parts)


def node(**attributes):
    return onnx.helper.make_node("Constant", [], ["c"], **attributes)


def in_subgraph(graph):
    inner = onnx.helper.make_graph([], "inner", [], [], [external()])
    middle = onnx.helper.make_graph([node(body=inner)], "middle", [], [])
    graph.node.append(node(then_branch=middle))


def in_graphs(graph):
    inner = onnx.helper.make_graph([], "inner", [], [], [external()])
    graph.node.append(node(branches=[inner]))


def sparse(part):
    tensor = onnx.SparseTensorProto()
    getattr(tensor, part).CopyFrom(external())
    return tensor


def function():
    return onnx.helper.make_function(
        "own", "F", [], ["c"], [node(value=external())], [onnx.helper.make_opsetid("", 17)]
    )


def training(model):
    model.training_info.add().algorithm.initializer.append(external())
    return model


ELSEWHERE = {
    "location first": lambda: model_with(lambda g: g.initializer.append(external())),
    "location last": lambda: model_with(
        lambda g: g.initializer.append(
            external((("offset", "0"), ("length", "12"), ("location", "/etc/passwd")))
        )
    ),
    "twice": lambda: model_with(
        lambda g: g.initializer.append(external((("location", "a"), ("location", "../b"))))
    ),
    "unflagged": lambda: model_with(lambda g: g.initializer.append(external(by_flag=False))),
    "no entries": lambda: model_with(lambda g: g.initializer.append(external(()))),
    "memory": lambda: model_with(
        lambda g: g.initializer.append(external((("location", "*/_ORT_MEM_ADDR_/*"),)))
    ),
    "constant": lambda: model_with(lambda g: g.node.append(node(value=external()))),
    "constants": lambda: model_with(lambda g: g.node.append(node(values=[external()]))),
    "subgraph": lambda: model_with(in_subgraph),
    "graphs": lambda: model_with(in_graphs),
    "sparse values": lambda: model_with(
        lambda g: g.sparse_initializer.append(sparse("values"))
    ),
    "sparse indices": lambda: model_with(
        lambda g: g.sparse_initializer.append(sparse("indices"))
    ),
    "sparse attribute": lambda: model_with(
        lambda g: g.node.append(node(sparse_value=sparse("values")))
    ),
    "function": lambda: model_with(functions=[function()]),
    "training": lambda: training(model_with()),
}  # fmt: skip


@pytest.mark.parametrize("where", ELSEWHERE)
def test_an_onnx_file_that_names_another_is_refused_wherever_it_does(where, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(ELSEWHERE[where]().SerializeToString())
    with pytest.raises(UserError, match="keeps its weights in another file"):
        read_onnx(path)


def test_the_value_may_stand_before_its_key(tmp_path):
    data = model_with(lambda g: g.initializer.append(external(by_flag=False))).SerializeToString()
    key, value = b"\x0a\x08location", b"\x12\x09../secret"
    assert data.count(key + value) == 1
    (tmp_path / "net.onnx").write_bytes(data.replace(key + value, value + key))
    with pytest.raises(UserError, match="keeps its weights in another file"):
        read_onnx(tmp_path / "net.onnx")


def test_the_word_location_alone_is_no_other_file(tmp_path):
    model = model_with(lambda g: g.node.append(node(value_string="\n\x08location\x12\x01x")))
    model.metadata_props.add(key="location", value="../secret")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    assert read_onnx(tmp_path / "net.onnx") == (tmp_path / "net.onnx").read_bytes()


@pytest.mark.parametrize(
    "data",
    [b"weights", b"\x3a\xff\xff\xff\x7f", b"\x80" * 12, b"\x0b\x0c", b"\x00\x00\x00\x00ORTM\x00"],
)
def test_damaged_onnx_files_are_refused_in_a_sentence(data, tmp_path):
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(UserError, match="no ONNX network") as error:
        read_onnx(tmp_path / "net.onnx")
    assert "\n" not in str(error.value)


def test_cut_onnx_files_never_fail_otherwise(tmp_path):
    whole = ELSEWHERE["subgraph"]().SerializeToString()
    numbers = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole[: numbers.integers(len(whole))])
        for place in numbers.integers(max(len(data), 1), size=3):
            if data:
                data[place % len(data)] = numbers.integers(256)
        (tmp_path / "net.onnx").write_bytes(data)
        try:
            read_onnx(tmp_path / "net.onnx")
        except UserError as error:
            assert "\n" not in str(error)
