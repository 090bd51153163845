"""Cards, networks and images for the tests of models in files."""

import numpy as np
import yaml

from tasks.exported.model_card import ModelCard

DETECTOR = {
    "name": "found",
    "task": "detection",
    "framework": "torchscript",
    "file": "found.pt",
    "classes": ["cat", "dog"],
    "input": {"layout": "chw", "order": "rgb", "range": "unit"},
    "output": {
        "boxes": "boxes", "scores": "scores", "labels": "labels",
        "box_units": "input", "label_base": 1,
    },
}  # fmt: skip
SEGMENTER = {
    **DETECTOR,
    "task": "segmentation",
    "output": {"logits": "", "background": True},
}
CLASSIFIER = {**DETECTOR, "task": "classification", "output": {"logits": ""}}


def changed(card, changes):
    """A card with other fields, ``input.order`` style; None takes a field away."""
    card = {key: dict(value) if isinstance(value, dict) else value for key, value in card.items()}
    for name, value in changes.items():
        part, _, field = name.rpartition(".")
        target = card[part] if part else card
        if value is None:
            target.pop(field)
        else:
            target[field] = value
    return card


def write_card(folder, card, changes=None, name="card.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(changed(card, changes or {})))
    return path


def opened(folder, card, changes=None):
    return ModelCard.open(write_card(folder, card, changes))


class Pretend:
    """A network that returns what it is told, and keeps what it was given."""

    def __init__(self, answer):
        self.answer, self.given = answer, None

    def run(self, image):
        self.given = image
        return self.answer(image) if callable(self.answer) else self.answer


def pretending(folder, card, changes, answer):
    """The model of a card, whose network is a `Pretend`."""
    model = opened(folder, card, changes)
    model._network = Pretend(answer)
    return model


def found(boxes, scores=None, labels=None):
    """What a detector returns."""
    count = len(boxes)
    return {
        "boxes": np.asarray(boxes, np.float32).reshape(count, 4),
        "scores": np.asarray([0.5] * count if scores is None else scores, np.float32),
        "labels": np.asarray([1] * count if labels is None else labels, np.int64),
    }


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
