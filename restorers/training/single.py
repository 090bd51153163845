"""Trains a network in one stage: FBCNN, SwinIR, IPT, DMCNN, QGAC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from harness.assets.cards import checked_file
from harness.plugins import Json
from restorers.checkpoints.format import fill, read_tensors
from restorers.common.architecture import built, sized
from restorers.training.batches import PatchBatches, Pool, QualityFactors
from restorers.training.data import copies_note, tell
from restorers.training.fabric import Player, launched, only_the_first, run, speaker
from restorers.training.feeding import BatchFeeder
from restorers.training.finish import finish
from restorers.training.methods import METHODS
from restorers.training.recipe import SingleStage, checked
from restorers.training.validation import Validation, validation_files


def train(recipe: Json, directory: Path, report: Callable[[str], None]) -> Path:
    """Train one checkpoint; the same call goes on where an interrupted run stopped.

    With several devices this returns in the first process only; the others end.

    Args:
        recipe: see `SingleStage`; paths in it are relative to the working directory.
        directory: receives ``log.csv``, ``tensorboard/``, ``last.pt``, ``<name>.safetensors`` and
            ``<name>.yaml``.
        report: receives progress lines.

    Returns:
        The card's path.

    Raises:
        UserError: the recipe is not valid, or what it names is missing.
        HarnessError: the training diverged.
    """
    plan = checked(recipe, SingleStage)
    method = METHODS[plan.trainer]
    restorer = method.restorer()
    numbers = sized(method.restorer, plan.size)
    method.check(plan.patch_size, numbers, plan.precision)
    held_out = validation_files(plan)
    pool = Pool(plan.images, held_out, plan.cache_gib)
    batches = PatchBatches(
        pool=pool,
        side=plan.patch_size,
        qf=QualityFactors.of(plan),
        seed=plan.seed,
        on_grid=plan.on_grid,
        coefficients=method.coefficients,
    )
    fabric = launched(plan)
    report = speaker(fabric, report)
    report(f"{plan.name}: {len(pool)} training images")
    tell(report, plan.name, copies_note(pool.copies))
    network = built(method.restorer, numbers)
    method.start(network)
    start = _begin(network, plan)
    player = Player(fabric, plan, plan.precision, network)
    feed = BatchFeeder(batches, plan, fabric, plan.loaders)
    validation = Validation(
        restorer=restorer,
        network=player.average.module,
        plan=plan,
        files=held_out,
        measures=fabric.is_global_zero,
    )

    tell(report, plan.name, validation.note)

    def step(index: int) -> dict[str, float]:
        latest = validation(index)
        player.ready(index)
        with player.autocast(index):
            losses = method.loss(player.network, feed(index), index)
        player.descend(losses["loss"], index)
        return {**{key: value.item() for key, value in losses.items()}, **latest}

    state = {
        "network": network,
        "optimizer": player.optimizer,
        "average": player.average,
        "validation": validation,
    }
    run(step, state, plan, plan, directory, fabric, report, plan.name)
    only_the_first(fabric)
    return finish(
        plan=plan,
        recipe=recipe,
        restorer=restorer,
        network=player.average.module,
        numbers=numbers,
        start=start,
        validation=held_out,
        directory=directory,
        report=report,
    )


def _begin(network: nn.Module, plan: SingleStage) -> str:
    """Fill in the weights to begin with, if the recipe names any; where they are from, in words."""
    if plan.init_from is None:
        return "the identity"
    card, path = checked_file(Path(plan.init_from))
    fill(network, read_tensors(path), path, plan.trainer)
    return f"{card.name} (sha256 {card.sha256})"
