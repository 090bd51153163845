"""Cards and checkpoints of vision models: taken as they are meant, or refused for what they are."""

import numpy as np
import pytest
import torch
from model_tools import CLASSIFIER, DETECTOR, changed, found, opened, pretending, write_card

from harness.errors import UserError
from tasks.classification.models.torchvision_models import ResNet18
from tasks.exported.model_card import ModelCard


@pytest.mark.parametrize(
    "classes", [{0: "cat", 1: "dog"}, {1: "dog", 0: "cat"}, {"0": "cat", "1": "dog"}]
)
def test_classes_as_numbers_and_names_are_their_names(tmp_path, classes):
    assert opened(tmp_path, CLASSIFIER, {"classes": classes}).classes == ("cat", "dog")


@pytest.mark.parametrize("classes", [{1: "cat", 2: "dog"}, {0: "cat", 2: "dog"}, {"a": "cat"}])
def test_classes_of_other_numbers_say_what_is_understood(tmp_path, classes):
    with pytest.raises(UserError, match=r"'classes' maps .*… to names, which is understood whe"):
        opened(tmp_path, CLASSIFIER, {"classes": classes})


def test_a_url_beside_an_absolute_file_says_which_to_leave_out(tmp_path):
    file = tmp_path / "net.pt"
    with pytest.raises(UserError, match=rf"net\.pt; a file that is here already, as {file}"):
        opened(tmp_path, DETECTOR, {"url": "https://example.org/net.pt", "file": str(file)})


def test_padded_rows_are_cured_by_the_threshold_that_the_sentence_names(tmp_path):
    answer = found([[1, 2, 30, 20], [0, 0, 0, 0], [0, 0, 0, 0]], [0.9, 0, 0], [2, -1, -1])
    image = np.zeros((24, 32, 3), np.uint8)
    with pytest.raises(UserError, match=r"gives 2 rows of the label -1, .* put output\.score_thr.*"
                                        r"above their score of 0, and"):  # fmt: skip
        pretending(tmp_path, DETECTOR, {}, answer).predict(image)
    cured = pretending(tmp_path, DETECTOR, {"output.score_threshold": 0.05}, answer).predict(image)
    assert cured.labels.tolist() == [2]
    odd = found([[1, 2, 30, 20], [0, 0, 0, 0]], [0.9, 0], [7, -1])
    with pytest.raises(UserError, match="gives the label 7, and its card says"):
        pretending(tmp_path, DETECTOR, {}, odd).predict(image)


def test_ten_classes_under_a_name_of_a_thousand_say_how_they_are_run(tmp_path):
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=10).state_dict(), tmp_path / "ten.pth")
    sentence = r"Only the head differs \(10 outputs, not 1000\).* name a card with its classes"
    with pytest.raises(UserError, match=sentence):
        ResNet18.make(str(tmp_path / "ten.pth")).prepare()


def test_the_cards_of_these_tests_are_valid(tmp_path):
    assert ModelCard.accepts(write_card(tmp_path, changed(DETECTOR, {})))
