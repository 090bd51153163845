"""Intervals, tests and their correction against SciPy, simulated truth and worked examples."""

import importlib.util
import itertools
import math
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import ROOT

from harness.analysis.inference import NO_INTERVAL, holm, interval, p_value
from harness.analysis.resampling import resample_weights

BENCHMARK = ROOT / "benchmarks" / "coverage.py"


def drawn_means(values, draws=1000, seed=0):
    """(draws, …) means of data sets drawn from (images, …) values."""
    return resample_weights(len(values), draws, seed) @ values / len(values)


def widened(images, level=0.95):
    """The level of the plain percentile interval that is as wide as the t interval."""
    t = scipy.stats.t.ppf((1 + level) / 2, images - 1)
    return 2 * scipy.stats.norm.cdf(t * math.sqrt(images / (images - 1))) - 1


@pytest.mark.parametrize("images", [5, 30, 200])
def test_the_interval_of_a_mean_is_scipys(images):
    values = np.random.default_rng(images).lognormal(size=images)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile",
        confidence_level=widened(images), random_state=np.random.default_rng(1),
    )  # fmt: skip
    width = theirs.confidence_interval.high - theirs.confidence_interval.low

    assert interval(theirs.bootstrap_distribution, images) == pytest.approx(
        theirs.confidence_interval, rel=1e-9
    )
    ours = interval(drawn_means(values, 9999), images)
    assert ours == pytest.approx(theirs.confidence_interval, abs=0.08 * width)


def test_the_corrected_interval_is_scipys_bca_where_that_has_no_acceleration():
    """The mean of values that lie symmetrically has acceleration 0, which leaves BC."""
    half = np.random.default_rng(2).lognormal(size=20)
    values = np.concatenate([half, -half])
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="BCa", confidence_level=widened(40),
        random_state=np.random.default_rng(3),
    )  # fmt: skip
    # scipy counts half a draw per tie too, and there is none here.
    ours = interval(theirs.bootstrap_distribution, 40, estimate=values.mean())

    assert ours == pytest.approx(theirs.confidence_interval, rel=1e-6)
    assert ours != interval(theirs.bootstrap_distribution, 40)


@pytest.mark.parametrize(("images", "tolerance"), [(10, 0.12), (2000, 0.05)])
def test_the_interval_of_a_normal_mean_is_the_t_interval(images, tolerance):
    values = np.random.default_rng(4).normal(size=images)
    found = interval(drawn_means(values, 2000), images)
    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval()

    assert found == pytest.approx(theirs, abs=tolerance * (theirs.high - theirs.low))


def test_a_wider_level_holds_a_narrower_one():
    drawn = drawn_means(np.random.default_rng(5).normal(size=50))
    narrow, wide = interval(drawn, 50, 0.8), interval(drawn, 50, 0.99)

    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_corrected_interval_follows_the_bias_and_holds_the_estimate():
    """Draws that are all too high by a third of their spread, as those of AP are."""
    drawn = np.random.default_rng(6).normal(1 / 3, 1, 100_000)
    plain, corrected = interval(drawn, 10_000), interval(drawn, 10_000, estimate=0.0)

    assert plain == pytest.approx((1 / 3 - 1.96, 1 / 3 + 1.96), abs=0.05)
    assert corrected == pytest.approx((-1 / 3 - 1.96, -1 / 3 + 1.96), abs=0.05)
    low, high = interval(drawn, 10_000, estimate=-9.0)
    assert low == -9.0 < high


@pytest.mark.parametrize(
    ("drawn", "images", "estimate"),
    [
        ([], 10, None),
        ([1.0, 2.0], 1, None),
        ([1.0], 10, None),
        ([math.nan, math.nan, 1.0], 10, None),
        ([math.inf, math.inf, 30.0], 10, None),
        ([1.0, 2.0], 10, math.inf),
    ],
)
def test_where_there_is_no_interval_there_is_none(drawn, images, estimate):
    found = interval(np.asarray(drawn, float), images, estimate=estimate)

    assert [math.isnan(end) for end in found] == [math.isnan(end) for end in NO_INTERVAL]


def test_a_draw_without_a_value_is_left_out():
    drawn = drawn_means(np.random.default_rng(7).normal(size=40))
    holed = np.concatenate([drawn, [math.nan] * 300])

    assert interval(holed, 40) == interval(drawn, 40)
    assert p_value(0.3, holed, 40) == p_value(0.3, drawn, 40)


def samples(kind, simulations, images):
    """(simulations, images, 2) contributions and the true ratio of their sums."""
    generator = np.random.default_rng(images)
    one = np.ones((simulations, images))
    if kind == "normal":
        return np.stack([generator.normal(5, 2, one.shape), one], 2), 5.0
    if kind == "skewed":
        return np.stack([generator.lognormal(0, 1, one.shape), one], 2), math.exp(0.5)
    if kind == "Bernoulli":
        return np.stack([generator.random(one.shape) < 0.8, one], 2), 0.8
    # IoU: pixels right are a Beta(6, 2) share of an area that varies a lot between images.
    area = generator.gamma(0.7, 1000, one.shape)
    return np.stack([area * generator.beta(6, 2, one.shape), area], 2), 0.75


COVERED = {
    ("normal", 30): (93, 97), ("normal", 128): (93.5, 96.5),
    ("skewed", 30): (86, 95), ("skewed", 128): (90.5, 96),
    ("Bernoulli", 30): (92, 97), ("Bernoulli", 128): (92.5, 96.5),
    ("IoU", 30): (91, 97), ("IoU", 128): (92, 96.5),
}  # fmt: skip
"""Percent: 95 less what the percentile interval is known to lack, and the simulation's error."""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "images"), COVERED)
def test_the_interval_holds_the_truth_as_often_as_it_says(kind, images):
    contributions, truth = samples(kind, 1500, images)
    # The draws do not depend on the data: all simulations can share them.
    weights = resample_weights(images, 1000).T.astype(float)
    drawn = (contributions[..., 0] @ weights) / (contributions[..., 1] @ weights)
    values = contributions[..., 0].sum(1) / contributions[..., 1].sum(1)
    plain = [interval(one, images) for one in drawn]
    corrected = [interval(one, images, estimate=v) for one, v in zip(drawn, values, strict=True)]
    low, high = COVERED[kind, images]

    for found in (plain, corrected):
        assert low <= 100 * np.mean([a <= truth <= b for a, b in found]) <= high


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_an_ap_like_metric_needs_the_correction_and_its_difference_does_not(benchmark):
    make = benchmark.average_precision
    # Enough for a truth known to 4 % of the standard error of 64 images. In 3000 simulations:
    # bias 0.34, value 88.5 and with BC 90.9, difference 93.6 and 91.4, 5.8 % rejected.
    benchmark.POPULATION, benchmark.CLASSES = 50_000, 3
    value, difference, rejected, bias = benchmark.study(
        make, benchmark.truths_of(make), images=64, simulations=400, draws=200
    )

    assert bias > 0.2
    assert value["BC widened"] >= 89
    assert value["BC widened"] >= value["widened"] + 1
    assert 92 <= difference["widened"] <= 98
    assert difference["widened"] > difference["BC widened"]
    assert 2 <= rejected <= 8


def test_the_p_value_of_a_mean_is_the_paired_t_tests():
    generator = np.random.default_rng(8)
    for images in (12, 60, 400):
        a = generator.normal(size=images)
        effects = np.array([[0.0], [1.0], [3.0]]) / math.sqrt(images)
        others = a + generator.normal(effects, 1, (3, images))
        means = drawn_means(np.vstack([a, others]).T, 10_000)
        for b, other in zip(others, means[:, 1:].T, strict=True):
            theirs = scipy.stats.ttest_rel(b, a)
            found = p_value(b.mean() - a.mean(), other - means[:, 0], images)

            # The standard error of 10 000 draws has itself one of 0.7 %.
            back = scipy.stats.t.isf(found / 2, images - 1)
            assert back == pytest.approx(abs(theirs.statistic), rel=0.02)


@pytest.mark.parametrize("images", [30, 128])
@pytest.mark.parametrize("kind", ["normal", "skewed", "Bernoulli"])
def test_a_twentieth_of_the_tests_of_nothing_rejects(kind, images):
    a, _ = samples(kind, 1500, images)
    b, _ = samples(kind, 3000, images)
    gaps = (b[1500:, :, 0].astype(float) - a[:, :, 0]).T
    drawn = resample_weights(images, 600) @ gaps / images

    found = [p_value(g.mean(), d, images) for g, d in zip(gaps.T, drawn.T, strict=True)]

    assert 3 <= 100 * np.mean(np.asarray(found) < 0.05) <= 7


def test_differences_that_do_not_vary():
    none = np.zeros(100)

    assert p_value(0.0, none, 20) == 1
    # Every image lost as much: what the sign test says of 4 and of 20 images.
    assert p_value(-0.3, none - 0.3, 4) == scipy.stats.binomtest(0, 4).pvalue
    assert p_value(-0.3, none - 0.3, 20) == pytest.approx(scipy.stats.binomtest(0, 20).pvalue)
    assert math.isnan(p_value(-0.3, none - 0.3, 1))
    assert math.isnan(p_value(math.nan, none, 20))
    assert math.isnan(p_value(math.inf, none + math.inf, 20))
    assert math.isnan(p_value(0.1, np.empty(0), 20))


def test_holm_by_hand():
    """Five tests: 5 × 0.01, 4 × 0.02, 3 × 0.03, then never less than the one before.

    As R's ``p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")`` prints them.
    """
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(PROBABILITIES, st.randoms(use_true_random=False))
def test_holms_defining_properties(values, random):
    found = holm(values)
    order = list(range(len(values)))
    random.shuffle(order)

    assert all(p <= q <= min(1, len(values) * p) for p, q in zip(values, found, strict=True))
    assert holm([values[k] for k in order]) == [found[k] for k in order]
    ranked = sorted(zip(values, found, strict=True))
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(ranked))
    assert holm([*values, math.nan])[:-1] == found
    assert math.isnan(holm([*values, math.nan])[-1])


@given(PROBABILITIES, st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(values, alpha):
    """Compare the smallest p with alpha/m, the next with alpha/(m - 1), …; stop at the first."""
    rejected = 0
    for rank, p in enumerate(sorted(values)):
        if p * (len(values) - rank) > alpha:
            break
        rejected += 1

    assert sum(q <= alpha for q in holm(values)) == rejected


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_holm_keeps_the_familywise_error(seed):
    """Of families of ten true hypotheses, correlated, at most a twentieth has a rejection."""
    generator = np.random.default_rng(seed)
    z = 0.7 * generator.normal(size=(1000, 1)) + 0.7 * generator.normal(size=(1000, 10))
    p = 2 * scipy.stats.norm.sf(np.abs(z) / math.sqrt(0.98))

    assert np.mean([min(holm(list(family))) < 0.05 for family in p]) < 0.075
