"""Class maps and scores: back to the original image's pixels and the card's classes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_tools import CLASSIFIER, SEGMENTER, noise, pretending

from harness.errors import ImageError, UserError

SIZES = [
    {},
    {"input.multiple_of": 32},
    {"input.size": {"height": 70, "width": 90}},
    {"input.size": {"short": 60, "long": 80}, "input.multiple_of": 16, "input.pad_at": "both"},
    {"input.size": {"letterbox": 96}, "input.resize_with": "pillow"},
]
CLASS_MAP = {"output.logits": None, "output.class_map": ""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cards")


def by_colour(image):
    """Logits (1, 3, H, W): padding is class 0, red and green pixels are classes 1 and 2."""
    return torch.cat([torch.full_like(image[:1], 0.25), image[:2]])[None]


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from(SIZES),
    height=st.integers(2, 200),
    width=st.integers(2, 200),
    cut=st.floats(0.1, 0.9),
    stride=st.sampled_from([1, 4]),
    as_map=st.booleans(),
)
def test_a_map_comes_back_to_the_images_pixels(folder, size, height, width, cut, stride, as_map):
    """Left of a column the image is red, right of it green; so is the prediction."""
    column = max(1, min(width - 1, round(cut * width)))
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :column, 0], image[:, column:, 1] = 255, 255
    seen = []

    def answer(tensor):
        logits = by_colour(tensor)
        small = [-(-side // stride) for side in logits.shape[2:]]
        logits = torch.nn.functional.interpolate(logits, small, mode="bilinear")
        seen.append(tensor.shape[1:])
        return logits.argmax(1) if as_map else logits

    changes = {**size, **(CLASS_MAP if as_map else {})}
    predicted = pretending(folder, SEGMENTER, changes, answer).predict(image)

    assert predicted.shape == (height, width)
    assert predicted.dtype == np.uint8
    # A cell of the answer, in pixels of the image (in a letterbox the longer side counts).
    cell = 2 + 1.5 * stride * max(1.0, max(height, width) / min(seen[0]))
    columns, rows = np.arange(width), np.arange(height)
    inner = (rows >= cell) & (rows < height - cell)  # the padding's logits reach over the border
    left = (columns >= cell) & (columns < column - cell)
    right = (columns >= column + cell) & (columns < width - cell)
    assert (predicted[np.ix_(inner, left)] == 1).all()
    assert (predicted[np.ix_(inner, right)] == 2).all()


def test_at_the_images_own_size_the_map_is_the_networks(folder):
    numbers = np.random.default_rng(0).integers(0, 3, (20, 30))
    logits = np.eye(3, dtype=np.float32)[numbers].transpose(2, 0, 1)

    for answer in (logits, logits[None], [logits[None]], {"out": torch.from_numpy(logits)}):
        model = pretending(folder, SEGMENTER, {}, answer)
        assert np.array_equal(model.predict(noise(20, 30)), numbers)
    for answer in (numbers, numbers[None], numbers[None, None], numbers.astype(np.float32)):
        model = pretending(folder, SEGMENTER, CLASS_MAP, answer)
        assert np.array_equal(model.predict(noise(20, 30)), numbers)


@pytest.mark.parametrize("align_corners", [False, True])
def test_logits_are_interpolated_before_a_class_is_chosen(folder, align_corners):
    logits = torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    model = pretending(folder, SEGMENTER, {"output.align_corners": align_corners}, logits)
    large = torch.nn.functional.interpolate(
        logits, (33, 41), mode="bilinear", align_corners=align_corners
    )
    assert np.array_equal(model.predict(noise(33, 41)), large[0].argmax(0).numpy())


def test_a_small_map_is_brought_to_size_by_the_nearest_pixel(folder):
    small = np.array([[0, 1], [2, 0]])
    predicted = pretending(folder, SEGMENTER, CLASS_MAP, small).predict(noise(4, 6))
    assert np.array_equal(predicted, np.kron(small, np.ones((2, 3), int)))


def test_many_classes_need_more_than_a_byte(folder):
    changes = {**CLASS_MAP, "classes": [f"class {k}" for k in range(300)]}
    predicted = pretending(folder, SEGMENTER, changes, np.full((4, 5), 299)).predict(noise(4, 5))
    assert predicted.dtype == np.int64
    assert (predicted == 299).all()


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        (np.zeros((1, 2, 4, 5)), {}, "2×4×5 at '', and its card says 3 classes×height×width"),
        (np.zeros((1, 3, 4, 5)), {"output.background": False}, "its card says 2 classes"),
        (np.zeros((2, 3, 4, 5)), {}, "2×3×4×5"),
        (np.zeros((3, 4, 5)), CLASS_MAP, "its card says height×width class numbers"),
        (np.full((4, 5), 3), CLASS_MAP, "gives the class number 3, and its card says 0 to 2"),
        (np.full((4, 5), -1), CLASS_MAP, "gives the class number -1"),
    ],
)
def test_a_segmenters_card_that_does_not_fit_stops_the_study(folder, answer, changes, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        pretending(folder, SEGMENTER, changes, answer).predict(noise(4, 5))
    assert not isinstance(error.value, ImageError)


def test_a_classifiers_scores_are_those_of_its_classes(folder):
    scores = np.array([[0.2, 0.5, 0.3]], np.float32)
    three = {"classes": ["a", "b", "c"]}
    for answer in (scores, scores[0], scores[:, :, None, None]):
        model = pretending(folder, CLASSIFIER, three, answer)
        assert np.array_equal(model.predict(noise(4, 5)), scores[0])
    with_background = pretending(folder, CLASSIFIER, {"output.label_base": 1}, scores)
    assert np.array_equal(with_background.predict(noise(4, 5)), scores[0, 1:])


PROBABILITIES = {"output.logits": None, "output.probabilities": ""}


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        ([[0.1, 0.2, 0.7]], {}, "float64 1×3 at '', and its card says 2 scores"),
        ([[0.1], [0.9]], {"output.label_base": 1}, "its card says 3 scores"),
        ([-4.0, 9.0], PROBABILITIES, "gives probabilities from -4 to 9: say logits"),
    ],
)
def test_a_classifiers_card_that_does_not_fit_stops_the_study(folder, answer, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        pretending(folder, CLASSIFIER, changes, np.array(answer)).predict(noise(4, 5))


def test_numbers_that_are_not_finite_fail_the_image(folder):
    logits = np.zeros((3, 4, 5), np.float32)
    logits[1, 2, 3] = np.nan
    for card, answer in ((SEGMENTER, logits), (CLASSIFIER, np.array([np.inf, 1]))):
        with pytest.raises(ImageError, match="gave a number that is not finite"):
            pretending(folder, card, {}, answer).predict(noise(4, 5))
