"""Feeding, descending, finishing and showing: what all trainings share."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_tools import common, log, stage

from harness.errors import HarnessError, UserError
from restorers.training import fabric
from restorers.training.batches import PatchBatches, Pool, QualityFactors
from restorers.training.fabric import Player, launched, learning_rate
from restorers.training.feeding import BatchFeeder
from restorers.training.recipe import ImageSource, SingleStage, Training


@pytest.fixture(scope="module")
def plan(images):
    recipe = {**common(images), **stage(6, batch_size=2), "trainer": "fbcnn"}
    return SingleStage.model_validate(recipe)


@pytest.fixture
def started(plan):
    return launched(plan)


@pytest.fixture(scope="module")
def batches(images):
    return PatchBatches(
        pool=Pool([ImageSource(path=str(images))]),
        side=32,
        qf=QualityFactors(5, 95),
        seed=1,
        coefficients=True,
    )


def test_loaders_give_the_batches_that_the_process_itself_makes(plan, batches, started):
    state = torch.get_rng_state()
    alone, helped = BatchFeeder(batches, plan, started, 0), BatchFeeder(batches, plan, started, 2)
    for step in (2, 3, 4, 5):  # as after a resumption
        one, two = alone(step), helped(step)
        assert torch.equal(one.compressed, two.compressed)
        assert torch.equal(one.planes.luma, two.planes.luma)
        assert torch.equal(one.clean, batches.batch(step, 2).clean)
    # Drop path draws from this generator: loaders must not.
    assert torch.equal(torch.get_rng_state(), state)


def test_a_feed_asked_out_of_order_gives_the_step_asked_for(plan, batches, started):
    feed = BatchFeeder(batches, plan, started, 0)
    for step in (3, 0, 1, 5):
        assert torch.equal(feed(step).qf, batches.batch(step, 2).qf)


@pytest.mark.parametrize("loaders", [0, 1])
def test_a_damaged_image_is_one_sentence_from_a_loaders_process_too(
    plan, tmp_path, started, loaders
):
    (tmp_path / "bad.png").write_bytes(b"no image")
    damaged = PatchBatches(Pool([ImageSource(path=str(tmp_path))]), 32, QualityFactors(5, 95), 1)

    with pytest.raises(UserError) as raised:
        BatchFeeder(damaged, plan, started, loaders)(0)
    assert "bad.png" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(steps=st.integers(1, 200), warm_up=st.integers(1, 60), decay=st.integers(1, 60))
def test_the_learning_rate_rises_stays_and_falls(steps, warm_up, decay):
    training = Training(**stage(steps, lr=0.5, warm_up=warm_up, decay=decay))
    rates = [learning_rate(training, step) for step in range(steps)]

    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[0] == pytest.approx(0.5 / warm_up * min(1, steps / decay))
    assert all(rate == 0.5 for rate in rates[warm_up : max(steps - decay, 0)])
    assert rates[-1] <= 0.5 / decay


def test_until_it_falls_the_learning_rate_does_not_depend_on_the_number_of_steps():
    short, long = (Training(**stage(n, lr=0.5, warm_up=5, decay=20)) for n in (60, 600))
    for step in range(40):
        assert learning_rate(short, step) == learning_rate(long, step)


def test_the_learning_rate_is_halved_as_in_the_released_training():
    training = Training(**stage(100, lr=0.5, warm_up=1, decay=1, halve_at=(10, 20, 60)))
    rates = [learning_rate(training, step) for step in (9, 10, 19, 20, 59, 60, 99)]
    assert rates == [0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 3, 3)
    )


def player(started, precision="32-true", **changes):
    return Player(started, Training(**stage(6, **changes)), precision, network())


@pytest.mark.slow
def test_the_last_steps_are_in_float32_with_frozen_statistics(started):
    made = player(started, "bf16-mixed", float32_steps=2)
    norm, image = made.network.module[1], torch.rand(2, 3, 8, 8)
    seen = []
    for step in range(6):
        made.ready(step)
        before = norm.running_mean.clone()
        with made.autocast(step):
            restored = made.network(image)
        made.descend(restored.float().square().mean(), step)
        seen.append((restored.dtype, torch.equal(before, norm.running_mean)))

    assert seen == [(torch.bfloat16, False)] * 4 + [(torch.float32, True)] * 2


def test_without_float32_steps_the_statistics_move_to_the_end(started):
    made = player(started)
    made.ready(5)
    assert made.network.module[1].training
    assert not made.finishing(5)


def test_a_step_descends_along_a_clipped_gradient(started):
    gentle, rough = player(started, clip=1e-3), player(started, clip=1e3)
    for made in (gentle, rough):
        made.descend(1e3 * made.network(torch.ones(1, 3, 8, 8)).square().mean(), 0)
    norms = [
        torch.cat([p.grad.flatten() for p in made.network.parameters()]).norm()
        for made in (gentle, rough)
    ]
    assert norms[0] == pytest.approx(1e-3, rel=1e-3)
    assert 1e-2 < norms[1] < 1.001e3


def test_what_is_frozen_when_a_player_is_made_is_not_its_to_train(started):
    module = network()
    module[0].requires_grad_(False)
    made = Player(started, Training(**stage(6)), "32-true", module)
    module[0].requires_grad_(True)
    before = copy.deepcopy(module.state_dict())

    made.descend(made.network(torch.rand(1, 3, 8, 8)).square().mean(), 0)

    after = module.state_dict()
    changed = {key[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"1", "2"}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_training_says_so_and_is_not_saved(plan, started, tmp_path, value):
    made = player(started)
    before = copy.deepcopy(made.network.state_dict())

    with pytest.raises(HarnessError, match="diverged at step 3.*Lower lr"):
        made.descend(value * made.network(torch.ones(1, 3, 8, 8)).sum(), 3)

    after = made.network.state_dict()
    same = [key for key in before if "running" not in key and "num" not in key]
    assert all(torch.equal(before[key], after[key]) for key in same)


def test_devices_that_are_not_there_are_one_sentence(plan):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match=r"No training on 2 × cuda: .*Change accelerator") as raised:
        launched(plan.model_copy(update={"accelerator": "cuda", "devices": 2}))
    assert "\n" not in str(raised.value)


def test_the_seed_decides_the_start(plan):
    drawn = []
    for seed in (1, 1, 2):
        launched(plan.model_copy(update={"seed": seed}))
        drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


class Other:
    """A Fabric of a process that is not the first."""

    is_global_zero = False

    def barrier(self):
        pass


def test_the_other_processes_write_nothing_and_end(plan, tmp_path):
    said, other = [], Other()
    report = fabric.speaker(other, said.append)
    report("unheard")

    fabric.run(lambda step: {"loss": 1.0}, {}, plan, plan, tmp_path / "x", other, report, "x")

    assert said == []
    assert list((tmp_path / "x").iterdir()) == []
    with pytest.raises(SystemExit) as raised:
        fabric.only_the_first(other)
    assert raised.value.code == 0


def test_curves_after_a_kill_hide_what_is_trained_again(plan, started, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    losses = iter([5.0, 4.0, 3.0, 2.0, 1.0, 0.5])

    def interrupted(step):
        if step == 4:
            raise KeyboardInterrupt
        return {"loss": next(losses)}

    each = plan.model_copy(update={"save_every": 2})
    with pytest.raises(KeyboardInterrupt):
        fabric.run(interrupted, {}, plan, each, tmp_path, started, lambda line: None, "x")
    (tmp_path / "last.pt").unlink()  # as if it had been killed before anything was saved
    losses = iter([50.0, 40.0, 30.0, 20.0, 10.0, 5.0])
    resumed = {"loss": 0.0}
    fabric.run(
        lambda step: resumed | {"loss": next(losses)}, {}, plan, each, tmp_path, started, str, "x"
    )

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    shown = [(event.step, event.value) for event in events.Scalars("loss")]
    assert shown == [(2, 45.0), (4, 25.0), (6, 7.5)]
    assert [row["loss"] for row in log(tmp_path)] == [45.0, 25.0, 7.5]
