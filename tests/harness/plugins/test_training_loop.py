import csv

import pytest
import torch

from harness.errors import UserError
from harness.plugins.training_loop import Loop, moving_average


def make(directory, steps, stop_after=None):
    """A linear fit whose batches depend on the step alone, with dropout to test the generator."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    rows = []

    def step(index):
        if index == stop_after:
            raise KeyboardInterrupt
        batch = torch.randn(16, 4, generator=torch.Generator().manual_seed(index))
        loss = (model(batch) - batch.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss.item()}

    state = {"model": model, "optimizer": optimizer}
    loop = Loop(step, state, steps, directory, save_every=10, log_every=5, report=rows.append)
    return loop, model, rows


def log(directory):
    with (directory / "log.csv").open() as file:
        return [
            {key: value for key, value in row.items() if key != "seconds_per_step"}
            for row in csv.DictReader(file)
        ]


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [3, 7, 10, 27, 39])
def test_a_resumed_run_equals_an_unbroken_one(tmp_path, stop_after):
    whole, expected, _ = make(tmp_path / "whole", 40)
    whole.run()
    broken, _, _ = make(tmp_path / "broken", 40, stop_after)
    with pytest.raises(KeyboardInterrupt):
        broken.run()

    resumed, model, _ = make(tmp_path / "broken", 40)
    resumed.run()

    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)
    assert log(tmp_path / "broken") == log(tmp_path / "whole")


def test_a_torn_last_line_of_the_log_does_not_stop_the_resumption(tmp_path):
    make(tmp_path, 10)[0].run()
    with (tmp_path / "log.csv").open("a") as file:
        file.write("1")

    make(tmp_path, 20)[0].run()

    assert [row["step"] for row in log(tmp_path)] == ["5", "10", "15", "20"]


def test_the_loss_falls_and_the_log_says_so(tmp_path):
    loop, _, rows = make(tmp_path, 200)
    loop.run()

    assert [row["step"] for row in rows] == list(range(5, 201, 5))
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert len(log(tmp_path)) == 40


def test_a_finished_run_is_not_trained_further(tmp_path):
    loop, model, _ = make(tmp_path, 20)
    loop.run()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    again, model, rows = make(tmp_path, 20)
    again.run()

    assert rows == []
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04broken"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, content):
    (tmp_path / "last.pt").write_bytes(content)

    with pytest.raises(UserError, match=r"Cannot read the checkpoint .*last\.pt") as raised:
        make(tmp_path, 20)[0].run()
    assert "\n" not in str(raised.value)


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save({"weights": torch.zeros(1)}, tmp_path / "last.pt")

    with pytest.raises(UserError, match="is no checkpoint of a training"):
        make(tmp_path, 20)[0].run()


def test_the_checkpoint_of_another_network_is_refused(tmp_path):
    make(tmp_path, 10)[0].run()
    other = torch.nn.Linear(4, 9)
    loop = Loop(lambda step: {}, {"model": other}, 20, tmp_path)

    with pytest.raises(UserError, match="no checkpoint of this training.*to start afresh"):
        loop.run()


def test_the_checkpoint_of_an_older_version_without_a_part_is_refused(tmp_path):
    make(tmp_path, 10)[0].run()
    loop, model, _ = make(tmp_path, 20)
    loop.state["another"] = model

    with pytest.raises(UserError, match="older version"):
        loop.run()


def test_a_process_that_does_not_write_follows_the_one_that_does(tmp_path):
    writing, model, _ = make(tmp_path, 10)
    writing.run()
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    reading, follower, rows = make(tmp_path, 20)
    reading.writes = False

    reading.run()

    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert [row["step"] for row in rows] == [15, 20]
    assert not torch.equal(follower[0].weight, model[0].weight)


def test_the_gpus_generator_is_saved_and_restored(tmp_path, monkeypatch):
    """Drop path and dropout draw from it there; here a list stands for it."""
    state = [torch.tensor([1, 2], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: state[0])
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda value: state.append(value))
    make(tmp_path, 10)[0].run()

    make(tmp_path, 10)[0].run()

    assert torch.equal(state[1], state[0])
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    make(tmp_path, 10)[0].run()  # and where there is no GPU, it is passed over
    assert len(state) == 2


def test_the_average_is_the_exponential_one_and_goes_on_from_its_state():
    module = torch.nn.Linear(1, 1, bias=False)
    module.register_buffer("count", torch.zeros((), dtype=torch.int64))
    average, expected = moving_average(module, 0.5), 0.0
    for k in range(30):
        torch.nn.init.constant_(module.weight, float(k))
        module.count += 1
        average.update_parameters(module)
        past = min(0.5, k / (k + 10))
        expected = past * expected + (1 - past) * k
    assert average.module.weight.item() == pytest.approx(expected)
    assert average.module.count.item() == 30

    other = moving_average(module, 0.5)
    other.load_state_dict(average.state_dict())
    for each in (average, other):
        torch.nn.init.constant_(module.weight, 100.0)
        each.update_parameters(module)
    assert other.module.weight.item() == average.module.weight.item()
