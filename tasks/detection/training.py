"""Trains the embedded detector on uncompressed `scenes`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.plugins import Json

PAPER = "Ren et al., Faster R-CNN, NeurIPS 2015; Lin et al., Feature Pyramid Networks, CVPR 2017"


def train(recipe: Json, directory: Path, report: Callable[[str], None]) -> Path:
    """Train the Faster R-CNN to the end of its recipe.

    Args:
        recipe: the content of a ``configs/train`` file with ``trainer: faster_rcnn``.
        directory: where a run stopped, and where weights, card and ``log.csv`` are written.
        report: receives a line of progress now and then.

    Returns:
        The card's path.

    Raises:
        UserError: the recipe is not one of this trainer.
    """
    import torch

    from tasks.detection.models.faster_rcnn import FasterRCNNScenes
    from tasks.detection.models.network import build
    from tasks.detection.task import Detection
    from tasks.scenes import CLASSES
    from tasks.scenes.batches import SceneBatches
    from tasks.scenes.data_set import ScenesTrain
    from tasks.weights import checkpoints, training
    from tasks.weights.backbone import start_from_imagenet
    from tasks.weights.recipe import begin

    plan = begin(recipe, "faster_rcnn")
    module = build(len(CLASSES))
    start_from_imagenet(module.backbone.backbone)
    training.set_precision(plan, module.backbone, module.rpn.head, module.roi_heads.box_head)
    batches = SceneBatches(ScenesTrain(plan.images), plan.batch_size, plan.seed, empty=False)

    def losses(network: torch.nn.Module, step: int) -> dict[str, torch.Tensor]:
        batch = batches(step)
        images = torch.from_numpy(batch.images).permute(0, 3, 1, 2)
        targets = [
            {"boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(labels)}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        named: dict[str, torch.Tensor] = network(list(images), targets)
        return named

    def measured(card: Path) -> dict[str, float | str]:
        return checkpoints.measure(Detection(), FasterRCNNScenes(card), plan.evaluate)

    return training.train(
        recipe=recipe,
        directory=directory,
        report=report,
        module=module,
        losses_of=losses,
        paper=PAPER,
        measure=measured,
        pretrained=module.backbone.backbone,
    )
