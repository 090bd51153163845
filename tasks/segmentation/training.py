"""Trains the embedded segmenter on uncompressed `scenes`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.plugins import Json

PAPER = "Zhao et al., Pyramid Scene Parsing Network, CVPR 2017"


def train(recipe: Json, directory: Path, report: Callable[[str], None]) -> Path:
    """Train the PSPNet to the end of its recipe.

    Args:
        recipe: the content of a ``configs/train`` file with ``trainer: pspnet``.
        directory: where a run stopped, and where weights, card and ``log.csv`` are written.
        report: receives a line of progress now and then.

    Returns:
        The card's path.

    Raises:
        UserError: the recipe is not one of this trainer.
    """
    import torch
    from torch.nn import functional as F

    from tasks.scenes import CLASSES
    from tasks.scenes.batches import SceneBatches
    from tasks.scenes.data_set import ScenesTrain
    from tasks.segmentation.models.network import PSPNet
    from tasks.segmentation.models.pspnet import PSPNetScenes
    from tasks.segmentation.task import Segmentation
    from tasks.weights import checkpoints, training
    from tasks.weights.backbone import start_from_imagenet
    from tasks.weights.recipe import begin

    plan = begin(recipe, "pspnet")
    module = PSPNet(len(CLASSES) + 1)
    start_from_imagenet(module.backbone)
    training.set_precision(plan, module)
    batches = SceneBatches(ScenesTrain(plan.images), plan.batch_size, plan.seed, masks=True)

    def losses(network: torch.nn.Module, step: int) -> dict[str, torch.Tensor]:
        batch = batches(step)
        logits = network(torch.from_numpy(batch.images).permute(0, 3, 1, 2))
        truth = torch.from_numpy(batch.masks).long()
        # Things fill a sixth of the pixels: without weights small ones are given up to the ground.
        weights = torch.ones(len(CLASSES) + 1)
        weights[0] = 0.4
        loss = F.cross_entropy(logits, truth, weights, ignore_index=255)
        return {"cross_entropy": loss}

    def measured(card: Path) -> dict[str, float | str]:
        return checkpoints.measure(Segmentation(), PSPNetScenes(card), plan.evaluate)

    return training.train(
        recipe=recipe,
        directory=directory,
        report=report,
        module=module,
        losses_of=losses,
        paper=PAPER,
        measure=measured,
        pretrained=module.backbone,
    )
