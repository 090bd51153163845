"""Which image comes first changes nothing."""

import numpy as np
import pytest
from vision_tools import pixels

from tasks.detection.models.faster_rcnn import FasterRCNNScenes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shape", [(10, 640, 3), (640, 10, 3)])
def test_a_slim_image_first_leaves_the_next_predictions_as_they_were(few_scenes, shape):
    image = pixels(few_scenes.images()[0])
    fresh, seasoned = FasterRCNNScenes(), FasterRCNNScenes()
    seasoned.predict(np.full(shape, 90, np.uint8))

    first, second = fresh.predict(image), seasoned.predict(image)

    assert len(first)
    assert np.array_equal(first.boxes, second.boxes)
    assert np.array_equal(first.scores, second.scores)
