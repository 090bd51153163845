"""Training curves: what a log says, and what it does not."""

import pytest
from paths import ROOT

from harness.errors import UserError
from harness.report.figures.base import to_svg
from harness.report.figures.style import settings
from harness.report.figures.training import find_logs, training_figure

SHIPPED = sorted(ROOT.glob("*/weights/*.csv"))

LOG = """step,loss,loss_a,validation_psnr,validation_gain,seconds_per_step
100,4,4,0,0,0.6
200,2,1,0,0,0.6
300,1,1,30,1.5,1.2
400,1,1,30,1.5,1.2
500,0.5,1,31,2.5,1.2
"""


@pytest.fixture
def folder(tmp_path):
    for stage in ("stage1", "stage2"):
        (tmp_path / "mine" / stage).mkdir(parents=True)
        (tmp_path / "mine" / stage / "log.csv").write_text(LOG)
    return tmp_path / "mine"


def drawn(figure):
    with settings():
        return figure.draw(7.16)


def test_a_folder_with_stages_gives_a_log_each(folder):
    assert [log.name for log in find_logs(folder)] == ["mine/stage1", "mine/stage2"]
    assert [log.name for log in find_logs(folder / "stage1")] == ["stage1"]
    assert [log.name for log in find_logs(folder / "stage1" / "log.csv")] == ["stage1"]


def test_figures_of_validations_that_were_not_made_are_not_drawn(folder):
    (axes,) = drawn(training_figure([folder / "stage1"])).axes[1:]
    (line,) = axes.get_lines()

    assert list(line.get_xdata()) == [300, 500]
    assert list(line.get_ydata()) == [1.5, 2.5]


def test_the_gain_at_each_quality_factor_is_a_panel_that_says_so(folder):
    path = folder / "stage1" / "log.csv"
    names = "validation_gain_q10,validation_gain_q40"
    path.write_text(LOG.replace("validation_psnr,validation_gain", names))
    panels = drawn(training_figure([path])).axes[1:3]

    assert [axes.get_ylabel() for axes in panels] == [
        f"validation, QF {qf}: PSNR over jpeg (dB)\nhigher is better" for qf in (10, 40)
    ]


def test_every_loss_of_one_training_is_drawn_against_time(folder):
    axes = drawn(training_figure([folder / "stage1"], "time")).axes[0]

    assert [list(line.get_ydata()) for line in axes.get_lines()] == [
        [4, 2, 1, 1, 0.5],
        [4, 1, 1, 1, 1],
    ]
    assert list(axes.get_lines()[0].get_xdata()) == pytest.approx([1, 2, 4, 6, 8])
    assert axes.get_xlabel() == "minutes of training"


def test_losses_of_several_trainings_are_relative(folder):
    figure = training_figure([folder])
    axes = drawn(figure).axes[0]

    assert [line.get_ydata()[-1] for line in axes.get_lines()] == [0.125, 0.125]
    assert "divided by its first row's value" in figure.caption
    assert "mine/stage2 (5 rows, to step 500)" in figure.caption


def test_a_log_that_is_still_written_to_is_read_to_its_last_whole_row(folder):
    path = folder / "stage1" / "log.csv"
    path.write_text(LOG + "600,0.4,")

    (log,) = find_logs(path)
    assert log.steps[-1] == 500


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "no columns"), ("step,loss\n1,2\n", "no columns"), ("a,b\n1,2\n", "no columns"),
     ("step,loss,seconds_per_step\n", "no rows"),
     ("step,loss,seconds_per_step\n1,one,2\n", "could not convert")],
)  # fmt: skip
def test_what_is_no_log_is_refused(tmp_path, text, word):
    path = tmp_path / "other.csv"
    path.write_text(text)

    with pytest.raises(UserError, match=word):
        find_logs(path)


def test_a_folder_without_a_log_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"has no log\.csv"):
        find_logs(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        find_logs(tmp_path / "none.csv")
    with pytest.raises(UserError, match="Unknown axis 'epoch'. Available: step, time"):
        training_figure([tmp_path], "epoch")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_logs_can_be_drawn(path):
    figure = training_figure([path])

    assert path.stem in figure.caption
    assert all(axes.has_data() for axes in drawn(figure).axes)


def test_all_shipped_logs_of_restorers_fit_into_one_figure():
    text = to_svg(training_figure([path for path in SHIPPED if path.parts[-3] == "restorers"]))

    assert len(text) < 150_000


def test_the_command_draws_trainings(harness, folder):
    code, out, _ = harness("figures", "--training", folder, "--format", "svg")

    assert code == 0
    assert out.split() == [f"{folder}/figures/training.svg", f"{folder}/figures/captions.md"]
