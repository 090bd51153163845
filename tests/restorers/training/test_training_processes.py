"""Two processes on the CPU train one network, as several GPUs would."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from training_tools import TINY, common, log, stage, tinted, write

from harness.plugins.training_loop import read_checkpoint
from restorers.common.architecture import built, sized
from restorers.training.batches import PatchBatches, Pool, QualityFactors
from restorers.training.methods import METHODS
from restorers.training.recipe import ImageSource, Training

pytestmark = [pytest.mark.slow, pytest.mark.integration]

WATCHED = """
import sys
from pathlib import Path

import torch
import yaml
from restorers.training import dagn

run = dagn.run

def watched(step, state, training, plan, directory, fabric, report, label):
    run(step, state, training, plan, directory, fabric, report, label)
    found = {name: part.state_dict() for name, part in state.items()}
    torch.save(found, directory / f"process{fabric.global_rank}.pt")

dagn.run = watched
recipe, directory = sys.argv[1:]
dagn.train(yaml.safe_load(Path(recipe).read_text()), Path(directory), print)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Their own, and no copies of others, so that no image is held out of them."""
    folder = tmp_path_factory.mktemp("processes") / "train"
    return write(folder, [tinted(10 + i) for i in range(4)])


def launch(command, folder):
    done = subprocess.run(
        [*command, folder / "recipe.yaml", folder / "out"]
        if command[0] == sys.executable
        else [*command, folder / "recipe.yaml", "--output", folder / "out"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def leaves(value):
    """The tensors and numbers of a state."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value, key=str)]
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [] if value is None else [torch.as_tensor(value)]


def test_the_command_averages_the_gradients_of_different_patches(images, pictures, tmp_path):
    """FBCNN has no batch statistics: two processes are one with both their batches."""
    size = {"widths": [4, 4, 4, 4], "blocks": 1, "qf_width": 8}
    steps = stage(4, batch_size=2, lr=1e-3, clip=1e9)
    recipe = {
        **common(images), **steps, "trainer": "fbcnn", "size": size, "devices": 2,
        "images": [{"path": str(pictures)}], "save_every": 2,
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))

    done = launch([Path(sys.executable).with_name("harness"), "train"], tmp_path)

    assert done.stdout.count("Weights and card") == 1
    assert done.stderr.count("step 2 of 4") == 1
    found = read_checkpoint(tmp_path / "out" / "last.pt")["state"]["network"]
    expected = alone(recipe, pictures)
    start = alone({**recipe, "steps": 0}, pictures)
    for key, value in expected.items():
        assert torch.allclose(found[key], value, atol=1e-5), key
    # Adam moves a parameter by the learning rate: the agreement above is no accident.
    assert max((value - start[key]).abs().max() for key, value in expected.items()) > 5e-4
    other = alone(recipe, pictures, ranks=(0,))
    assert any(not torch.allclose(found[key], value, atol=1e-4) for key, value in other.items())


def alone(recipe, pictures, ranks=(0, 1)):
    """What one process makes of the batches of all, without any of the trainer."""
    method = METHODS["fbcnn"]
    torch.manual_seed(recipe["seed"])
    network = built(method.restorer, sized(method.restorer, recipe["size"])).train()
    method.start(network)
    optimizer = torch.optim.Adam(network.parameters())
    batches = PatchBatches(
        Pool([ImageSource(path=str(pictures))]), 32, QualityFactors(*recipe["qf"]), recipe["seed"]
    )
    from restorers.training.fabric import learning_rate

    training = Training(**stage(4, batch_size=2, lr=1e-3))
    for step in range(recipe["steps"]):
        optimizer.param_groups[0]["lr"] = learning_rate(training, step)
        optimizer.zero_grad()
        for rank in ranks:
            loss = method.loss(network, batches.batch(step, 2, rank), step)["loss"]
            (loss / len(ranks)).backward()
        optimizer.step()
    return network.state_dict()


def test_after_each_stage_of_dagn_both_processes_hold_the_same(images, tmp_path):
    """Parameters and optimizers of all players; buffers are those of the first process."""
    recipe = {
        **common(images), "trainer": "dagn", "size": TINY, "devices": 2, "save_every": 2,
        "validate_every": 1, "told": 0,
        **{name: stage(3, batch_size=2) for name in ("insensitive", "sensitive", "restoration")},
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (tmp_path / "watched.py").write_text(WATCHED)

    done = launch([sys.executable, tmp_path / "watched.py"], tmp_path)

    assert done.stdout.count("stage 3 (restoration): step 3 of 3") == 1
    assert (tmp_path / "out" / "tiny.yaml").is_file()
    for name in ("insensitive", "sensitive", "restoration"):
        folder = tmp_path / "out" / name
        one, two = (torch.load(folder / f"process{rank}.pt") for rank in (0, 1))
        for part in one.keys() - {"validation"}:
            for state in (one, two):
                for key in [key for key in state[part] if "running_" in str(key)]:
                    del state[part][key]  # of its own last batch, until the next forward pass
            assert len(leaves(one[part])) == len(leaves(two[part])) > 0
            assert all(map(torch.equal, leaves(one[part]), leaves(two[part]))), (name, part)
        assert [row["step"] for row in log(folder)] == [2, 3]
        saved = read_checkpoint(folder / "last.pt")["state"]
        assert all(map(torch.equal, leaves(saved["optimizer"]), leaves(one["optimizer"])))
