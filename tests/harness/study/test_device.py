"""``--device``: what is chosen, what is refused, and that numbers of two classes never meet."""

import os
from dataclasses import replace

import pytest
import torch
from manifests import manifest_json, plan_numbers
from torch.backends import cudnn

from harness.engine import local
from harness.engine.determinism import deterministic, settings_preserved
from harness.errors import UserError
from harness.images.io import write_png
from harness.plugins import Restorer
from harness.records.run_directory import RunDirectory
from harness.report.tables.build import table_title
from harness.study import plan as plans
from harness.study.device import CPU, Device, choose_device
from harness.study.plan import make_plan
from harness.study.planned_runs import default_directory
from harness.study.recipe import train
from harness.study.study import Study

GPU = Device("cuda:1", "NVIDIA H100")


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    "asked, name",
    [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("1", "cuda:1"), ("auto", "cuda:0")],
)
def test_a_device_is_found_by_its_name(asked, name, two_gpus):
    device = choose_device(asked)
    assert device.name == name
    assert device.title == ("" if name == "cpu" else f"GPU {name[-1]}")


def test_auto_takes_an_accelerator_where_there_is_one_and_says_so(two_gpus):
    assert choose_device("auto").notices(["mine"]) == [
        "Models run on cuda:0 (GPU 0).",
        "Not moved to cuda:0, which they cannot use: mine.",
    ]
    assert choose_device("cpu").notices() == []


def test_auto_is_the_cpu_where_there_is_none_and_says_so(no_gpu):
    assert choose_device("auto").kind == "cpu"
    assert choose_device("auto").notices() == ["Models run on the CPU: torch finds no accelerator."]


@pytest.mark.parametrize(
    "asked, sentence",
    [
        ("cuda", "torch finds no CUDA device here. Leave it out for the CPU."),
        ("cuda:1", "torch finds no CUDA device here"),
        ("mps", "torch finds no Apple GPU here"),
        ("tpu", "--device tpu: auto, cpu, cuda, cuda:N or mps."),
        ("cuda:", "auto, cpu, cuda, cuda:N or mps."),
        ("0,1,2,3", "one process computes on one device.*--device cuda:0 --shard 1/4"),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(asked, sentence, no_gpu):
    with pytest.raises(UserError, match=sentence):
        choose_device(asked)


def test_a_number_too_high_is_refused_with_those_there_are(two_gpus):
    with pytest.raises(UserError, match=r"no such device here, but cuda:0 to cuda:1\."):
        choose_device("cuda:2")


def fidelity_study(**fields):
    given = {"task": ("fidelity",), "dataset": "scenes", "qf": (10,), "limit": 2}
    return Study(**{**given, "restorers": ("jpeg", "arcnn"), **fields})


@pytest.fixture
def stays_put(monkeypatch):
    """Networks say that they are placed, and stay on the CPU."""
    from restorers.common.pretrained import PretrainedRestorer

    placed = []
    monkeypatch.setattr(
        PretrainedRestorer, "place", lambda self, device: placed.append(device) or device
    )
    return placed


def test_the_class_of_device_is_in_every_fingerprint_but_the_cpus(stays_put):
    on_cpu, on_gpu = make_plan(fidelity_study()), make_plan(fidelity_study(), device=GPU)
    other_gpu = make_plan(fidelity_study(), device=Device("cuda:0", "another"))

    assert stays_put == ["cpu", "cuda:1", "cuda:0"]
    assert all("device" not in cell.inputs for cell in on_cpu.cells)
    assert "device" not in on_cpu.identity
    assert {cell.inputs["device"] for cell in on_gpu.cells} == {"cuda"}
    prints = [[cell.fingerprint for cell in plan.cells] for plan in (on_cpu, on_gpu, other_gpu)]
    assert not set(prints[0]) & set(prints[1])
    assert prints[1] == prints[2]
    assert on_gpu.notices[-1] == "Models run on cuda:1 (NVIDIA H100)."  # jpeg has none to move
    assert default_directory(on_gpu).name == default_directory(on_cpu).name + "-cuda"


def test_who_stays_on_the_cpu_is_named(monkeypatch):
    class Plain(Restorer):
        name, multi_model = "plain", False

        def fingerprint(self, qf):
            return {}

        def restore(self, compressed):
            return compressed.pixels

    overrides = plans.Overrides(restorers={"plain": Plain()})
    plan = make_plan(fidelity_study(restorers=("jpeg", "plain")), overrides=overrides, device=GPU)
    assert plan.notices[-1] == "Not moved to cuda:1, which they cannot use: plain."


@pytest.mark.parametrize("first, then", [(CPU, GPU), (GPU, CPU)])
def test_a_run_does_not_go_on_on_another_class_of_device(world, tmp_path, first, then):
    directory = RunDirectory(tmp_path / "run")
    local.run(replace(world.plan(), device=first), directory)
    before = plan_numbers(directory, world.plan())

    with pytest.raises(UserError) as refused:
        local.run(replace(world.plan(), device=then), directory)

    assert str(refused.value) == (
        f"{directory.path} was computed on {first.kind}, and this run would go on on {then.kind}: "
        "numbers of one table come from one class of device. Go on with "
        f"--device {first.kind}, or choose another --output."
    )
    assert plan_numbers(directory, world.plan()) == before
    another = replace(first, name=first.name.replace("1", "0"))
    assert local.run(replace(world.plan(), device=another), directory).computed == 0


def test_heading_and_environment_name_the_device_and_say_nothing_of_a_cpu(tmp_path):
    lines = {}
    for device in (CPU, GPU):
        directory = RunDirectory(tmp_path / device.kind)
        local.run(make_plan(fidelity_study(restorers=("jpeg",)), device=device), directory)
        lines[device.kind] = table_title(directory)
        manifest = directory.manifest()
        assert manifest.environments[0].get("device", "") == device.title
        assert manifest_json(directory)["identity"].get("device") == (
            None if device is CPU else "cuda"
        )
    assert lines["cuda"] == (*lines["cpu"], "Models on cuda in fp32")


def test_reference_mode_takes_no_short_floats_and_tries_no_algorithms(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with settings_preserved():
        torch.use_deterministic_algorithms(False)
        torch.set_float32_matmul_precision("high")
        cudnn.benchmark = cudnn.allow_tf32 = True
        with settings_preserved():
            deterministic(0)
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.backends.cuda.matmul.allow_tf32
            assert (cudnn.benchmark, cudnn.allow_tf32) == (False, False)
            assert torch.are_deterministic_algorithms_enabled()
            assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert torch.get_float32_matmul_precision() == "high"
        assert (cudnn.benchmark, cudnn.allow_tf32) == (True, True)
        assert not torch.are_deterministic_algorithms_enabled()


@pytest.fixture
def recipes(monkeypatch, tmp_path):
    """Trains recipes with a trainer that notes them: what it was given, and its lines."""
    from harness.plugins import registry

    given, lines = [], []

    def trainer(recipe, directory, report):
        given.append(recipe)
        (directory / "last.pt").write_bytes(b"")
        return directory / "card.yaml"

    monkeypatch.setattr(registry, "trainers", lambda: {"stub": trainer})
    path = tmp_path / "mine.yaml"

    def call(device=None, **fields):
        text = "".join(f"{key}: {value}\n" for key, value in fields.items())
        path.write_text(f"trainer: stub\nname: mine\n{text}")
        train(path, tmp_path / "out", lines.append, device)
        return given[-1], lines

    return call


def test_a_training_takes_the_device_in_place_of_its_recipes(recipes, two_gpus):
    recipe, lines = recipes("cuda", accelerator="cpu", devices=2)
    assert (recipe["accelerator"], recipe["devices"]) == ("cuda", 1)
    assert lines == ["Training on cuda:0 (GPU 0)."]
    recipes("cuda", accelerator="cpu", devices=2)  # goes on
    with pytest.raises(UserError, match=r"begun on another device \(accelerator: cuda\)"):
        recipes("cpu", accelerator="cpu", devices=2)
    with pytest.raises(UserError, match="of another recipe"):
        recipes("cuda", accelerator="cpu", devices=2, steps=3)
    with pytest.raises(UserError, match="CUDA_VISIBLE_DEVICES"):
        recipes("cuda:1")


def test_a_vision_models_training_is_on_the_cpu():
    from tasks.weights.recipe import check_recipe

    with pytest.raises(UserError, match="mine trains on the CPU: leave out --device"):
        check_recipe({"name": "mine", "trainer": "t", "accelerator": "cuda", "devices": 1}, "t")
    with pytest.raises(UserError, match="lacks the key 'average'"):
        check_recipe({"name": "mine", "trainer": "t", "accelerator": "cpu", "devices": 1}, "t")


@pytest.mark.integration
@pytest.mark.parametrize(
    "command",
    [
        ("run", "--task", "fidelity", "--dataset", "photos", "--restorers", "jpeg"),
        ("train", "dagn-small"),
        ("cost", "--no-time", "--restorers", "arcnn"),
        ("panels", "."),
        ("doctor",),
    ],
)
def test_every_command_refuses_a_device_that_is_not_there(command, harness, no_gpu, tmp_path):
    write_png(torch.zeros(16, 16, 3, dtype=torch.uint8).numpy(), tmp_path / "photos" / "a.png")
    code, out, err = harness(*command, "--device", "cuda:3")
    assert (code, out) == (2, "")
    assert err == (
        "Error: --device cuda:3: torch finds no CUDA device here. Leave it out for the CPU.\n"
    )


@pytest.mark.integration
def test_auto_runs_on_the_cpu_as_ever_where_there_is_nothing_else(harness, no_gpu, tmp_path):
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    write_png(pixels, tmp_path / "photos" / "a.png")
    study = ("run", "--task", "fidelity", "--dataset", "photos", "--restorers", "jpeg", "--qf", 10)
    _, table, _ = harness(*study, "--output", "out")
    code, again, err = harness(*study, "--output", "out", "--device", "auto")
    assert (code, again) == (0, table)
    assert "Models run on the CPU: torch finds no accelerator." in err
    assert "nothing to compute" in err
