"""Overlays, labels and details of panels."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.panels import crop
from harness.panels.labels import KINDS, class_colour, extent, ink_on, place_label, shorten, wrap
from harness.panels.overlay import IGNORED, map_legend, overlay, overlay_size


def box(kind, corners, label="cat"):
    return SimpleNamespace(kind=kind, box=corners, label=label, score=None)


def drawing(boxes=(), class_map=None, names=(), caption=""):
    return SimpleNamespace(boxes=boxes, class_map=class_map, names=names, caption=caption)


def coloured(sheet, colour):
    pixels = np.asarray(sheet)
    return (pixels[..., :3] == colour).all(axis=2) & (pixels[..., 3] == 255)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((320, 240), (640, 480)), ((1920, 1080), (1920, 1080)), ((240, 500), (480, 1000)),
     ((32, 24), (128, 96))],
)  # fmt: skip
def test_an_overlay_is_a_whole_multiple_of_its_picture(size, expected):
    assert overlay_size(*size) == expected
    assert overlay(drawing([box("found", (1, 1, 20, 20))]), *size).size == expected


def test_the_three_kinds_differ_without_their_colours():
    """Along the lower edge: unbroken, short strokes and long strokes."""
    strokes = {}
    for kind, colour in KINDS.items():
        sheet = overlay(drawing([box(kind, (20, 40, 300, 220))]), 320, 240)
        edge = coloured(sheet, colour)[438]
        lengths = np.diff(np.flatnonzero(np.diff(np.r_[0, edge.astype(int), 0])))[::2]
        strokes[kind] = (len(lengths), int(np.median(lengths)))

    assert strokes["found"][0] == 1
    assert strokes["missed"][0] > 40
    assert 10 < strokes["false"][0] < strokes["missed"][0] / 2
    assert strokes["false"][1] > 3 * strokes["missed"][1]


@pytest.mark.parametrize("kind", ["missed", "false"])
def test_a_small_box_is_broken_too(kind):
    sheet = overlay(drawing([box(kind, (100, 100, 108, 108), "")]), 320, 240)

    edge = coloured(sheet, KINDS[kind])[214, 200:216]
    assert 0 < edge.sum() < 16


def test_what_is_wrong_is_drawn_over_what_is_right():
    corners = (20, 40, 300, 220)
    sheet = overlay(drawing([box("missed", corners), box("found", corners)]), 320, 240)

    assert coloured(sheet, KINDS["missed"])[438].sum() > 100
    assert coloured(sheet, KINDS["found"])[438].sum() > 100


@pytest.mark.parametrize("corners", [(-50, -50, 500, 500), (318, 238, 320, 240), (0, 0, 0, 0)])
def test_a_box_at_or_beyond_the_edge_is_drawn_inside(corners):
    sheet = overlay(drawing([box("false", corners)]), 320, 240)

    # The label of a tiny box covers it.
    assert (np.asarray(sheet)[..., :3] == KINDS["false"]).all(axis=2).any()
    assert np.asarray(sheet).shape == (480, 640, 4)


def test_nothing_to_draw_is_no_overlay():
    assert overlay(drawing(caption="top-1: cat (0.90), right"), 320, 240) is None


def test_a_class_map_is_half_transparent_and_hatched_where_it_is_wrong():
    said = np.zeros((240, 320), np.uint8)
    said[:, 100:200] = 1
    said[:, 200:] = 2
    said[200:] = IGNORED
    true = said.copy()
    true[:, 200:] = 1
    true[100:, 200:] = IGNORED
    names = ("background", "cat", "dog")
    sheet = np.asarray(
        overlay(drawing(class_map=said, names=names), 320, 240, drawing(class_map=true))
    )

    assert (sheet[:, :200, 3] == 0).all(), "background is left as it is"
    assert (sheet[400:, :, 3] == 0).all(), "ignored pixels are left as they are"
    assert tuple(sheet[10, 210]) == (*class_colour(1), 128)
    wrong, unjudged = sheet[:150, 450:], sheet[300:380, 450:]
    for stripe in ((255, 255, 255, 200), (0, 0, 0, 200)):
        assert 0.1 < (wrong == stripe).all(axis=2).mean() < 0.25
        assert not (unjudged == stripe).all(axis=2).any()
    assert dict(map_legend(drawing(class_map=said, names=names))) == {
        "cat": "#e69f00", "dog": "#56b4e9",
    }  # fmt: skip


def test_the_classes_have_colours_of_their_own():
    colours = [class_colour(index) for index in range(120)]

    assert len(set(colours)) == 120
    gaps = [
        np.abs(np.subtract(a, b)).max() for k, a in enumerate(colours[:21]) for b in colours[:k]
    ]
    assert min(gaps) >= 25
    assert ink_on((0xF0, 0xE4, 0x42)) == (0, 0, 0)
    assert ink_on((0x33, 0x22, 0x88)) == (255, 255, 255)


side = st.integers(1, 60)


@given(
    st.lists(st.tuples(st.integers(-20, 320), st.integers(-20, 240), side, side), max_size=20),
    st.integers(10, 90),
)
def test_labels_stay_inside_and_are_never_half_covered(boxes, width):
    taken = []
    for x, y, wide, high in boxes:
        spot = place_label((x, y, x + wide, y + high), (width, 12), (320, 240), taken)
        if spot is None:
            continue
        assert 0 <= spot[0] < spot[2] <= 320
        assert 0 <= spot[1] < spot[3] <= 240
        for other in taken:
            across = min(spot[2], other[2]) - max(spot[0], other[0])
            down = min(spot[3], other[3]) - max(spot[1], other[1])
            assert max(across, 0) * max(down, 0) < width * 12 / 2
        taken.append(spot)


def test_a_label_goes_where_there_is_room():
    first = place_label((10, 50, 60, 90), (40, 12), (320, 240), [])
    second = place_label((10, 50, 60, 90), (40, 12), (320, 240), [first])

    assert first == (10, 38, 50, 50)
    assert second[1] >= 50 or second[0] >= 50


@given(st.text(st.characters(codec="latin-1", exclude_categories=["C"]), max_size=60),
       st.integers(40, 300))  # fmt: skip
def test_texts_fit_the_width_they_are_given(text, width):
    assert extent(shorten(text, 12, width), 12)[0] <= width
    assert all(extent(line, 12)[0] <= width for line in wrap(text, 12, width))


@given(st.integers(1, 90), st.integers(1, 90), st.randoms(use_true_random=False))
def test_an_automatic_crop_is_inside_and_where_the_change_is(width, height, random):
    a = np.zeros((height, width, 3), np.uint8)
    b = a.copy()
    row, column = random.randrange(height), random.randrange(width)
    b[row, column] = 200

    x, y, wide, high = crop.most_different(a, b)

    assert 0 <= x <= column < x + wide <= width
    assert 0 <= y <= row < y + high <= height
    assert (wide, high) == crop.window(width, height)


def test_the_crop_of_equal_pictures_is_the_middle():
    same = np.zeros((240, 320, 3), np.uint8)

    assert crop.most_different(same, same) == (120, 90, 80, 60)


def test_a_fall_counts_like_a_rise():
    a = np.full((240, 320, 3), 128, np.uint8)
    b = a.copy()
    b[0:60, 0:80] += 5
    b[180:, 240:] -= 9

    assert crop.most_different(a, b) == (240, 180, 80, 60)


def test_crops_by_hand():
    assert crop.parse("auto") == crop.AUTO
    assert crop.parse(" None ") is None
    assert crop.parse("10, 20,30,40") == (10, 20, 30, 40)
    crop.check_inside((10, 20, 30, 40), 40, 60, "a")
    with pytest.raises(UserError, match="goes beyond the image a, which is 39×60 pixels"):
        crop.check_inside((10, 20, 30, 40), 39, 60, "a")
    for text in ("1,2,3", "1,2,0,4", "-1,2,3,4", "a,b,c,d", "middle"):
        with pytest.raises(UserError, match="auto, none, or x,y,width,height"):
            crop.parse(text)
