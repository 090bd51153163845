"""Masks whose value 0 is no class, for a model that knows no background."""

import numpy as np
import pytest
from field import Constant, run, score
from made_data import palette, picture

from harness.errors import UserError


class Classes(Constant):
    """A segmenter without a background."""

    @property
    def labels(self):
        return self.classes


def masks(folder, void, names=None):
    """An image of which a part is the first class, a part the second, and the rest void."""
    values = np.full((30, 40), void, np.uint8)
    values[:10], values[10:20] = 1, 2
    picture(folder / "images" / "a.jpg")
    palette(folder / "masks" / "a.png", values)
    if names:
        (folder / "masks" / "classes.txt").write_text("\n".join(names))
    return {"dataset": folder / "images", "masks": str(folder / "masks"), "task": "segmentation"}


@pytest.mark.parametrize("name", ["background", "void", "unlabeled"])
def test_a_model_without_background_says_what_to_do_with_value_0(tmp_path, name):
    model = Classes(["sky", "road"])
    given = masks(tmp_path, 0, [name, "sky", "road"])
    with pytest.raises(UserError, match=rf"constant knows no {name}, .* write 255 into the masks"):
        run(model=model, output=tmp_path / "out", **given)
    masks(tmp_path, 255)
    finished = run(model=model, output=tmp_path / "out2", **given)
    assert score(finished) == pytest.approx(25)  # sky: half of what is labelled; road: none


def test_values_without_names_that_count_from_1_say_so(tmp_path):
    given = masks(tmp_path, 0)
    with pytest.raises(UserError, match=r"values up to 2, .* has 2 classes, .* one less for"):
        run(model=Classes(["sky", "road"]), output=tmp_path / "out", **given)
