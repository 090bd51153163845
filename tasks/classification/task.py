"""Image classification: one class per image, top-1 and top-5 accuracy over the data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UserError
from harness.plugins import ClassScores, DataSet, Drawing, Json, Record, Sample, Task, VisionModel
from tasks.classes import one_class_notes, places
from tasks.classification.sample import KEPT, within

__all__ = ["Classification"]

UNKNOWN = -1
"""In a record: a class of the model that the data set does not have."""

_SYNSET = re.compile(r"n\d{8}")
_NAMED = 6


class Classification(Task[ClassScores]):
    """The share of images whose class is the surest answer, or among the five surest.

    A model answers with any of its classes, also those that the data set lacks: these are wrong
    answers.
    """

    name: ClassVar[str] = "classification"
    metric: ClassVar[str] = "top-1"
    title: ClassVar[str] = "Image classification (top-1 and top-5 accuracy in %)"
    displayed_metrics: ClassVar[tuple[str, ...]] = ("top-1", "top-5")
    version: ClassVar[str] = "1"
    agreement: ClassVar[str] = "classification-agreement"

    def __init__(self) -> None:
        self._numbers: tuple[int, ...] | None = None

    def fit(self, model: VisionModel[ClassScores], data_set: DataSet) -> None:
        """Match the model's classes with the data set's, by name.

        A folder of ImageNet has WordNet ids for names. Sorted, all 1000 of them are in the order
        of the ILSVRC 2012 classes, and are matched by place with a model of those.

        Raises:
            UserError: the data set has classes the model does not know.
        """
        known, wanted = tuple(model.classes), tuple(data_set.classes)
        synsets = all(_SYNSET.fullmatch(name) for name in wanted)
        if synsets and len(wanted) == len(known) == len(imagenet_classes()):
            matches = {place: place for place in range(len(wanted))}
            missing = [] if known == imagenet_classes() else list(wanted)
        else:
            matches = places(wanted, known)
            missing = [name for place, name in enumerate(wanted) if place not in matches]
        if missing:
            raise UserError(_unknown(model.name, data_set.name, missing, synsets))
        numbers = [UNKNOWN] * len(known)
        for here, there in matches.items():
            numbers[there] = here
        self._numbers = tuple(numbers)

    def outcome(self, prediction: ClassScores, data_set: DataSet, image_id: str) -> Json:
        """The ``label`` and the ``top`` classes, the surest first.

        Both are indices into the data set's classes; a class that it lacks is `UNKNOWN`. Of five
        classes or fewer, ``top`` leaves the last one out: all of them together say nothing.

        Args:
            prediction: (classes of the model,) float scores, more is surer.
            data_set: gives the image's class.
            image_id: the image.

        Raises:
            HarnessError: the prediction is no such array, or holds a NaN.
        """
        count = len(data_set.classes if self._numbers is None else self._numbers)
        best = surest(prediction, count, image_id)
        numbers = range(count) if self._numbers is None else self._numbers
        return {"label": int(data_set.label(image_id)), "top": [numbers[place] for place in best]}

    def ground_truth(self, data_set: DataSet, ids: Sequence[str]) -> Json:
        """The class names; which image has which is in the records already."""
        return {"classes": list(data_set.classes)}

    def metrics(self, records: Mapping[str, Record], ground_truth: Json | None) -> dict[str, float]:
        """``top-1`` and ``top-5`` over all images, ``top-1/<class>`` over those of each class met.

        Returns:
            Fractions in 0..1; NaN where there is no image, and for ``top-5`` of a model of five
            classes or fewer.

        Raises:
            HarnessError: the run kept no class names.
        """
        if ground_truth is None:
            raise HarnessError("top-1 needs the class names, and this run kept none: run it again.")
        outcomes = [record.scored for record in records.values()]
        first = np.asarray([within(outcome, 1) for outcome in outcomes])
        labels = np.asarray([outcome["label"] for outcome in outcomes], np.int64)
        names: list[str] = ground_truth["classes"]
        return {
            "top-1": mean(first),
            "top-5": mean(np.asarray([within(outcome, KEPT) for outcome in outcomes])),
            **{f"top-1/{names[k]}": mean(first[labels == k]) for k in np.unique(labels)},
        }

    def sample(self, records: Mapping[str, Record], ground_truth: Json | None) -> Sample:
        """Which images are right.

        Raises:
            HarnessError: the run kept no class names.
        """
        from tasks.classification.sample import ClassificationSample

        if ground_truth is None:
            raise HarnessError("top-1 needs the class names, and this run kept none: run it again.")
        outcomes = [record.scored for record in records.values()]
        return ClassificationSample(list(records), outcomes, ground_truth["classes"])

    def truth_notes(self, records: Mapping[str, Record], ground_truth: Json | None) -> list[str]:
        """Where all images are of one class."""
        if ground_truth is None:
            return []
        images = Counter(int(record.scored["label"]) for record in records.values())
        truth = {name: images[place] for place, name in enumerate(ground_truth["classes"])}
        return one_class_notes(truth, "the labels", len(records))

    def drawing(
        self,
        prediction: ClassScores | None,
        data_set: DataSet,
        image_id: str,
        reference: ClassScores | None = None,
    ) -> Drawing:
        """The surest class in words, and whether it is right."""
        label = int(data_set.label(image_id))
        true = class_name(data_set.classes, label)
        if prediction is None:
            return drawn(None, True, true, true)
        said = self.outcome(prediction, data_set, image_id)["top"][0]
        return drawn(prediction, said == label, class_name(data_set.classes, said), true)


def surest(prediction: object, count: int, image_id: str) -> list[int]:
    """The places of the highest scores, the highest first; of equal ones the first in place.

    Args:
        prediction: (count,) float scores.
        count: number of the model's classes.
        image_id: the image, for the message.

    Returns:
        `KEPT` places; of ``count`` <= `KEPT` classes all but the last.

    Raises:
        HarnessError: the prediction is no such array, or holds a NaN.
    """
    array = prediction if isinstance(prediction, np.ndarray) else None
    if array is None or array.dtype.kind != "f" or array.shape != (count,):
        got = "none" if array is None else f"{array.dtype}, {array.shape}"
        raise HarnessError(
            f"The classifier must answer image {image_id!r} with a float array of {count} scores, "
            f"one a class; it was {got}."
        )
    if np.isnan(array).any():
        raise HarnessError(f"The classifier answered image {image_id!r} with NaN.")
    kept = min(KEPT, max(count - 1, 1))
    return [int(place) for place in np.argsort(-array, kind="stable")[:kept]]


def mean(values: NDArray[np.float64]) -> float:
    """The mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def imagenet_classes() -> tuple[str, ...]:
    """The names of the 1000 classes of ILSVRC 2012, in their order, as torchvision has them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def _unknown(model: str, data_set: str, missing: Sequence[str], synsets: bool) -> str:
    names = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
    why = (
        "WordNet ids are understood only where all 1000 of ImageNet are there and the model has "
        "ImageNet's classes; otherwise name the folders by the model's classes."
        if synsets
        else "Classes are matched by name (a folder's are the names of its folders): rename them, "
        "choose another model, or compare the model with itself: --task classification-agreement."
    )
    classes = "1 class" if len(missing) == 1 else f"{len(missing)} classes"
    return f"The model {model} does not know {classes} of {data_set}: {names}. {why}"


def drawn(prediction: NDArray[np.floating] | None, right: bool, said: str, true: str) -> Drawing:
    """What the classifier is surest of, how sure it is, and whether it is right.

    Args:
        prediction: (classes,) scores, or None: the truth.
        right: whether the surest class is the true one.
        said: name of the surest class.
        true: name of the true class.
    """
    if prediction is None:
        return Drawing(caption=f"it is {true}")
    verdict = "right" if right else f"wrong, it is {true}"
    return Drawing(caption=f"top-1: {said} ({sureness(prediction):.2f}), {verdict}")


def sureness(scores: NDArray[np.floating]) -> float:
    """The highest score as a probability, 0..1.

    Scores that are probabilities already (none negative, sum 1) stay as they are; others are taken
    for logits and go through the softmax.
    """
    values = scores.astype(np.float64)
    if (values < 0).any() or not np.isclose(values.sum(), 1.0, atol=1e-3):
        values = np.exp(values - values.max())
        values /= values.sum()
    return float(values.max())


def class_name(names: Sequence[str], place: int) -> str:
    """The class name, or that the data set has none."""
    return names[place] if 0 <= place < len(names) else "a class the data set lacks"
