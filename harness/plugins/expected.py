"""What a vision model is expected to score on uncompressed images, by what its card says."""

from __future__ import annotations

from dataclasses import dataclass

from harness.assets.cards import Card
from harness.plugins.dataset import DataSet


@dataclass(frozen=True)
class Expected:
    """What a vision model scores on a data set, undegraded, by somebody's account.

    Attributes:
        metric: of the task, such as ``mAP``.
        value: in percent.
        tolerance: points by which a measurement may differ.
        source: who says so.
    """

    metric: str
    value: float
    tolerance: float
    source: str


def published_score(card: Card, data_set: DataSet, metric: str) -> Expected | None:
    """What the authors of a model publish, if it is of this data set and of as many images.

    Args:
        card: of the weights.
        data_set: with the images that are to be scored.
        metric: of the task.
    """
    if card.published_on != data_set.name or metric not in card.published:
        return None
    count = card.published_images
    # Any folder may have the name of a public data set.
    if count is not None and count != len(data_set.images()):
        return None
    return Expected(metric, card.published[metric], card.tolerance, card.source)


def own_score(card: Card, data_set: DataSet, metric: str) -> Expected | None:
    """What `tasks.weights.checkpoints.measure` found when a model of this project was trained.

    Args:
        card: of the weights.
        data_set: with the images that are to be scored.
        metric: of the task.
    """
    on = f"{len(data_set.images())} of {data_set.name}, uncompressed"
    if card.measured.get("images") != on or metric not in card.measured:
        return None
    value = 100 * float(card.measured[metric])
    return Expected(metric, value, card.tolerance, "measured after its training")
