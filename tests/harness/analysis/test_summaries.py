"""Summaries over QFs and BD-rates of runs whose numbers are known by construction."""

import math

import numpy as np
import pytest
from runs import RunBuilder, pixel_record

from harness.analysis.bd import BD_COLUMNS, bd_frame
from harness.analysis.resampling import resample_weights
from harness.analysis.summaries import SUMMARY_COLUMNS, summaries, summary_frame, summary_notes
from harness.plugins import Record
from harness.report.tables.summary import recovered_lines, render_summary, summary_lines

IMAGES = 40
QFS = (10, 20, 30, 40)
DRAWS = 200


def write_run(path, pixels, bpp=None, skip=()):
    """A segmentation run.

    Args:
        pixels: (restorer, QF) to (images,) pixels right of 1000.
        bpp: QF to (images,) bits per pixel.
        skip: (restorer, QF, number of an image that failed).
    """
    run = RunBuilder(path, model="pspnet")
    for (name, qf), values in pixels.items():
        records = []
        for image, value in enumerate(values):
            if (name, qf, image) in skip:
                records.append(Record(f"{image:03}", error="torn"))
                continue
            size = 1.0 if bpp is None or qf is None else float(bpp[qf][image])
            records.append(pixel_record(f"{image:03}", value, of=1000, bpp=size))
        run.cell(name, qf, records)
    return run.write(["background", "thing"])


@pytest.fixture
def pixels():
    """Jpeg rises with the QF, arcnn gives a part of the loss back, dagn is jpeg again."""
    generator = np.random.default_rng(0)
    base = generator.integers(600, 900, IMAGES)
    found = {("original", None): base}
    for step, qf in enumerate(QFS):
        loss = generator.integers(100, 300, IMAGES) // (step + 1)
        found["jpeg", qf] = base - loss
        found["arcnn", qf] = base - loss // 2 - generator.integers(0, 30, IMAGES)
        found["dagn", qf] = base - loss
    return found


def numbers(found, **wanted):
    return [s for s in found if all(getattr(s, name) == value for name, value in wanted.items())]


def test_the_summaries_are_their_formulas_draw_by_draw(tmp_path, pixels):
    found = summaries(write_run(tmp_path / "run", pixels), draws=DRAWS)
    weights = np.concatenate([np.ones((1, IMAGES)), resample_weights(IMAGES, DRAWS)])
    mean = {key: weights @ np.asarray(values) / IMAGES for key, values in pixels.items()}
    original = mean["original", None]
    average = {n: sum(mean[n, qf] for qf in QFS) / len(QFS) for n in ("jpeg", "arcnn")}
    share = {qf: mean["arcnn", qf] - mean["jpeg", qf] for qf in QFS}
    expected = {
        ("mPC", None): average["arcnn"] / 2000,
        ("rPC", None): average["arcnn"] / original,
        ("recovered", None): (average["arcnn"] - average["jpeg"]) / (original - average["jpeg"]),
        **{("recovered", q): share[q] / (original - mean["jpeg", q]) for q in QFS},
    }

    mine = numbers(found, restorer="arcnn")

    assert {(one.kind, one.qf) for one in mine} == set(expected)
    for one in mine:
        values = 100 * expected[one.kind, one.qf]
        assert one.value == pytest.approx(values[0])
        # Wider than 95 % of the draws by the little that 40 images ask for.
        low, high = np.quantile(values[1:], [0.02, 0.98])
        slack = 0.15 * (high - low)
        assert one.interval == pytest.approx((low, high), abs=slack)
        assert (one.images, one.reason) == (IMAGES, "")


def test_who_does_nothing_recovers_nothing_and_who_undoes_it_all(tmp_path, pixels):
    for qf in QFS:
        pixels["arcnn", qf] = pixels["original", None]
    found = summaries(write_run(tmp_path / "run", pixels), draws=DRAWS)

    for one in numbers(found, kind="recovered"):
        assert [one.value, *one.interval] == pytest.approx([100.0 * (one.restorer == "arcnn")] * 3)
    known = ("original", "jpeg", "arcnn", "dagn")
    kinds = {name: {s.kind for s in numbers(found, restorer=name)} for name in known}
    assert kinds["original"] == {"mPC"}
    assert kinds["jpeg"] == {"mPC", "rPC"}
    assert numbers(found, restorer="arcnn", kind="rPC")[0].value == pytest.approx(100)


def test_a_share_of_a_loss_that_may_be_none_is_refused(tmp_path, pixels):
    generator = np.random.default_rng(1)
    pixels["jpeg", 40] = pixels["original", None] + generator.integers(-9, 10, IMAGES)

    found = summaries(write_run(tmp_path / "run", pixels), draws=DRAWS)

    refused = numbers(found, restorer="arcnn", qf=40)[0]
    assert math.isnan(refused.value)
    assert math.isnan(refused.interval.low)
    assert refused.reason == "original - jpeg at QF 40 is not clearly above 0"
    assert numbers(found, restorer="arcnn", qf=30)[0].value > 0
    assert summary_notes(found) == [
        "empty: segmentation recovered of arcnn, dagn: " + refused.reason
    ]


def test_without_the_original_there_is_no_share_of_it(tmp_path, pixels):
    del pixels["original", None]
    found = summaries(write_run(tmp_path / "run", pixels), draws=DRAWS)

    assert {one.kind for one in found if one.reason} == {"rPC", "recovered"}
    assert {one.reason for one in found} == {"", "the uncompressed images are not scored"}
    assert recovered_lines(found) == []


def test_a_mean_over_other_qfs_than_the_others_is_refused(tmp_path, pixels):
    del pixels["arcnn", 20]
    found = summaries(write_run(tmp_path / "run", pixels), draws=DRAWS)

    reasons = {(one.kind, one.qf): one.reason for one in numbers(found, restorer="arcnn")}
    lacking = "arcnn has no numbers at QF 20"
    assert reasons == {
        ("mPC", None): lacking, ("rPC", None): lacking, ("recovered", None): lacking,
        ("recovered", 10): "", ("recovered", 20): lacking,
        ("recovered", 30): "", ("recovered", 40): "",
    }  # fmt: skip
    assert not any(one.reason for one in numbers(found, restorer="dagn"))


def test_a_restorer_is_compared_on_the_images_that_succeeded_everywhere(tmp_path, pixels):
    run = write_run(tmp_path / "run", pixels, skip={("arcnn", 20, 3)})
    found = summaries(run, draws=DRAWS)
    kept = {key: np.delete(values, 3) for key, values in pixels.items()}
    whole = summaries(write_run(tmp_path / "kept", kept), draws=DRAWS)

    mine, others = numbers(found, restorer="arcnn"), numbers(found, restorer="dagn")

    assert {one.images for one in mine} == {IMAGES - 1}
    assert [one.value for one in mine] == [one.value for one in numbers(whole, restorer="arcnn")]
    assert {one.images for one in others} == {IMAGES}


def test_without_draws_means_have_no_interval_and_shares_do_not_exist(tmp_path, pixels):
    found = summaries(write_run(tmp_path / "run", pixels), draws=0)

    assert all(math.isnan(one.interval.low) for one in found)
    assert all(not math.isnan(one.value) for one in numbers(found, kind="mPC"))
    assert all("without draws" in one.reason for one in numbers(found, kind="recovered"))


def test_the_frame_and_the_text_say_the_same(tmp_path, pixels):
    run = write_run(tmp_path / "run", pixels)
    found, frame = summaries(run, draws=DRAWS), summary_frame(run, draws=DRAWS)

    assert list(frame.columns) == SUMMARY_COLUMNS
    assert len(frame) == len(found)
    row = frame[(frame.restorer == "arcnn") & (frame.summary == "rPC")].iloc[0]
    lines = {line[1]: line for line in summary_lines(found)}
    assert list(lines) == ["restorer", "original", "jpeg", "arcnn", "dagn"]
    assert lines["arcnn"][4] == f"{row.value:.1f} [{row.ci_low:.1f}, {row.ci_high:.1f}]"
    assert lines["original"][4:] == ["–", "–"]
    assert [line[1] for line in recovered_lines(found)] == ["restorer", "arcnn", "dagn"]
    for format in ("text", "md"):
        text = render_summary(found, format)
        assert "Recovered at each QF (%)" in text
        assert "95 % interval" in text


def straight(qf):
    """A line over the logarithm of the rate, which doubles from QF to QF."""
    return np.full(IMAGES, 400 + 100 * QFS.index(qf))


@pytest.fixture
def bpp():
    base = np.random.default_rng(2).uniform(0.1, 0.5, IMAGES)
    return {qf: base * 2**step for step, qf in enumerate(QFS)}


def test_a_curve_half_a_doubling_better_saves_that_many_bits(tmp_path, bpp):
    """50 pixels more at every QF are worth half a doubling of the rate."""
    pixels = {("jpeg", qf): straight(qf) for qf in QFS}
    pixels |= {("arcnn", qf): straight(qf) + 50 for qf in QFS}

    frame = bd_frame(write_run(tmp_path / "run", pixels, bpp), draws=DRAWS)

    assert list(frame.columns) == BD_COLUMNS
    (row,) = frame.to_dict("records")
    assert (row["restorer"], row["against"], row["images"]) == ("arcnn", "jpeg", IMAGES)
    for name, expected in (("bd_rate", 100 * (0.5**0.5 - 1)), ("bd_metric", 2.5)):
        ends = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
        assert ends == pytest.approx([expected] * 3)


def test_the_interval_of_a_bd_rate_is_of_images_drawn(tmp_path, pixels, bpp):
    del pixels["original", None]
    found = bd_frame(write_run(tmp_path / "run", pixels, bpp), draws=DRAWS).set_index("restorer")

    assert found.loc["arcnn", "bd_rate_low"] < found.loc["arcnn", "bd_rate"]
    assert found.loc["arcnn", "bd_rate"] < found.loc["arcnn", "bd_rate_high"] < 0
    assert found.loc["dagn", ["bd_rate", "bd_rate_low", "bd_rate_high"]].tolist() == [0, 0, 0]


def test_a_bd_rate_that_does_not_exist_says_why(tmp_path, bpp):
    pixels = {("jpeg", qf): straight(qf) - 300 for qf in QFS}
    pixels |= {("arcnn", qf): straight(qf) + 200 for qf in QFS}
    pixels |= {("dagn", qf): straight(qf) for qf in QFS[:3]}

    found = bd_frame(write_run(tmp_path / "run", pixels, bpp), draws=DRAWS).set_index("restorer")

    assert found["bd_rate"].isna().all()
    assert found["bd_rate_reason"].to_dict() == {
        "arcnn": "no value is reached by both jpeg and arcnn",
        "dagn": "dagn has 3 points, 4 are needed",
    }
    assert found.loc["arcnn", "bd_metric"] == pytest.approx(25)


def test_a_bd_rate_that_many_draws_lack_has_no_interval(tmp_path, bpp):
    """The metric rises by a hair from QF 30 to 40: in many draws it falls."""
    pixels = {(name, qf): straight(qf) for qf in QFS for name in ("jpeg", "arcnn")}
    noise = np.random.default_rng(3).integers(-60, 61, IMAGES)
    pixels["arcnn", 40] = pixels["arcnn", 30] + noise - round(noise.mean()) + 1

    (row,) = bd_frame(write_run(tmp_path / "run", pixels, bpp), draws=DRAWS).to_dict("records")

    assert math.isfinite(row["bd_rate"])
    assert math.isnan(row["bd_rate_low"])
    assert "of the draws have no value" in row["bd_rate_reason"]
    assert math.isfinite(row["bd_metric_low"])
