"""Trains the embedded classifier on the uncompressed things of `scenes`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.plugins import Json

if TYPE_CHECKING:
    from harness.plugins import DataSet, VisionModel

PAPER = "Howard et al., Searching for MobileNetV3, ICCV 2019"


def train(recipe: Json, directory: Path, report: Callable[[str], None]) -> Path:
    """Train the MobileNetV3 to the end of its recipe.

    Args:
        recipe: the content of a ``configs/train`` file with ``trainer: classifier``; its
            ``images`` are the scenes that the things are cut out of, its ``evaluate`` pictures.
        directory: where a run stopped, and where weights, card and ``log.csv`` are written.
        report: receives a line of progress now and then.

    Returns:
        The card's path.

    Raises:
        UserError: the recipe is not one of this trainer.
    """
    import torch
    from torch.nn import functional as F

    from tasks.classification.batches import CropBatches
    from tasks.classification.models.embedded import MobileNetScenes
    from tasks.classification.models.network import MobileNet
    from tasks.classification.scenes_things import ScenesThings, ScenesThingsTrain
    from tasks.scenes import CLASSES
    from tasks.weights import training
    from tasks.weights.recipe import begin

    plan = begin(recipe, "classifier")
    module = MobileNet(len(CLASSES))
    training.set_precision(plan, module)
    batches = CropBatches(ScenesThingsTrain(plan.images), plan.batch_size, plan.seed)

    def losses(network: torch.nn.Module, step: int) -> dict[str, torch.Tensor]:
        batch = batches(step)
        # Channels last already, as the network is.
        logits = network(torch.from_numpy(batch.images).permute(0, 3, 1, 2))
        truth = torch.from_numpy(batch.labels)
        return {"cross_entropy": F.cross_entropy(logits, truth, label_smoothing=0.1)}

    def measured(card: Path) -> dict[str, float | str]:
        return measure(MobileNetScenes(card), ScenesThings(), plan.evaluate)

    return training.train(
        recipe=recipe,
        directory=directory,
        report=report,
        module=module,
        losses_of=losses,
        paper=PAPER,
        measure=measured,
    )


def measure(model: VisionModel, data_set: DataSet, count: int) -> dict[str, float | str]:
    """Top-1 accuracy of a classifier on the first ``count`` uncompressed images of a data set.

    Args:
        model: its classes must be the data set's.
        data_set: with labels.
        count: number of images; 0 measures nothing.
    """
    import numpy as np
    from PIL import Image

    if not count:
        return {}
    right, images = 0, data_set.images()[:count]
    for reference in images:
        with Image.open(reference.path) as file:
            scores = model.predict(np.asarray(file))
        right += int(np.argmax(scores)) == data_set.label(reference.id)
    measured_on = f"{len(images)} of {data_set.name}, uncompressed"
    return {"top-1": round(right / len(images), 6), "images": measured_on}
