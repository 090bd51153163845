"""What the figures show is what the records say."""

import numpy as np
import pytest
from figure_runs import make_run
from matplotlib.collections import LineCollection
from runs import edit_lines, of_luma, table_run

from harness.analysis.bd import bd_frame
from harness.analysis.bootstrap import load_bootstrap
from harness.analysis.differences import differences
from harness.analysis.summaries import summaries
from harness.report.figures import Absent, FigureData, collect, gain
from harness.report.figures import accuracy_vs_cost as cost
from harness.report.figures import accuracy_vs_quality as quality
from harness.report.figures import per_class as classes
from harness.report.figures import rate_distortion as rate
from harness.report.figures.recovered import recovered_shares
from harness.report.figures.style import settings
from harness.report.tables.frames import long_form

DRAWS = 60
PLACE = ("segmentation", "jpeg")


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return FigureData(make_run(tmp_path_factory.mktemp("figures") / "run"), draws=DRAWS)


def drawn(figure, width=7.16):
    with settings():
        canvas = figure.draw(width)
        canvas.draw_without_rendering()
    return canvas


def of_colour(axes, colour):
    """The points and the bars of one restorer in a panel."""
    (line,) = [x for x in axes.get_lines() if x.get_color() == colour and len(x.get_xdata()) > 2]
    bars = [c for c in axes.collections if isinstance(c, LineCollection)]
    (bar,) = [c for c in bars if np.allclose(c.get_colors()[0][:3], rgb(colour))]
    ends = [(segment[0][1], segment[1][1]) for segment in bar.get_segments()]
    return line, ends


def rgb(colour):
    return [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def inside(axes, line):
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    x, y = line.get_xdata(), line.get_ydata()
    return all(low < v < high for v in y) and all(left < v < right for v in x)


def test_the_points_of_quality_are_the_tables_numbers_and_its_bars_the_evidences(material):
    (figure,) = quality.make(material)
    axes = drawn(figure).axes[0]
    frame = long_form(material.directory, draws=DRAWS)
    evidence = load_bootstrap(material.directory, draws=DRAWS)

    for name in ("jpeg", "arcnn", "dagn"):
        line, ends = of_colour(axes, material.styles[name].colour)
        mine = frame[(frame["restorer"] == name) & (frame["metric"] == "mIoU")].sort_values("qf")
        assert list(line.get_ydata()) == mine["value"].tolist()
        assert np.allclose(line.get_xdata(), [10, 20, 30, 40], atol=2.01)
        cells = [evidence[f"segmentation/{name}-q{qf}"] for qf in (10, 20, 30, 40)]
        assert np.allclose(ends, [[100 * e for e in one.interval("mIoU")] for one in cells])


def test_the_original_is_a_level_with_a_band(material):
    (figure,) = quality.make(material)
    axes = drawn(figure).axes[0]
    value, interval = material.reference("segmentation")

    levels = [line for line in axes.get_lines() if len(set(line.get_ydata())) == 1]
    assert [line.get_ydata()[0] for line in levels] == [value]
    assert levels[0].get_linestyle() != "-"
    (band,) = axes.patches
    assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx(list(interval))


def test_dodged_points_of_one_qf_all_stand_apart(material):
    (figure,) = quality.make(material)
    axes = drawn(figure).axes[0]
    first = [line.get_xdata()[0] for line in axes.get_lines() if len(line.get_xdata()) > 2]

    assert len(first) == 4
    assert min(np.diff(sorted(first))) > 0.5


def test_rate_stands_at_the_recorded_bits_with_the_bd_numbers_of_the_frame(material):
    (figure,) = rate.make(material)
    canvas = drawn(figure)
    line, _ = of_colour(canvas.axes[0], material.styles["arcnn"].colour)
    records = material.directory.records(cell(material))
    bits = np.mean([record.bpp for record in records.values()])

    assert line.get_xdata()[0] == pytest.approx(bits, rel=0.05)
    frame = bd_frame(material.directory, draws=DRAWS).set_index("restorer")
    texts = [text.get_text() for text in canvas.axes[1].texts]
    for name in ("arcnn", "dagn"):
        row = texts.index(name)
        assert texts[row + 2].startswith(f"{frame.loc[name, 'bd_metric']:+.1f}")
        assert f"{frame.loc[name, 'bd_metric_high']:.1f}]" in texts[row + 2]


def cell(material):
    return next(c for c in material.manifest.cells if c.key == "segmentation/arcnn-q10")


def test_cost_shows_the_paired_gain_at_the_median_time(material):
    points = {point.restorer: point for point in cost.cost_points(material, PLACE)}
    evidence = load_bootstrap(material.directory, draws=DRAWS)
    base, one = (evidence[f"segmentation/{name}-q10"] for name in ("jpeg", "arcnn"))
    gap = differences(base, one, ["mIoU"], DRAWS)["mIoU"]

    assert points["arcnn"].gain == pytest.approx(100 * gap.value)
    assert points["arcnn"].interval == pytest.approx([100 * end for end in gap.interval])
    assert points["arcnn"].seconds == pytest.approx(0.05 + 0.0055)
    assert "jpeg" not in points
    assert points["dagn"].gain < 0


def test_the_gain_at_each_qf_is_the_paired_difference(material):
    curves = {curve.restorer: curve for curve in gain.gain_curves(material, PLACE)}
    evidence = load_bootstrap(material.directory, draws=DRAWS)

    assert "jpeg" not in curves
    for qf, value, interval in zip(*curves["arcnn"][2:], strict=True):
        base, one = (evidence[f"segmentation/{name}-q{qf:g}"] for name in ("jpeg", "arcnn"))
        gap = differences(base, one, ["mIoU"], DRAWS)["mIoU"]
        assert value == pytest.approx(100 * gap.value)
        assert interval == pytest.approx([100 * end for end in gap.interval])
    assert max(curves["dagn"].values) < 0


def test_negative_gains_and_shares_are_inside_the_panels(material):
    for name in ("gain", "cost", "recovered"):
        figures, lacking = collect(material, [name])
        assert not lacking
        axes = drawn(figures[0]).axes[0]
        colour = material.styles["dagn"].colour
        (line,) = [x for x in axes.get_lines() if x.get_color() == colour]
        assert min(line.get_ydata()) < 0
        assert inside(axes, line)


def test_the_shares_are_those_of_the_summaries(material):
    (figure,), _ = collect(material, ["recovered"])
    axes = drawn(figure).axes[0]
    every = [s for s in summaries(material.directory, draws=DRAWS) if s.kind == "recovered"]

    line, ends = of_colour(axes, material.styles["arcnn"].colour)
    mine = [s for s in every if s.restorer == "arcnn" and s.qf is not None]
    assert list(line.get_ydata()) == [s.value for s in mine]
    assert np.allclose(ends, [s.interval for s in mine])
    assert set(recovered_shares(material)) == {PLACE}


def test_classes_are_bold_where_the_paired_interval_does_not_hold_0(material):
    found = classes.class_gains(material, PLACE)
    (figure,) = classes.make(material)
    axes = drawn(figure).axes[0]
    evidence = load_bootstrap(material.directory, draws=DRAWS)
    at_10 = {e.cell.restorer: e for e in evidence.values() if e.cell.qf == 10}

    assert set(found.classes) == {"background", "apple", "bee"}
    texts = iter(axes.texts)
    for label in found.classes:
        for name in found.restorers:
            metric = f"IoU/{label}"
            gap = differences(at_10["jpeg"], at_10[name], [metric], DRAWS)[metric]
            text = next(texts)
            assert text.get_text() == f"{100 * gap.value:+.1f}"
            sure = gap.interval.low > 0 or gap.interval.high < 0
            assert text.get_weight() == ("bold" if sure else "normal")
    means = [
        np.mean([found.gains[label, n].value for n in found.restorers]) for label in found.classes
    ]
    assert means == sorted(means, reverse=True)


def test_colours_of_the_heat_map_are_centred_on_no_gain(material):
    (figure,) = classes.make(material)
    image = drawn(figure).axes[0].images[0]

    assert image.norm.vmin == -image.norm.vmax


def test_another_qf_can_be_asked_for(material):
    other = FigureData(material.directory, draws=DRAWS, qf=30)
    figures, _ = collect(other, ["cost", "classes"])

    assert all("at QF 30" in figure.caption for figure in figures)
    gains = [cost.cost_points(one, PLACE)[0].gain for one in (material, other)]
    assert gains[0] != gains[1]


def test_of_luma_alone_the_psnr_of_luma_is_drawn(tmp_path):
    values = {("jpeg", 10): 30.5, ("jpeg", 20): 32.5, ("arcnn", 10): 32.0, ("arcnn", 20): 34.0}
    run = table_run(tmp_path / "run", "fidelity", "", values)
    timed = '"seconds": {"restore": 0.1}, "bpp"'
    edit_lines(run.path, lambda text: of_luma(text.replace('"bpp"', timed)))
    material = FigureData(run, draws=DRAWS)
    panel = ("fidelity", "jpeg")

    assert [line.values for line in quality.quality_curves(material, panel)] == [
        pytest.approx([30.5, 32.5]), pytest.approx([32, 34])
    ]  # fmt: skip
    assert [point.gain for point in cost.cost_points(material, panel)] == [pytest.approx(1.5)]
    assert [curve.values for curve in rate.rate_curves(material, "fidelity")] == [
        pytest.approx([30.5, 32.5]), pytest.approx([32, 34])
    ]  # fmt: skip
    figures, _ = collect(material, ["quality", "cost", "rate"])
    assert len(figures) == 3
    for figure in figures:
        assert "PSNR-Y" in drawn(figure).axes[0].get_ylabel()
    assert figures[0].caption.startswith("PSNR-Y against")


def test_images_that_failed_everywhere_are_counted_in_the_caption(tmp_path):
    run = make_run(tmp_path / "run", qfs=(10, 20))
    for path in run.path.rglob("*.jsonl"):
        path.write_text("".join(path.read_text().splitlines(True)[1:]))
    material = FigureData(run, draws=DRAWS)
    (figure,) = quality.make(material)

    assert "Incomplete: cells have 11 of 12 images." in figure.caption
    assert material.note == "data set scenes, n = 11 of 12"


def test_of_one_image_the_caption_claims_no_intervals(tmp_path):
    material = FigureData(make_run(tmp_path / "run", qfs=(10, 20), images=1), draws=DRAWS)
    (figure,) = quality.make(material)

    assert "No intervals: one image has none." in figure.caption
    assert material.note == "data set scenes, subset, n = 1 of 12"


def test_one_qf_gives_what_it_can(tmp_path):
    material = FigureData(make_run(tmp_path / "run", qfs=(10,)), draws=DRAWS)
    figures, lacking = collect(material)

    names = {"gain", "cost", "classes-segmentation", "recovered"}
    assert {figure.name for figure in figures} == names
    assert lacking[0] == Absent("quality", "the run has one QF (10), a line needs two")
    assert lacking[1].name == "rate"
    for figure in figures:
        drawn(figure)


@pytest.mark.parametrize(
    ("options", "name", "word"),
    [
        ({"leave_out": ["original"]}, "recovered", "not scored"),
        ({"leave_out": ["jpeg"]}, "gain", "no jpeg"),
        ({"leave_out": ["jpeg"]}, "cost", "no jpeg"),
        ({"leave_out": ["jpeg"]}, "classes", "no jpeg"),
        ({"seconds": False}, "cost", "no time"),
    ],
)
def test_what_is_missing_is_said(tmp_path, options, name, word):
    material = FigureData(make_run(tmp_path / "run", qfs=(10, 20), **options), draws=20)
    figures, (lacking,) = collect(material, [name])

    assert not figures
    assert word in lacking.reason
    assert not lacking.reason.endswith(".")


def test_without_draws_there_are_points_and_no_bars(tmp_path):
    material = FigureData(make_run(tmp_path / "run", qfs=(10, 20)), draws=0)
    (figure,), _ = collect(material, ["quality"])
    axes = drawn(figure).axes[0]

    assert "No intervals" in figure.caption
    for bars in (c for c in axes.collections if isinstance(c, LineCollection)):
        assert not any(segment.size for segment in bars.get_segments())
