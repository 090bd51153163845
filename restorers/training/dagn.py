"""Trains DAGN in its three stages (Sec. III-A and III-B, Eqs. 3-9, 14, 15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

from harness.errors import UserError
from harness.plugins import Json
from harness.plugins.training_loop import Stateful
from restorers.architectures.dagn import DAGN
from restorers.architectures.dagn import network as dagn
from restorers.architectures.dagn.autoencoders import (
    AutoEncoder,
    InsensitiveAutoEncoder,
    SensitiveAutoEncoder,
)
from restorers.architectures.dagn.config import MULTIPLE
from restorers.architectures.dagn.losses import (
    discriminator_loss,
    insensitive_loss,
    restoration_loss,
    sensitive_loss,
)
from restorers.architectures.dagn.start import calibrate
from restorers.training.batches import PatchBatches, Pool, QualityFactors
from restorers.training.data import copies_note, tell
from restorers.training.fabric import Player, launched, only_the_first, run, speaker
from restorers.training.feeding import BatchFeeder
from restorers.training.finish import finish
from restorers.training.recipe import ThreeStages, Training, checked, dagn_config
from restorers.training.reuse import adopt_encoder, holds_released_encoders
from restorers.training.validation import Validation, validation_files

STAGES = ("insensitive", "sensitive", "restoration")
"""The stages and their folders."""


def train(recipe: Json, directory: Path, report: Callable[[str], None]) -> Path:
    """Train a DAGN; the same call goes on where an interrupted run stopped, in whatever stage.

    With several devices this returns in the first process only; the others end.

    Args:
        recipe: see `ThreeStages`; paths in it are relative to the working directory.
        directory: receives a folder per stage with ``log.csv``, ``tensorboard/`` and ``last.pt``,
            then ``<name>.safetensors`` and ``<name>.yaml``.
        report: receives progress lines.

    Returns:
        The card's path.

    Raises:
        UserError: the recipe is not valid, or what it names is missing.
        HarnessError: the training diverged.
    """
    plan = checked(recipe, ThreeStages)
    stages = Stages(plan, directory, report)
    config = stages.config
    insensitive = stages.insensitive() if config.cigm or config.cfm else None
    sensitive = stages.sensitive() if config.csgm else None
    network = stages.restoration(insensitive, sensitive)
    only_the_first(stages.fabric)
    start = "random weights, in three stages"
    if plan.encoders_from is not None:
        start = f"random weights and the encoders of {plan.encoders_from}"
    return finish(
        plan=plan,
        recipe=recipe,
        restorer=DAGN(),
        network=network,
        numbers=asdict(config),
        start=start,
        validation=stages.held_out,
        directory=directory,
        report=report,
    )


CALIBRATED = 64
"""Patches that the guidance is calibrated on before stage 3."""


class Stages:
    """The stages of one training.

    Args:
        plan: the recipe.
        directory: of the training; each stage has a folder in it.
        report: receives progress lines.

    Attributes:
        config: of the network; with the authors' encoders it predicts no QF and is told none.
        held_out: the images held out for validation.
        fabric: the devices.

    Raises:
        UserError: what the recipe names is missing.
    """

    def __init__(self, plan: ThreeStages, directory: Path, report: Callable[[str], None]) -> None:
        self.config = dagn_config(plan)
        if plan.encoders_from is not None and holds_released_encoders(Path(plan.encoders_from)):
            self.config = replace(self.config, qf=False)  # nothing has learnt to predict it
        self._plan, self._directory = plan, directory
        for training in (plan.insensitive, plan.sensitive):
            if training.patch_size % MULTIPLE:
                raise UserError(
                    f"The auto-encoders of {plan.name} need a patch_size that is a multiple of "
                    f"{MULTIPLE}, not {training.patch_size}."
                )
        self.held_out = validation_files(plan)
        self._pool = Pool(plan.images, self.held_out, plan.cache_gib)
        self.fabric = launched(plan)
        self._report = speaker(self.fabric, report)
        tell(self._report, plan.name, copies_note(self._pool.copies))

    def insensitive(self) -> InsensitiveAutoEncoder:
        """Stage 1: each step the auto-encoder (Eq. 3), then the discriminator (Eq. 4)."""
        training, weight = self._plan.insensitive, self._plan.lambda_ci
        auto = InsensitiveAutoEncoder(self.config).to(memory_format=torch.channels_last)
        if self._reused(auto, "insensitive"):
            return auto
        # Each player has the parameters of its equation alone, several processes' gradients of
        # these included: the first is made while J's parameters are not to be trained.
        judged = training.model_copy(update={"lr": self._plan.discriminator_lr or training.lr})
        judge = auto.discriminator.requires_grad_(False)
        player = self._player(training, auto)
        critic = self._player(judged, judge.requires_grad_(True))
        feed = self._feed("insensitive")

        def step(index: int) -> dict[str, float]:
            batch = feed(index)
            player.ready(index)
            with player.autocast(index):
                losses = insensitive_loss(player.network, batch.compressed, batch.clean, weight)
            player.descend(losses.total, index)
            with critic.autocast(index):
                features = losses.encoded
                loss = discriminator_loss(critic.network, features.features_c, features.features_o)
            critic.descend(loss, index)
            return {
                "loss": losses.total.item(),
                "content": losses.content.item(),
                "constraint": losses.constraint.item(),
                "discriminator": loss.item(),
            }

        state = {
            "network": auto,
            "optimizer": player.optimizer,
            "critic": critic.optimizer,
            "average": player.average,
        }
        self._run(step, state, "insensitive")
        averaged = player.average.module
        assert isinstance(averaged, InsensitiveAutoEncoder)
        return averaged

    def sensitive(self) -> SensitiveAutoEncoder:
        """Stage 2: auto-encoder and predictor of the quality factor (Eq. 7)."""
        training, plan = self._plan.sensitive, self._plan
        auto = SensitiveAutoEncoder(self.config).to(memory_format=torch.channels_last)
        if self._reused(auto, "sensitive"):
            return auto
        player, feed = self._player(training, auto), self._feed("sensitive")

        def step(index: int) -> dict[str, float]:
            batch = feed(index)
            player.ready(index)
            with player.autocast(index):
                losses = sensitive_loss(
                    player.network,
                    batch.compressed,
                    batch.clean,
                    batch.qf,
                    plan.lambda_cs,
                    plan.constraint,
                )
            player.descend(losses.total, index)
            return {
                "loss": losses.total.item(),
                "content": losses.content.item(),
                "constraint": losses.constraint.item(),
            }

        state = {"network": auto, "optimizer": player.optimizer, "average": player.average}
        self._run(step, state, "sensitive")
        averaged = player.average.module
        assert isinstance(averaged, SensitiveAutoEncoder)
        return averaged

    def restoration(
        self, insensitive: InsensitiveAutoEncoder | None, sensitive: SensitiveAutoEncoder | None
    ) -> dagn.DAGNNetwork:
        """Stage 3: everything but the encoders (Eqs. 14, 15)."""
        training, plan = self._plan.restoration, self._plan
        torch.manual_seed(plan.seed)  # the same start whatever stages were run before
        network = dagn.DAGNNetwork(self.config).to(memory_format=torch.channels_last)
        network.adopt(insensitive, sensitive)
        if self.config.cigm or self.config.csgm or self.config.cfm:
            calibrate(network, self._examples())
        player, feed = self._player(training, network), self._feed("restoration")
        averaged = player.average.module
        assert isinstance(averaged, dagn.DAGNNetwork)
        validation = Validation(
            restorer=DAGN(),
            network=averaged,
            plan=plan,
            files=self.held_out,
            measures=self.fabric.is_global_zero,
        )
        tell(self._report, plan.name, validation.note)

        def step(index: int) -> dict[str, float]:
            latest = validation(index)
            batch = feed(index)
            player.ready(index)
            known_qf = self._known_qf(batch.qf, index) if network.tells_qf else None
            with player.autocast(index):
                loss = restoration_loss(player.network, batch.compressed, batch.clean, known_qf)
            player.descend(loss, index)
            return {"loss": loss.item(), **latest}

        state = {
            "network": network,
            "optimizer": player.optimizer,
            "average": player.average,
            "validation": validation,
        }
        self._run(step, state, "restoration")
        return averaged

    def _examples(self) -> torch.Tensor:
        """Compressed patches for `calibrate`: the same for every process."""
        batches = self._batches("restoration", 10 * self._plan.seed)
        return batches.batch(0, CALIBRATED).compressed

    def _known_qf(self, qf: torch.Tensor, step: int) -> torch.Tensor:
        """The quality factors with all but the recipe's share of them set to 0, not told."""
        generator = torch.Generator().manual_seed(self._plan.seed * 1_000_003 + step)
        known = torch.rand(len(qf), generator=generator) < self._plan.told
        return qf * known.to(qf.device)

    def _player(self, training: Training, module: nn.Module) -> Player:
        return Player(self.fabric, training, self._plan.precision, module)

    def _feed(self, stage: str) -> BatchFeeder:
        plan, training = self._plan, self._training(stage)
        # Another stage sees other patches: its seed has the stage's number in it.
        seed = 10 * plan.seed + STAGES.index(stage) + 1
        batches = self._batches(stage, seed)
        return BatchFeeder(batches, training, self.fabric, plan.loaders)

    def _batches(self, stage: str, seed: int) -> PatchBatches:
        return PatchBatches(
            pool=self._pool,
            side=self._training(stage).patch_size,
            qf=QualityFactors.of(self._plan),
            seed=seed,
            on_grid=self._plan.on_grid,
        )

    def _run(
        self, step: Callable[[int], dict[str, float]], state: dict[str, Stateful], stage: str
    ) -> None:
        training, place = self._training(stage), self._directory / stage
        label = self._label(stage)
        run(step, state, training, self._plan, place, self.fabric, self._report, label)

    def _reused(self, auto: AutoEncoder, stage: str) -> bool:
        """Take the auto-encoder of another run of the same stages, if the recipe says so."""
        if self._plan.encoders_from is None:
            return False
        path = adopt_encoder(auto, Path(self._plan.encoders_from), stage, self._plan.name)
        self._report(f"{self._label(stage)}: taken from {path}")
        return True

    def _training(self, stage: str) -> Training:
        training: Training = getattr(self._plan, stage)
        return training

    def _label(self, stage: str) -> str:
        return f"{self._plan.name}, stage {STAGES.index(stage) + 1} ({stage})"
