"""Which images panels show, from records alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import RunBuilder, fidelity_record

from harness.errors import UserError
from harness.panels.changes import split
from harness.panels.select import PanelRequest, choose

PSNR = {  # by restorer; the images are a, b, c, d, e
    "jpeg": (30.0, 30.0, 30.0, 30.0, 30.0),
    "weak": (31.0, 30.5, 29.0, 30.0, 30.2),
    "strong": (35.0, 30.0, 28.0, 29.5, 31.0),
}
IDS = tuple("abcde")


@pytest.fixture
def records(tmp_path):
    """A run directory of the task fidelity, written by hand."""
    run = RunBuilder(
        tmp_path / "run",
        task="fidelity",
        ids=IDS,
        study={"task": ["fidelity"], "restorers": list(PSNR)},
    )
    for name, values in PSNR.items():
        for qf in (10, 20):
            records = [
                fidelity_record(image, value + qf, psnr_b=value)
                for image, value in zip(IDS, values, strict=True)
            ]
            run.cell(name, qf, records)
    return run.write()


def chosen(directory, **request):
    return [choice.image for choice in choose(directory, PanelRequest(**request))]


def test_half_are_those_helped_most_and_half_those_hurt_most(records):
    choices = choose(records, PanelRequest(top=4))

    # The best by mean PSNR is strong: +5, 0, -2, -0.5, +1 against jpeg.
    assert [choice.image for choice in choices] == ["a", "e", "c", "d"]
    assert {choice.between for choice in choices} == {("jpeg", "strong")}
    assert {(choice.codec, choice.qf) for choice in choices} == {("jpeg", 10)}
    assert choices[0].restorers == ("weak", "strong")
    assert choices[0].reason == (
        "Of 5 images this one gains most from jpeg to strong: its own PSNR rises from 40.00 "
        "to 45.00."
    )
    assert choices[3].reason == (
        "Of 5 images this one loses 2nd most from jpeg to strong: its own PSNR falls from 40.00 "
        "to 39.50."
    )


def test_worst_are_only_those_that_are_hurt(records):
    assert chosen(records, worst=True, top=9) == ["c", "d"]
    assert chosen(records, worst=True, top=1, between=("strong", "weak")) == ["a"]


def test_between_two_others(records):
    [first, last] = choose(records, PanelRequest(top=2, between=("strong", "weak"), qf=20))

    assert (first.image, last.image) == ("c", "a")
    assert first.reason.endswith("from strong to weak: its own PSNR rises from 48.00 to 49.00.")
    assert first.qf == 20


def test_an_image_that_is_asked_for_is_shown_whatever_it_does(records):
    [choice] = choose(records, PanelRequest(images=("b",), restorers=("weak",)))

    assert choice.restorers == ("weak",)
    assert choice.reason == ("Asked for; from jpeg to weak its own PSNR rises from 40.00 to 40.50.")


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"images": ("f",)}, "has no image 'f'. It has: a, b, c, d, e."),
        ({"restorers": ("strnog",)}, "has no restorer 'strnog'. Did you mean 'strong'?"),
        ({"between": ("jpeg", "dagn")}, "has no restorer 'dagn'"),
        ({"qf": 15}, "has no QF '15'. Did you mean '10'? It has: 10, 20."),
        ({"codec": "webp"}, "has no codec 'webp'. It has: jpeg."),
        ({"tasks": ("detection",)}, "has no task 'detection'. It has: fidelity."),
        ({"between": ("jpeg", "jpeg")}, "No image changes in fidelity at QF 10"),
    ],
)
def test_what_the_run_does_not_have_is_one_sentence(records, request_, sentence):
    with pytest.raises(UserError) as error:
        choose(records, PanelRequest(**request_))

    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_split_by_hand():
    change = np.array([1.0, -3.0, 0.0, np.nan, 2.0, -1.0, np.inf])

    assert split(change, 4) == ([4, 0], [1, 5])
    assert split(change, 3) == ([4, 0], [1])
    assert split(change, 1) == ([4], [])
    assert split(change, 9, worst=True) == ([], [1, 5])
    # Too few of one kind: the other fills up.
    assert split(np.array([1.0, 2.0, 3.0, -1.0]), 4) == ([2, 1, 0], [3])
    assert split(np.array([1.0, -1.0, -2.0, -3.0]), 4) == ([0], [3, 2, 1])
    assert split(np.array([1.0, 1.0, 1.0]), 2) == ([0, 1], [])


@given(st.lists(st.integers(-3, 3), max_size=12), st.integers(1, 12))
def test_split_shows_as_many_as_there_are_and_the_largest(values, top):
    change = np.array(values, np.float64)
    rises, falls = split(change, top)

    assert len(rises) + len(falls) == min(top, int((change != 0).sum()))
    for conditions, sign in ((rises, 1), (falls, -1)):
        left = [sign * v for k, v in enumerate(values) if sign * v > 0 and k not in conditions]
        assert all(sign * change[condition] >= max(left, default=0) for condition in conditions)
        assert all(sign * change[condition] > 0 for condition in conditions)
