"""Restorers are told apart: by colour with any colour vision, by marker and dash without."""

import itertools
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.figures.style import (
    BLACK,
    COLOURS,
    GREY,
    REFERENCE,
    assign_styles,
    luminance,
    readable_on,
)

PAPER = ["arcnn", "dmcnn", "ipt", "swinir", "qgac", "fbcnn", "dagn"]

NAMES = st.lists(st.text(string.ascii_lowercase + ":/-.", min_size=1), max_size=30)

# Machado, Oliveira, Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia.
VISIONS = {
    "all": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                        [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                        [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


def channels(colour):
    return [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def lab(colour, vision):
    """CIE L*a*b* as somebody with that vision sees it."""
    srgb = np.array(channels(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(VISIONS[vision] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(xyz @ seen / [0.9505, 1, 1.089], 1e-9))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_colours_look_alike(vision):
    for a, b in itertools.combinations([*COLOURS, BLACK, GREY], 2):
        assert np.linalg.norm(lab(a, vision) - lab(b, vision)) > 12, (a, b)


@pytest.mark.parametrize("colour", [*COLOURS, GREY])
def test_every_colour_stands_out_from_paper(colour):
    assert 1.05 / (luminance(channels(colour)) + 0.05) >= 3


def test_the_papers_restorers_share_neither_colour_nor_marker():
    styles = assign_styles([*PAPER, "jpeg", "original"])

    assert len({style.colour for style in styles.values()}) == 9
    assert len({style.marker for style in styles.values()}) == 9


def test_jpeg_is_black_and_the_original_a_dashed_line():
    styles = assign_styles(["jpeg", REFERENCE])

    assert styles["jpeg"].colour == BLACK
    assert styles[REFERENCE].dash
    assert not styles[REFERENCE].marker


@settings(deadline=None, max_examples=50)
@given(NAMES)
def test_all_styles_differ_and_do_not_depend_on_the_order(names):
    styles = assign_styles(names)

    assert set(styles) == set(names)
    assert len(set(styles.values())) == len(styles)
    assert assign_styles(reversed(names)) == styles


@settings(deadline=None, max_examples=50)
@given(NAMES)
def test_strangers_change_nothing_about_the_papers_restorers(names):
    alone, together = assign_styles(PAPER), assign_styles([*names, *PAPER])

    assert {name: together[name] for name in PAPER} == alone


@settings(deadline=None, max_examples=30)
@given(st.sets(st.text(string.ascii_lowercase, min_size=1), max_size=7))
def test_as_many_restorers_as_there_are_colours_have_one_each(names):
    styles = assign_styles(names - {"jpeg", REFERENCE})

    assert len({style.colour for style in styles.values()}) == len(styles)


def test_text_on_a_colour_has_the_contrast_that_text_needs():
    for red, green, blue in itertools.product(np.linspace(0, 1, 7), repeat=3):
        light = luminance((red, green, blue))
        text = 1.0 if readable_on((red, green, blue)) == "white" else 0.0
        assert (max(light, text) + 0.05) / (min(light, text) + 0.05) >= 4.5
