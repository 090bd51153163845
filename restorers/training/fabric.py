"""Steps on any device through Lightning Fabric: devices, precision, several processes."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from harness.assets.disk import writing
from harness.errors import HarnessError, UserError
from harness.plugins.training_loop import Loop, Stateful, moving_average
from restorers.training.recipe import Common, Training

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter


def launched(plan: Common) -> Fabric:
    """A Lightning Fabric on the recipe's devices, its processes started, torch seeded in all.

    With several devices this very command is started once more for each further one: what can
    fail for one reason in all of them is better done before.

    Raises:
        UserError: Lightning Fabric is not installed, or there are no such devices.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.utilities.exceptions import MisconfigurationException
    except ImportError as error:
        raise UserError(
            "Training needs Lightning Fabric: pip install lightning-fabric tensorboard."
        ) from error
    try:
        # Precision is `Player.autocast`: the last steps of a training run in another one.
        fabric = Fabric(accelerator=plan.accelerator, devices=plan.devices)
        fabric.launch()
    except (RuntimeError, ValueError, TypeError, MisconfigurationException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(
            f"No training on {plan.devices} × {plan.accelerator}: {reason}. "
            "Change accelerator or devices in the recipe."
        ) from error
    # The same in all processes: so that one's state of the generators is every one's.
    torch.manual_seed(plan.seed)
    return fabric


def speaker(fabric: Fabric, report: Callable[[str], None]) -> Callable[[str], None]:
    """``report`` in the first process, silence in the others."""
    return report if fabric.is_global_zero else lambda line: None


class Player:
    """A network with an optimizer of its own for what is trainable in it: one step at a time.

    Several processes average their gradients by themselves: forward passes go through `network`,
    the wrapped one, and every trainable parameter must have a part in each loss.

    Args:
        fabric: of `launched`.
        training: learning rate and its schedule.
        precision: of the steps before the last ``float32_steps``.
        module: moved to the process's device.

    Attributes:
        network: ``module``, wrapped.
        optimizer: Adam on what is trainable when the player is made.
        average: ``module`` with the moving average of its weights and of the statistics of its
            batch normalisation, see `Training.average`.
    """

    def __init__(
        self, fabric: Fabric, training: Training, precision: str, module: nn.Module
    ) -> None:
        self._fabric, self._training, self._precision = fabric, training, precision
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=training.lr)
        self.network, self.optimizer = fabric.setup(module, optimizer)
        # After the setup: on the process's device.
        self.average = moving_average(module, training.average)
        self._module = module

    def autocast(self, step: int) -> AbstractContextManager[object]:
        """The precision of a step's forward pass."""
        fast = self._precision == "bf16-mixed" and not self.finishing(step)
        device = self._fabric.device.type
        return torch.autocast(device, dtype=torch.bfloat16, enabled=fast)

    def finishing(self, step: int) -> bool:
        """The step is one of the last, in float32 and with frozen normalisation statistics."""
        return step >= self._training.steps - self._training.float32_steps

    def ready(self, step: int) -> None:
        """Training mode, as the step needs it."""
        self.network.train()
        if self.finishing(step):
            # What is measured later uses the running statistics: the last steps fit to them.
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def descend(self, loss: Tensor, step: int) -> None:
        """One step along the gradient of ``loss``.

        Raises:
            HarnessError: the gradient is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self._training, step)
        self.optimizer.zero_grad()
        self._fabric.backward(loss)
        norm = self._fabric.clip_gradients(
            self.network, self.optimizer, max_norm=self._training.clip, error_if_nonfinite=False
        )
        assert norm is not None  # as it is with a greatest norm
        if not math.isfinite(norm):
            raise HarnessError(
                f"The training diverged at step {step}: its gradient is not finite. Lower lr in "
                "the recipe and train afresh, with another --output."
            )
        self.optimizer.step()
        self.average.update_parameters(self._module)


def learning_rate(training: Training, step: int) -> float:
    """Of a step: see `Training.lr`.

    The long constant stretch is warmup-stable-decay of Hu et al. 2024 (MiniCPM).
    """
    rising = min(1.0, (step + 1) / training.warm_up)
    halved = 0.5 ** sum(step >= first for first in training.halve_at)
    falling = min(1.0, (training.steps - step) / (training.decay or max(training.steps // 4, 1)))
    return training.lr * rising * halved * falling


def run(
    step: Callable[[int], dict[str, float]],
    state: dict[str, Stateful],
    training: Training,
    plan: Common,
    directory: Path,
    fabric: Fabric,
    report: Callable[[str], None],
    label: str,
) -> None:
    """Run a stage to its end, resuming; CSV, TensorBoard and progress lines by the first process.

    Raises:
        UserError: ``directory`` holds a checkpoint of something else.
        HarnessError: the training diverged.
    """
    first = bool(fabric.is_global_zero)
    curves = _Curves(directory / "tensorboard")

    def line(row: dict[str, float]) -> None:
        if first:
            with writing(directory / "tensorboard"):
                curves.add(row)
            values = ", ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "step")
            report(f"{label}: step {row['step']:.0f} of {training.steps}: {values}")

    every = plan.save_every
    try:
        Loop(
            step=step,
            state=state,
            steps=training.steps,
            directory=directory,
            save_every=every,
            log_every=every,
            report=line,
            writes=first,
        ).run()
    finally:
        curves.close()
    fabric.barrier()


class _Curves:
    """TensorBoard event files beside the log, where TensorBoard is installed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writer: SummaryWriter | None = None

    def add(self, row: dict[str, float]) -> None:
        step = int(row["step"])
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            # What a killed run wrote of this step and later ones is not shown.
            self._writer = SummaryWriter(str(self._directory), purge_step=step)
        for key, value in row.items():
            if key != "step":
                self._writer.add_scalar(key, value, step)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def only_the_first(fabric: Fabric) -> None:
    """End all processes but the first: what is left to do is to be done once."""
    if not fabric.is_global_zero:
        raise SystemExit(0)
