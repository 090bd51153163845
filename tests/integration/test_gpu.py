"""A CUDA device's numbers beside the CPU's; everything here skips where there is none."""

import numpy as np
import pytest
import torch

from harness.images.jpeg import Jpeg
from harness.plugins import as_restored, registry

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="no CUDA device here to compare with the CPU"
    ),
]

MODELS = [
    ("detection", "faster_rcnn_scenes"),
    ("segmentation", "pspnet_scenes"),
    ("classification", "mobilenet_scenes"),
]


def scene():
    data = registry.datasets().get("scenes")()
    from harness.images.io import read_image

    return read_image(data.images()[0].path)


@pytest.mark.parametrize("name", ["arcnn", "dmcnn", "qgac", "fbcnn", "swinir", "ipt", "dagn"])
def test_a_restorer_makes_the_same_image_up_to_rounding(name):
    file = Jpeg().compress(scene(), 10)
    images = []
    for device in ("cpu", "cuda"):
        restorer = registry.restorers().get(name).make()
        restorer.place(device)
        images.append(as_restored(restorer.restore(file)).pixels.astype(int))

    difference = np.abs(images[0] - images[1])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize("task, name", MODELS)
def test_a_vision_model_sees_the_same(task, name):
    image, seen = scene(), []
    for device in ("cpu", "cuda"):
        model = registry.models(task).get(name).make()
        model.place(device)
        seen.append(model.predict(image))

    one, other = seen
    if task == "detection":
        sure = [found.scores > 0.1 for found in seen]
        np.testing.assert_array_equal(one.labels[sure[0]], other.labels[sure[1]])
        np.testing.assert_allclose(one.boxes[sure[0]], other.boxes[sure[1]], atol=0.05)
    elif task == "segmentation":
        assert (one == other).mean() > 0.999
    else:
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_run_on_it_says_so_resumes_and_is_near_the_cpus(harness):
    study = ("run", "--task", "detection", "--qf", "10", "--restorers", "jpeg,arcnn", "--limit", 8)
    _, _, _ = harness(*study, "--output", "on-cpu")
    code, table, err = harness(*study, "--output", "on-gpu", "--device", "auto")
    assert code == 0 and "Models run on cuda:0 (" in err and "Models on cuda in fp32" in table
    assert harness(*study, "--output", "on-gpu", "--device", "cuda")[:2] == (0, table)
    code, _, err = harness(*study, "--output", "on-gpu")
    assert code == 2 and "Go on with --device cuda" in err

    frames = [harness("table", f"on-{kind}", "--format", "csv")[1] for kind in ("cpu", "gpu")]
    values = [
        [float(line.split(",")[7]) for line in text.splitlines()[1:] if ",mAP," in line]
        for text in frames
    ]
    np.testing.assert_allclose(*values, atol=0.3)
