"""What a training recipe of a vision model says, and how a training of it begins."""

from __future__ import annotations

from dataclasses import dataclass, fields

from harness.errors import UserError
from harness.plugins import Json


@dataclass(frozen=True)
class VisionRecipe:
    """What a training recipe of a vision model says.

    Attributes:
        trainer: which network is trained.
        name: of the weights.
        seed: of initialisation and batches.
        steps: batches in all.
        batch_size: images a batch.
        images: scenes of the training split to use.
        learning_rate: highest.
        weight_decay: of kernels; biases and normalisation are not decayed.
        warmup_steps: over which the learning rate rises.
        decay_steps: the last ones, over which it falls to zero.
        average: decay of the moving average of the weights, a step.
        precision: ``fp32`` or ``bf16``.
        log_every: steps between log lines.
        save_every: steps between checkpoints.
        evaluate: images of the evaluation split that the model is measured on.
    """

    trainer: str
    name: str
    seed: int
    steps: int
    batch_size: int
    images: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    decay_steps: int
    average: float
    precision: str
    log_every: int
    save_every: int
    evaluate: int


def check_recipe(recipe: Json, trainer: str) -> VisionRecipe:
    """The recipe, refused if it is another trainer's, lacks a key, has one more, or a bad value.

    Raises:
        UserError: naming the first thing that is wrong.
    """
    name = recipe.get("name", "?")
    if recipe.get("trainer") != trainer:
        raise UserError(f"The recipe {name} is for trainer {recipe.get('trainer')}, not {trainer}.")
    if recipe.get("accelerator", "cpu") != "cpu":
        raise UserError(
            f"The recipe {name} trains on the CPU: leave out --device, and accelerator and devices."
        )
    recipe = {key: recipe[key] for key in recipe if key not in ("accelerator", "devices")}
    keys = {field.name for field in fields(VisionRecipe)}
    wrong = sorted(keys.symmetric_difference(recipe))
    if wrong:
        what = "does not know" if wrong[0] in recipe else "lacks"
        raise UserError(f"The recipe {name} {what} the key '{wrong[0]}'.")
    if recipe["precision"] not in ("fp32", "bf16"):
        raise UserError(f"The recipe {name} has precision {recipe['precision']}: fp32 or bf16.")
    return VisionRecipe(**recipe)


def begin(recipe: Json, trainer: str) -> VisionRecipe:
    """Check a recipe and seed torch; to be called before the network is made.

    Raises:
        UserError: see `check_recipe`.
    """
    import torch

    plan = check_recipe(recipe, trainer)
    torch.manual_seed(plan.seed)
    return plan
