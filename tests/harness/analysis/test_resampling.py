"""The draws: with replacement, as many as there are images, the same everywhere."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.resampling import resample_weights


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 230), st.integers(0, 2**40))
def test_every_draw_holds_as_many_images_as_there_are(images, draws, seed):
    found = resample_weights(images, draws, seed)

    assert found.shape == (draws, images)
    assert found.dtype == np.int32
    assert (found >= 0).all()
    assert (found.sum(axis=1) == images).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(0, 250), st.integers(0, 250), st.integers(0, 99))
def test_the_first_draws_of_many_are_those_of_few(images, few, more, seed):
    many = resample_weights(images, few + more, seed)

    assert (many[:few] == resample_weights(images, few, seed)).all()


def test_another_seed_draws_otherwise_and_so_does_another_block():
    found = resample_weights(50, 200, 0)

    assert (found != resample_weights(50, 200, 1)).any(axis=1).all()
    assert len(np.unique(found, axis=0)) == 200


def test_any_number_of_threads_draws_the_same():
    expected = resample_weights(64, 500, 7)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: resample_weights(64, 500, 7), range(16)))

    assert all((one == expected).all() for one in found)


def test_the_draws_of_seed_0_are_these_for_ever():
    """Published intervals can be had again only while this holds; NumPy keeps PCG64's stream."""
    assert resample_weights(6, 2).tolist() == [[1, 2, 0, 2, 0, 1], [2, 1, 0, 1, 1, 1]]


def test_an_image_is_drawn_as_often_as_chance_says():
    """Counts are multinomial: mean 1, variance 1 - 1/n, covariance -1/n."""
    images = 10
    found = resample_weights(images, 20_000, 3).astype(float)
    covariance = np.cov(found.T)

    assert found.mean(axis=0) == pytest.approx(np.ones(images), abs=0.03)
    assert covariance == pytest.approx(np.eye(images) - 1 / images, abs=0.04)
