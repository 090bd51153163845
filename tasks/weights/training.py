"""What the vision trainers share: schedule, precision, averaged weights, the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from harness.plugins import Json
from harness.plugins.training_loop import Loop, moving_average
from tasks.weights.checkpoints import save_weights
from tasks.weights.recipe import VisionRecipe, check_recipe

Report = Callable[[str], None]
LossesOf = Callable[[nn.Module, int], dict[str, torch.Tensor]]
PRETRAINED_RATE = 0.3
"""Learning rate of a pretrained part as a share of the recipe's."""

Measure = Callable[[Path], dict[str, float | str]]


def learning_rate_factor(step: int, steps: int, warmup: int, decay: int) -> float:
    """Linear warm-up, constant, then a linear fall to zero over the last ``decay`` steps.

    The constant stretch makes a run's first part independent of its total length
    (warmup-stable-decay: Hu et al. 2024, MiniCPM).
    """
    rise = min(1.0, (step + 1) / max(warmup, 1))
    fall = min(1.0, (steps - step) / max(decay, 1))
    return rise * fall


def set_precision(plan: VisionRecipe, *parts: nn.Module) -> None:
    """Let parts of a network compute in bfloat16 if the recipe says so."""
    if plan.precision == "bf16":
        for part in parts:
            in_bf16(part)


def in_bf16(module: nn.Module) -> None:
    """Let a module compute in bfloat16 and hand out float32 (tensors, lists or mappings of them).

    Boxes must stay out of it: bfloat16 holds coordinates above 128 to a whole pixel only.
    """
    inner = module.forward

    def forward(*args: object) -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return _as_float(inner(*args))

    module.forward = forward  # type: ignore[method-assign]


def _as_float(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.float()
    if isinstance(value, dict):
        return type(value)((key, _as_float(item)) for key, item in value.items())
    assert isinstance(value, list | tuple)
    return type(value)(_as_float(item) for item in value)


def fit(
    plan: VisionRecipe,
    directory: Path,
    report: Report,
    module: nn.Module,
    losses_of: LossesOf,
    pretrained: nn.Module | None = None,
) -> dict[str, torch.Tensor]:
    """Train a module to the end of its recipe, resuming from ``directory``.

    Args:
        plan: the recipe.
        directory: checkpoints and ``log.csv``; it must hold no run of another recipe, which
            ``harness train`` sees to.
        report: receives a line of progress now and then.
        module: freshly initialised; its losses are summed.
        losses_of: named losses of the module on the batch of a step.
        pretrained: the part of the module that is to change slowly, at `PRETRAINED_RATE`.

    Returns:
        The averaged weights.
    """
    # Channels last is how the CPU's convolutions run fastest; it changes no result's meaning.
    module.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    rate, steps = float(plan.learning_rate), int(plan.steps)
    optimizer = torch.optim.AdamW(_groups(module, float(plan.weight_decay), pretrained), lr=rate)
    average = moving_average(module, float(plan.average))

    def step(index: int) -> dict[str, float]:
        factor = learning_rate_factor(index, steps, int(plan.warmup_steps), int(plan.decay_steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * factor * group["share"]
        losses = losses_of(module, index)
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
        average.update_parameters(module)
        return {"loss": float(total.detach())} | {k: float(v.detach()) for k, v in losses.items()}

    Loop(
        step=step,
        state={"module": module, "optimizer": optimizer, "average": average},
        steps=steps,
        directory=directory,
        save_every=int(plan.save_every),
        log_every=int(plan.log_every),
        report=lambda row: report(_line(plan, row)),
    ).run()
    averaged: dict[str, torch.Tensor] = average.module.state_dict()
    return averaged


def train(
    recipe: Json,
    directory: Path,
    report: Report,
    module: nn.Module,
    losses_of: LossesOf,
    paper: str,
    measure: Measure,
    pretrained: nn.Module | None = None,
) -> Path:
    """Train a module as `fit` does; write weights and card, measure the model, write its card.

    Args:
        recipe: as `check_recipe` accepts it.
        directory: see `fit`; ``<name>.safetensors`` and ``<name>.yaml`` are written there.
        report: receives progress, and what was measured.
        module: see `fit`.
        losses_of: see `fit`.
        paper: citation of the method, for the card.
        measure: figures of the model of a card, for the card.
        pretrained: see `fit`.

    Returns:
        The card's path.
    """
    plan = check_recipe(recipe, recipe["trainer"])
    weights = fit(plan, directory, report, module, losses_of, pretrained)
    started = pretrained is not None
    card = save_weights(recipe, directory, weights, paper, {}, pretrained=started)
    measured = measure(card)
    report(f"{plan.name}: {measured}")
    return save_weights(recipe, directory, weights, paper, measured, pretrained=started)


def _groups(
    module: nn.Module, weight_decay: float, pretrained: nn.Module | None
) -> list[dict[str, object]]:
    """Parameter groups: biases and normalisation are not decayed, pretrained ones change slowly."""
    slow = set(pretrained.parameters()) if pretrained is not None else set()
    groups: list[dict[str, object]] = []
    for share, chosen in ((1.0, False), (PRETRAINED_RATE, True)):
        own = [p for p in module.parameters() if p.requires_grad and (p in slow) == chosen]
        for decay, several in ((weight_decay, True), (0.0, False)):
            parameters = [p for p in own if (p.ndim > 1) == several]
            groups.append({"params": parameters, "weight_decay": decay, "share": share})
    return groups


def _line(plan: VisionRecipe, row: dict[str, float]) -> str:
    left = (plan.steps - row["step"]) * row["seconds_per_step"] / 60.0
    return (
        f"{plan.name}: step {row['step']:.0f} of {plan.steps}, loss {row['loss']:.3f}, "
        f"{row['seconds_per_step']:.2f} s a step, {left:.0f} min left"
    )
