"""Training recipes: YAML in, weights with a card out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from harness.assets.disk import writing
from harness.assets.reading import load_yaml
from harness.assets.shipped import shipped_file
from harness.errors import UserError
from harness.plugins import Json, registry
from harness.study.device import choose_device
from harness.study.study import stable_hash


def find_recipe(name: str) -> Path:
    """A recipe by path, or by name among those that are shipped.

    Raises:
        UserError: there is none (the known ones are named).
    """
    return shipped_file(name, "configs/train", "training recipe")


def read_recipe(path: Path) -> Json:
    """A recipe: a mapping with at least ``trainer`` and ``name``.

    Raises:
        UserError: it is no such mapping.
    """
    try:
        recipe = load_yaml(path)
    except (OSError, yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"Cannot read the recipe {path}: {reason}.") from error
    if not isinstance(recipe, dict) or not {"trainer", "name"} <= recipe.keys():
        raise UserError(f"The recipe {path} must be a mapping with 'trainer' and 'name'.")
    return recipe


def train(
    path: Path,
    output: Path | None,
    report: Callable[[str], None],
    device: str | None = None,
) -> Path:
    """Train from a recipe, going on where an interrupted run stopped.

    Args:
        path: the recipe.
        output: where checkpoints, log, weights and card go; ``results/training/<name>`` by
            default.
        report: receives progress lines.
        device: takes the place of the recipe's ``accelerator`` and ``devices``: see
            `harness.study.device.choose_device`.

    Returns:
        The card's path; the weights lie beside it.

    Raises:
        UserError: no such device or trainer, bad recipe, or ``output`` holds the run of another
            recipe or cannot be written.
    """
    recipe = read_recipe(path)
    if device is not None:
        recipe |= _accelerator(device, report)
    trainer = registry.trainers().get(str(recipe["trainer"]))
    directory = output or Path("results") / "training" / str(recipe["name"])
    held = directory / "recipe.yaml"
    if held.is_file() and _started(directory):
        begun = load_yaml(held)
        same = isinstance(begun, dict) and _without_device(begun) == _without_device(recipe)
        if same and begun != recipe:
            where = begun.get("accelerator", "auto")
            raise UserError(
                f"{directory} holds this training as begun on another device (accelerator: "
                f"{where}). Go on as it was begun, or choose another --output."
            )
        if stable_hash(begun) != stable_hash(recipe):
            raise UserError(
                f"{directory} holds the training of another recipe. "
                "Choose another --output, or delete it to start afresh."
            )
    else:
        with writing(held):
            directory.mkdir(parents=True, exist_ok=True)
            held.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    card: Path = trainer(recipe, directory, report)
    return card


def _accelerator(asked: str, report: Callable[[str], None]) -> Json:
    """What a recipe says of a device.

    Raises:
        UserError: there is no such device, or it is one of several.
    """
    device = choose_device(asked)
    if device.name not in ("cpu", "cuda:0", "mps"):
        raise UserError(
            f"--device {asked}: a training takes the first device; CUDA_VISIBLE_DEVICES chooses "
            "which one that is."
        )
    report(f"Training on {device}.")
    return {"accelerator": device.kind, "devices": 1}


def _without_device(recipe: Json) -> Json:
    return {key: value for key, value in recipe.items() if key not in ("accelerator", "devices")}


def _started(directory: Path) -> bool:
    """Something was trained there; a recipe that could not begin may still be corrected."""
    return any(path.name != "recipe.yaml" for path in directory.iterdir())
