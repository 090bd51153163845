"""Running a vision model over a few scenes."""

import io

import numpy as np
from PIL import Image

from harness.plugins import Record


def pixels(reference, quality=None):
    """An image's pixels, as they are or after JPEG at a quality factor."""
    with Image.open(reference.path) as image:
        if quality is None:
            return np.array(image)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        return np.array(image)


def score(task, model, data_set, quality=None, change=lambda image: image):
    """The task's headline metric over a whole data set."""
    records = {}
    for reference in data_set.images():
        prediction = model.predict(change(pixels(reference, quality)))
        outcome = task.outcome(prediction, data_set, reference.id)
        records[reference.id] = Record(reference.id, outcome=outcome)
    return task.metrics(records, task.ground_truth(data_set, list(records)))[task.metric]
