"""Any detector's labels, matched by name, score what plain pycocotools says of the same boxes."""

from __future__ import annotations

import contextlib
import io
import json
import math

import numpy as np
import pytest
from coco_tools import FILES, Named, annotations, coco, detections, figures, guesses
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.detection.metric.coco import FIGURES
from tasks.detection.task import Detection

pytestmark = pytest.mark.slow


def truth_file(name):
    return json.loads(annotations(name)[0].read_text())


def official(file, found, folder):
    """The steps of pycocotools' own demo, both sides as files; ``found`` has category ids."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(file))
        numbers = {image["file_name"]: image["id"] for image in truth.dataset["images"]}
        results = [
            {
                "image_id": numbers[name],
                "category_id": int(label),
                "bbox": [float(x1), float(y1), float(x2) - float(x1), float(y2) - float(y1)],
                "score": float(score),
            }
            for name, one in found.items()
            for (x1, y1, x2, y2), score, label in zip(
                one.boxes, one.scores, one.labels, strict=True
            )
        ]
        (folder / "results.json").write_text(json.dumps(results))
        evaluation = COCOeval(truth, truth.loadRes(str(folder / "results.json")), "bbox")
        evaluation.params.imgIds = [numbers[name] for name in found]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    expected = dict(zip(FIGURES, evaluation.stats, strict=True))
    for index, category in enumerate(truth.getCatIds()):
        precision = evaluation.eval["precision"][:, :, index, 0, 2]
        name = truth.loadCats([category])[0]["name"]
        expected[f"AP/{name}"] = precision[precision > -1].mean() if (precision > -1).any() else -1
    return {key: math.nan if value == -1 else float(value) for key, value in expected.items()}


def as_model(one, data_set, model):
    """The same boxes with the labels the model would give them, and one the data set lacks."""
    label = {
        category: model.classes.index(name) + 1
        for category, name in zip(data_set.categories, data_set.classes, strict=True)
    }
    boxes = np.concatenate([one.boxes, [[0, 0, 99, 99]]])
    stranger = model.classes.index("unicorn") + 1
    return detections(boxes, [*one.scores, 1.0], [*(label[int(k)] for k in one.labels), stranger])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("seed", [0, 1])
def test_twelve_figures_and_every_class_equal_pycocotools(name, seed, tmp_path):
    data_set = coco(name)
    # The model's own order of classes, and two that the data set lacks.
    rng = np.random.default_rng(seed)
    model = Named(rng.permutation([*data_set.classes, "unicorn", "centaur"]).tolist())
    task = Detection()
    task.fit(model, data_set)
    found = guesses(truth_file(name), seed)
    for files in (list(found), list(found)[::3]):  # all images, and a part of them
        part = {file: found[file] for file in files}
        ours = {file: as_model(one, data_set, model) for file, one in part.items()}
        result = figures(task, data_set, ours)
        expected = official(annotations(name)[0], part, tmp_path)
        assert result.keys() == expected.keys() and len(result) == 12 + 80
        np.testing.assert_allclose(
            list(result.values()), [expected[key] for key in result], rtol=0, atol=1e-9
        )
        assert 0.2 < result["mAP"] < 0.8


def test_what_the_data_holds_is_the_hard_cases():
    """Crowds, gaps in the ids, images without annotations: else the test above shows little."""
    truths = [truth_file(name) for name in FILES]
    notes = [note for truth in truths for note in truth["annotations"]]
    assert sum(note["iscrowd"] for note in notes) > 10
    assert all(max(c["id"] for c in t["categories"]) > len(t["categories"]) for t in truths)
    empty = [
        {image["id"] for image in t["images"]} - {note["image_id"] for note in t["annotations"]}
        for t in truths
    ]
    assert any(empty)
    assert any(not len(one) for one in guesses(truths[0], 0).values())
