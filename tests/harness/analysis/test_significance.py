import math

import numpy as np
import pytest
from runs import fidelity_run
from scipy import stats

from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.differences import differences
from harness.analysis.inference import interval
from harness.analysis.resampling import resample_weights
from harness.analysis.significance import Line, assess
from harness.report.tables.build import build_table
from harness.report.tables.frames import long_form
from harness.report.tables.model import SAME_AS_BEST, SAME_AS_JPEG
from harness.report.tables.text import render_markdown, render_text

IMAGES = [f"i{number:03}" for number in range(60)]


def named(values):
    return dict(zip(IMAGES, map(float, values), strict=False))


@pytest.fixture
def scores():
    """Sixty images: arcnn clearly better than jpeg, dagn as good as arcnn, fbcnn as jpeg."""
    draw = np.random.default_rng(0)
    jpeg = draw.normal(28, 3, 60)
    return {
        "jpeg": jpeg,
        "arcnn": jpeg + draw.normal(1.0, 0.5, 60),
        "dagn": jpeg + draw.normal(1.0, 0.5, 60),
        "fbcnn": jpeg + draw.normal(0.0, 0.5, 60),
    }


@pytest.fixture
def directory(tmp_path, scores):
    return fidelity_run(tmp_path / "run", {n: {10: named(v)} for n, v in scores.items()})


def row_of(directory, metric="PSNR", **options):
    table = build_table(directory, **options)
    return next(row for row in table.rows if row.labels[1] == metric)


def test_marks_say_which_differences_are_not_significant(directory):
    row = row_of(directory)
    best = max(row.values, key=row.values.get)
    assert best in ("arcnn", "dagn")
    other = {"arcnn": "dagn", "dagn": "arcnn"}[best]
    assert row.marks == {other: SAME_AS_BEST, "fbcnn": SAME_AS_JPEG}


@pytest.mark.slow
def test_the_best_of_equals_is_seldom_called_better(tmp_path):
    """The best is chosen by the same numbers, so all pairs of a line are corrected for."""
    draw = np.random.default_rng(3)
    names = ("jpeg", "arcnn", "dagn", "fbcnn", "qgac")
    wrong = 0
    for number in range(60):
        scores = {name: draw.normal(28, 1, 40) for name in names}
        run = fidelity_run(tmp_path / str(number), {n: {10: named(v)} for n, v in scores.items()})
        evidence = load_bootstrap(run, draws=200)
        cells = {name: f"fidelity/{name}-q10" for name in names}
        found = assess([Line("PSNR", cells, names)], evidence, 200)
        assert found.pairs == 10
        wrong += any(verdict.p_best < 0.05 for verdict in found.lines[0].values())
    assert wrong <= 7  # 5 % of 60 are 3; more than 7 would come by chance once in 80 times


def test_p_values_are_those_of_the_paired_t_test_times_holms_factor(directory, scores):
    frame = long_form(directory, draws=4000)
    found = frame[frame.metric == "PSNR"].set_index("restorer").p_jpeg
    plain = {n: stats.ttest_rel(scores[n], scores["jpeg"]).pvalue for n in ("fbcnn",)}
    # PSNR-B is written equal to PSNR and SSIM to a constant, whose p is 1: nine tests, and only
    # one of larger p stands before the two p-values of fbcnn and the three of 1.
    assert found["fbcnn"] == pytest.approx(min(1.0, 5 * plain["fbcnn"]), rel=0.15)
    assert found["arcnn"] < 1e-6
    assert math.isnan(found["jpeg"])


def test_intervals_are_of_the_mean_over_the_images(directory, scores):
    low, high = row_of(directory).intervals["jpeg"]
    error = stats.sem(scores["jpeg"])
    assert (low, high) == pytest.approx(
        (scores["jpeg"].mean() - 1.96 * error, scores["jpeg"].mean() + 1.96 * error), abs=0.12
    )


def test_the_paired_interval_is_far_narrower_than_those_of_its_two_sides(directory):
    frame = long_form(directory)
    arcnn = frame[(frame.metric == "PSNR") & (frame.restorer == "arcnn")].iloc[0]
    assert arcnn.ci_high - arcnn.ci_low > 5 * (arcnn.minus_jpeg_high - arcnn.minus_jpeg_low)
    assert arcnn.minus_jpeg_low < arcnn.minus_jpeg < arcnn.minus_jpeg_high


def test_differences_from_the_best_are_paired_and_signed(directory, scores):
    frame = long_form(directory)
    found = frame[frame.metric == "PSNR"].set_index("restorer")
    best = found.value.idxmax()
    assert math.isnan(found.minus_best[best]) and math.isnan(found.p_best[best])
    for name in set(scores) - {best}:  # jpeg stands first of its pair, the others on either side
        gaps = resample_weights(60, 1000) @ (scores[name] - scores[best]) / 60
        low, high = interval(gaps, 60)
        row = found.loc[name]
        assert row.minus_best == pytest.approx(row.value - found.value[best])
        assert (row.minus_best_low, row.minus_best_high) == pytest.approx((low, high), abs=1e-9)


def test_without_draws_a_table_has_neither_intervals_nor_marks(directory):
    table = build_table(directory, draws=0)
    assert not any(row.intervals or row.marks for row in table.rows)
    assert table.legend == ()
    assert "±" not in render_text(table, colour=False)
    assert long_form(directory, draws=0)[["ci_low", "p_jpeg", "p_best"]].isna().all().all()


def test_the_text_has_intervals_below_their_values_and_says_what_they_are(directory):
    lines = render_text(build_table(directory), colour=False).splitlines()
    head = next(line for line in lines if line.startswith("task"))
    first = lines[lines.index(head) + 2]
    below = lines[lines.index(head) + 3]
    row = row_of(directory)
    for name in row.values:
        end = head.index(name) + len(name)
        assert first[:end].endswith(row.text(name))
        assert below[:end].endswith(row.half(name)) and row.half(name).startswith("±")
    assert "± half the 95 % interval (bootstrap over images, 1000 draws)" in lines
    tests = "(paired, p ≥ 0.05 after Holm's correction over 9 differences)"
    assert f"† not significantly different from jpeg {tests}" in lines


def test_markdown_has_value_mark_and_interval_in_one_cell(directory):
    row = row_of(directory)
    text = render_markdown(build_table(directory))
    assert f"{row.text('fbcnn')}{SAME_AS_JPEG} {row.half('fbcnn')}" in text


def test_a_number_that_is_best_in_print_is_not_said_to_be_as_good_as_the_best(tmp_path):
    scores = {"jpeg": [28.0, 29.0], "arcnn": [31.0, 33.0], "dagn": [31.001, 33.0]}
    run = fidelity_run(tmp_path / "run", {n: {10: named(v)} for n, v in scores.items()})
    row = row_of(run)
    assert row.rank("arcnn") == row.rank("dagn") == 1
    assert SAME_AS_BEST not in row.marks["arcnn"] + row.marks["dagn"]


def test_few_images_are_said_to_be_few(tmp_path):
    few = {"jpeg": {10: {"a": 28.0, "b": 29.0}}, "arcnn": {10: {"a": 29.0, "b": 31.0}}}
    legend = build_table(fidelity_run(tmp_path / "run", few)).legend
    assert "2 images are few: their intervals are too narrow" in legend


def test_one_image_has_no_interval_and_no_marks(tmp_path):
    one = {"jpeg": {10: {"a": 28.0}}, "arcnn": {10: {"a": 29.0}}}
    table = build_table(fidelity_run(tmp_path / "run", one))
    assert not any(row.intervals or row.marks for row in table.rows)
    assert table.legend == ("no intervals and no tests: one image has none",)


def test_a_pair_is_compared_on_the_images_both_have(tmp_path):
    values = {"a": 28.0, "b": 29.0, "c": 30.0, "d": 20.0}
    better = {**{k: v + 1 for k, v in values.items()}, "d": "restorer arcnn failed on d: too large"}
    run = fidelity_run(tmp_path / "run", {"jpeg": {10: values}, "arcnn": {10: better}})
    found = load_bootstrap(run)
    gap = differences(found["fidelity/jpeg-q10"], found["fidelity/arcnn-q10"], ["PSNR"])["PSNR"]
    assert (gap.a, gap.b, gap.value, gap.images) == (29.0, 30.0, 1.0, 3)
    assert gap.interval == pytest.approx((1.0, 1.0))


def test_ids_that_are_no_valid_unicode_are_compared_too(tmp_path):
    values = {"a\udc80": 28.0, "b": 29.0, "c": 30.0}
    run = fidelity_run(
        tmp_path / "run",
        {"jpeg": {10: values}, "arcnn": {10: {**values, "c": "restorer arcnn failed on c: no"}}},
    )
    found = load_bootstrap(run, draws=10)
    pair = (found["fidelity/jpeg-q10"], found["fidelity/arcnn-q10"], ["PSNR"], 10)
    assert differences(*pair)["PSNR"].images == 2


def test_the_cache_is_of_its_records_draws_and_seed(directory):
    first = load_bootstrap(directory, draws=50)["fidelity/arcnn-q10"]
    again = load_bootstrap(directory, draws=50)["fidelity/arcnn-q10"]
    np.testing.assert_array_equal(first.draws["PSNR"], again.draws["PSNR"])
    assert again.values == first.values and again.images == first.images
    other = load_bootstrap(directory, draws=50, seed=1)["fidelity/arcnn-q10"]
    assert not np.array_equal(first.draws["PSNR"], other.draws["PSNR"])
    assert len(load_bootstrap(directory, draws=70)["fidelity/arcnn-q10"].draws["PSNR"]) == 70
    cell = next(c for c in directory.manifest().cells if c.restorer == "arcnn")
    path = directory.record_file(cell).plain
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])  # an image less
    assert len(load_bootstrap(directory, draws=50)["fidelity/arcnn-q10"].images) == 59


def test_a_torn_cache_is_made_again(directory):
    first = load_bootstrap(directory, draws=50)["fidelity/jpeg-q10"]
    for path in (directory.path / "statistics" / "fidelity").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    again = load_bootstrap(directory, draws=50)["fidelity/jpeg-q10"]
    np.testing.assert_array_equal(first.draws["PSNR"], again.draws["PSNR"])


def test_draws_are_the_weighted_means_of_the_images(directory, scores):
    found = load_bootstrap(directory, draws=20)["fidelity/jpeg-q10"]
    weights = resample_weights(60, 20)
    expected = weights @ scores["jpeg"] / 60
    np.testing.assert_allclose(found.draws["PSNR"], expected, rtol=1e-12)


def test_equal_infinities_do_not_differ(tmp_path):
    same = {"a": math.inf, "b": math.inf}
    run = fidelity_run(tmp_path / "run", {"jpeg": {10: same}, "arcnn": {10: same}})
    found = load_bootstrap(run)
    gap = differences(found["fidelity/jpeg-q10"], found["fidelity/arcnn-q10"], ["PSNR"])["PSNR"]
    assert gap.value == 0 and gap.p == 1


def test_a_line_without_jpeg_is_still_held_against_its_best(directory):
    evidence = load_bootstrap(directory)
    cells = {n: f"fidelity/{n}-q10" for n in ("arcnn", "dagn", "fbcnn")}
    found = assess([Line("PSNR", cells, tuple(cells))], evidence)
    assert (found.against_jpeg, found.pairs) == (0, 3)
    assert found.lines[0]["fbcnn"].p_best < 0.001
    assert found.lines[0]["fbcnn"].against_jpeg is None
