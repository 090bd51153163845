"""Both values, differences, intervals and p-values, against arithmetic of numpy and scipy."""

import json
import math
import shutil

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import manifest_json, write_manifest
from runs import RunBuilder, fidelity_run, pixel_record, psnrs

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import parse_operands
from harness.analysis.comparison.results import largest_changes
from harness.errors import UserError
from harness.records.run_directory import RunDirectory
from harness.report.tables.comparison import render_comparison
from harness.report.tables.comparison_data import COLUMNS, comparison_frame, comparison_json


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Forty images at two QFs: B is better by about 0.5 dB at QF 10 and no better at QF 20."""
    rng = np.random.default_rng(1)
    base = rng.normal(30, 3, 40)
    values = {
        "a": {10: psnrs(base), 20: psnrs(base + 3)},
        "b": {10: psnrs(base + rng.normal(0.5, 0.7, 40)), 20: psnrs(base + rng.normal(3, 0.7, 40))},
    }
    run = fidelity_run(tmp_path_factory.mktemp("known") / "run", values)
    found = compare(*parse_operands("a", "b", run), metrics=["PSNR"])
    arrays = {name: {qf: np.array([*one.values()]) for qf, one in qfs.items()}
              for name, qfs in values.items()}  # fmt: skip
    return found, arrays


def paired(arrays, qf):
    if qf == "mean":
        return tuple(np.mean([*arrays[name].values()], axis=0) for name in "ab")
    return arrays["a"][qf], arrays["b"][qf]


def test_values_and_differences_are_the_means_of_the_records(known):
    found, arrays = known

    assert [row.qf for row in found.rows] == [10, 20, "mean"]
    for row in found.rows:
        a, b = paired(arrays, row.qf)
        assert (row.a, row.b) == pytest.approx((a.mean(), b.mean()))
        assert row.difference == pytest.approx((b - a).mean())
        assert (row.images, row.metric) == (40, "PSNR")


def test_p_is_that_of_the_paired_t_test(known):
    found, arrays = known
    for row in found.rows:
        a, b = paired(arrays, row.qf)
        right = scipy.stats.ttest_rel(b, a)
        t = scipy.stats.t.isf(row.p / 2, 39)  # 1000 draws know a standard error to some 2 %
        assert t == pytest.approx(abs(right.statistic), rel=0.1)


def test_the_interval_is_that_of_the_mean_of_the_differences(known):
    found, arrays = known
    for row in found.rows:
        a, b = paired(arrays, row.qf)
        error = (b - a).std(ddof=1) / math.sqrt(40)
        right = scipy.stats.norm.interval(0.95, (b - a).mean(), error)
        assert tuple(row.interval) == pytest.approx(right, abs=0.3 * error)


def test_the_images_are_counted_one_by_one(known):
    found, arrays = known
    for row in found.rows:
        a, b = paired(arrays, row.qf)
        assert row.tally == ((b > a).sum(), (b == a).sum(), (b < a).sum(), 0)
        assert sum(row.tally) == 40


def test_p_values_are_corrected_over_the_rows_printed(known):
    found, _ = known
    order = sorted(found.rows, key=lambda row: row.p)
    highest = 0.0
    for rank, row in enumerate(order):
        highest = max(highest, min(1.0, row.p * (3 - rank)))
        assert row.corrected == pytest.approx(highest)
    assert found.tests == 3
    assert "Holm-corrected over 3 comparisons" in render_comparison(found, (), "text")


@given(
    st.lists(
        st.tuples(st.sampled_from([20.0, 25.0, 31.5]), st.floats(20, 40)), min_size=3, max_size=12
    )
)
@settings(max_examples=12, deadline=None)
def test_the_other_way_round_everything_changes_its_sign(tmp_path_factory, pairs):
    run = fidelity_run(
        tmp_path_factory.mktemp("both") / "run",
        {
            "a": {10: psnrs(a for a, _ in pairs), 20: psnrs(a + 1 for a, _ in pairs)},
            "b": {10: psnrs(b for _, b in pairs), 20: psnrs(a for a, _ in pairs)},
        },
    )
    there = compare(*parse_operands("a", "b", run), draws=50)
    back = compare(*parse_operands("b", "a", run), draws=50)

    for one, other in zip(there.rows, back.rows, strict=True):
        assert other.difference == pytest.approx(-one.difference, abs=1e-9)
        assert other.interval[::-1] == pytest.approx(tuple(-end for end in one.interval), abs=1e-9)
        assert other.p == pytest.approx(one.p, nan_ok=True)
        assert other.identical == one.identical
        if one.tally is not None:
            assert one.tally[:3] == other.tally[2::-1]
    ups, downs = ([(m.image, m.qf, m.change) for m in largest_changes(one, 99)]
                  for one in (there, back))  # fmt: skip
    assert {(i, qf, -c) for i, qf, c in ups} == set(downs)


def test_images_without_a_value_are_ties_in_both_and_not_counted_in_one(tmp_path):
    nan = float("nan")
    run = fidelity_run(
        tmp_path / "run",
        {"a": {10: psnrs([nan, nan, 30, 30, 30])}, "b": {10: psnrs([nan, 30, 31, 30, 29])}},
    )
    found = compare(*parse_operands("a", "b", run), metrics=["PSNR"])

    assert found.rows[0].tally == (1, 2, 1, 1)
    assert math.isnan(found.rows[0].difference)
    text = render_comparison(found, largest_changes(found, 10), "text")
    assert "1/2/1" in text
    assert "without a value in one of the two, up to 1 a row" in text
    assert "nan" not in text


def test_the_images_that_moved_most_each_once_and_both_directions(tmp_path):
    run = fidelity_run(
        tmp_path / "run",
        {
            "a": {10: psnrs([30] * 5), 20: psnrs([40] * 5)},
            "b": {10: psnrs([34, 33, 30, 29.5, 32]), 20: psnrs([41, 45, 40, 40, 40.2])},
        },
    )
    found = compare(*parse_operands("a", "b", run))
    moved = [(m.image, m.qf, m.change) for m in largest_changes(found, 2)]

    assert moved == [("i001", 20, 5.0), ("i000", 10, 4.0), ("i003", 10, -0.5)]
    assert [m.image for m in largest_changes(found, 9)] == ["i001", "i000", "i004", "i003"]
    assert largest_changes(found, 0) == ()
    text = render_comparison(found, largest_changes(found, 3), "text")
    hint = "--task fidelity --qf 20 --restorers a,b --image i001\n"
    assert f"harness panels {run.path} {hint}" in text


def test_only_the_images_that_both_have_are_used_and_it_is_said(tmp_path):
    a, b = psnrs([30, 31, 32, 33]), psnrs([31, 31, 33, 36])
    run = fidelity_run(tmp_path / "run", {"a": {10: a}, "b": {10: {**b, "i003": None}}})
    found = compare(*parse_operands("a", "b", run), metrics=["PSNR"])

    assert (found.rows[0].images, found.rows[0].a) == (3, pytest.approx(31.0))
    assert any(note.startswith("left out: i003 (failed") for note in found.notes)


def test_the_mean_over_the_qfs_is_on_the_images_that_all_of_them_have(tmp_path):
    a = psnrs([30, 32, 34])
    lacking = {**psnrs([40, 40, 40]), "i000": None}
    run = fidelity_run(tmp_path / "run", {"a": {10: a, 20: a}, "b": {10: a, 20: lacking}})
    rows = compare(*parse_operands("a", "b", run), metrics=["PSNR"]).rows

    assert [(row.images, row.difference) for row in rows] == [
        (3, 0.0), (2, pytest.approx(7.0)), (2, pytest.approx(3.5)),
    ]  # fmt: skip


@pytest.fixture
def directory(tmp_path):
    """A segmentation run of three like images at two QFs, with known mIoU."""
    run = RunBuilder(tmp_path / "seg", model="pspnet", total=128)
    pixels = {"original": {None: 80}, "jpeg": {10: 30, 20: 50}, "dagn": {10: 50, 20: 40}}
    for name, qfs in pixels.items():
        for qf, right in qfs.items():
            run.cell(name, qf, [pixel_record(image, right) for image in "abc"])
    return run.write(["background", "thing"])


def test_fractions_are_in_percent_and_the_difference_is_per_qf(directory):
    found = compare(*parse_operands("jpeg", "dagn", directory))
    lines = render_comparison(found, (), "md").splitlines()

    assert [round(row.difference, 9) for row in found.rows] == [10.0, -5.0, 2.5]
    assert any(line.startswith("| segmentation | mIoU | 20 | 25.0 | 20.0 | -5.0") for line in lines)
    assert "n = 3 of 128 images; segmentation by pspnet" in render_comparison(found, (), "text")


def test_another_vision_model_is_said(directory, tmp_path):
    other = RunDirectory(tmp_path / "other")
    shutil.copytree(directory.path, other.path)
    manifest = manifest_json(directory)
    for cell in manifest["cells"]:
        cell["model"], cell["inputs"] = "fcn", {"model": {"weights": "w" * 64}}
    write_manifest(other, {**manifest, "models": {"segmentation": "fcn"}})
    for side in (directory, other):
        held = manifest_json(side)
        identity = {"images": "x", "data": {}, "dataset": "scenes", "codecs": {}}
        write_manifest(side, {**held, "identity": identity})
    found = compare(*parse_operands(str(directory.path), str(other.path), None))
    text = render_comparison(found, (), "text")

    assert "segmentation by pspnet in A, fcn in B" in text
    assert "inputs of segmentation: model.weights none against wwwwwwww…" in text
    assert "no number differs, in any draw: original, jpeg, dagn" in text


def test_the_original_pairs_with_every_qf(directory):
    rows = compare(*parse_operands("original", "jpeg", directory)).rows

    assert [(row.qf, round(row.a, 9)) for row in rows] == [(10, 40.0), (20, 40.0), ("mean", 40.0)]


def test_detail_and_metric_choose_what_is_compared(directory):
    sides = parse_operands("jpeg", "dagn", directory)

    assert "IoU/thing" in {row.metric for row in compare(*sides, detail=True).rows}
    assert {row.metric for row in compare(*sides, metrics=["aAcc"]).rows} == {"aAcc"}
    assert compare(*sides, metrics=["aAcc"]).rows[0].tally is None
    with pytest.raises(UserError, match=r"Nothing compared has mAP. Metrics: mIoU, aAcc"):
        compare(*sides, metrics=["mAP"])
    with pytest.raises(UserError, match=r"Nothing compared has mloU\. Metrics"):
        compare(*sides, metrics=["mIoU", "mloU"])
    with pytest.raises(UserError, match="the task 'detection'. They have: segmentation"):
        compare(*sides, tasks=["detection"])


def test_without_draws_there_are_values_alone(directory):
    found = compare(*parse_operands("jpeg", "dagn", directory), draws=0)

    assert found.rows[0].difference == pytest.approx(10.0)
    assert math.isnan(found.rows[0].interval.low)
    assert "no intervals" in render_comparison(found, largest_changes(found, 10), "text")


def test_codecs_are_compared_each_with_itself(tmp_path):
    values = {"a": {10: psnrs([30, 32])}, "b": {10: psnrs([31, 34])}}
    run = fidelity_run(tmp_path / "run", values, codec={"webp": {"codec": "webp"}})
    text = render_comparison(compare(*parse_operands("a", "b", run)), (), "text")

    assert "webp 10" in text


def test_csv_and_json_have_every_number(known):
    found, _ = known
    table = comparison_frame(found)
    content = json.loads(comparison_json(found, largest_changes(found, 3), None))

    assert list(table.columns) == COLUMNS
    assert table.difference.tolist() == [row.difference for row in found.rows]
    for row, line in zip(found.rows, content["rows"], strict=True):
        assert (line["p"], line["p_holm"]) == (row.p, row.corrected)
        assert (line["ci_low"], line["ci_high"]) == tuple(row.interval)
    assert [len(content["moved"]), content["gate"], content["tests"]] == [3, None, 3]
    json.dumps(content, allow_nan=False)


def test_numbers_there_are_not_are_null_in_json(tmp_path):
    run = fidelity_run(
        tmp_path / "run",
        {"a": {10: psnrs([math.inf])}, "b": {10: psnrs([30])}},
    )
    content = json.loads(comparison_json(compare(*parse_operands("a", "b", run)), (), None))

    assert content["rows"][0]["a"] == "inf"
    assert content["rows"][0]["ci_low"] is None
    assert content["rows"][0]["p"] is None


def test_few_images_are_said_to_be_and_one_has_no_interval(tmp_path):
    for count, sentence in (
        (5, "5 images are few: their intervals are too narrow"),
        (1, "no intervals and p-values: one image has none"),
    ):
        values = {name: {10: psnrs([30 + k] * count)} for k, name in enumerate("ab")}
        run = fidelity_run(tmp_path / str(count), values)
        lines = render_comparison(
            compare(*parse_operands("a", "b", run), metrics=["PSNR"]), (), "text"
        ).splitlines()

        assert sentence in lines
        assert not any("over 0 comparisons" in line for line in lines)
        assert ("p is Holm-corrected over 1 comparison; * below 0.05" in lines) == (count > 1)


def test_few_numbers_and_unusual_ones_are_printed_without_words(tmp_path):
    inf, nan = math.inf, math.nan
    a, b = psnrs([30, 31]), psnrs([30, 31.256])
    values = {"a": {10: a, 20: psnrs([30, inf]), 30: psnrs([30, 40])},
              "b": {10: b, 20: psnrs([30, inf]), 30: psnrs([30, nan])}}  # fmt: skip
    run = fidelity_run(tmp_path / "run", values)
    lines = render_comparison(
        compare(*parse_operands("a", "b", run), metrics=["PSNR"]), (), "md"
    ).splitlines()
    cells = [line.strip("| ").split(" | ")[2:7] for line in lines if "| PSNR" in line]

    assert cells[0][:4] == ["10", "30.50", "30.63", "+0.13"]
    assert cells[1][:4] == ["20", "∞", "∞", "+0.00"]
    assert cells[2] == ["30", "35.00", "–", "–", "–"]
