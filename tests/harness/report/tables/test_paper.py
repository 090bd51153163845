import csv
import io
import shlex

import pytest
from manifests import manifest_json, write_manifest
from runs import IMAGES, table_run

from harness.analysis.merge_runs import join
from harness.errors import UserError
from harness.report.tables.frames import COMPARED, PAPER_COLUMNS, paper_frame
from harness.report.tables.model import DIFFERENCE, PUBLISHED, spans
from harness.report.tables.paper import build_paper_table
from harness.report.tables.paper_layouts import FOLDER, LAYOUTS, read_figures, roman_number
from harness.report.tables.text import render_markdown, render_text
from harness.study.study import read_study


@pytest.fixture
def live1(tmp_path):
    values = {("jpeg", 10): 26.0, ("jpeg", 20): 28.0, ("arcnn", 10): 27.0, ("mine_50%", 10): 27.5}
    return table_run(tmp_path / "live1", "fidelity", "", values)


def segmentation(path, values, **more):
    return table_run(path, "segmentation", "pspnet", values, **more)


def row(table, *labels):
    return next(line for line in table.rows if line.labels == labels)


@pytest.mark.parametrize(
    ("said", "number"),
    [("IV", "IV"), ("iv", "IV"), ("4", "IV"), (" I ", "I"), ("3", "III"), ("v", "V"), ("2", "II")],
)
def test_numbers_are_roman_or_arabic_in_any_case(said, number):
    assert roman_number(said) == number


@pytest.mark.parametrize("said", ["VI", "0", "6", "", "²", "fig. 8"])
def test_a_table_there_is_not_is_answered_with_those_there_are(said):
    with pytest.raises(UserError, match=r"I, II, III, IV, V\.$"):
        roman_number(said)


def test_every_layout_has_the_rows_and_columns_of_the_published_data():
    for number, layout in LAYOUTS.items():
        figures = read_figures(number)
        columns = {column for row in figures.rows.values() for column in row}
        assert columns == set(layout.columns)
        assert {metric for _, _, metric in figures.rows} == set(layout.metrics)


def test_rows_and_columns_stand_as_in_the_paper(live1):
    table = build_paper_table(LAYOUTS["I"], [live1], 0)

    assert table.head == ("Dataset", "QF", "Metric")
    assert [line.labels for line in table.rows[:4]] == [
        ("live1", "10", "PSNR"),
        ("live1", "10", "SSIM"),
        ("live1", "10", "PSNR-B"),
        ("live1", "20", "PSNR"),
    ]
    assert [line.labels[1] for line in table.rows[::3]] == ["10", "20", "30", "40"]
    assert table.groups == (
        ("", ("jpeg",)),
        ("Multi Models", ("arcnn", "dmcnn", "ipt", "swinir")),
        ("Single Model", ("qgac", "fbcnn", "dagn", "mine_50%")),
    )
    assert [table.heading(name) for name in table.columns][-2:] == ["DAGN", "mine_50%"]
    first = row(table, "live1", "10", "PSNR")
    assert (first.text("arcnn"), first.text("dagn")) == ("27.00", "–")
    assert [first.rank(name) for name in ("mine_50%", "arcnn", "jpeg", "dagn")] == [1, 2, 0, 0]


def test_what_was_not_measured_is_named_with_a_command_that_a_study_can_be_read_from(live1):
    notes = build_paper_table(LAYOUTS["I"], [live1], 0).notes

    gap = next(note for note in notes if note.startswith("–"))
    assert "ARCNN, mine_50% at QF 20, 30, 40" in gap
    assert "JPEG at QF 30, 40" in gap
    words = shlex.split(gap.split("To fill it: ")[1])
    assert words[:2] == ["harness", "run"]
    flags = {name[2:]: value for name, value in zip(words[2::2], words[3::2], strict=True)}
    assert flags.pop("output") == str(live1.path)
    study = read_study(None, flags)
    assert study.dataset == "path/to/live1"
    assert study.qf == (10, 20, 30, 40)
    assert set(study.restorers) >= {"jpeg", "dagn"}
    assert "mine_50%" not in study.restorers  # neither registered nor a file of the study
    assert "No command names mine_50%" in gap


def test_the_command_goes_on_on_the_runs_class_of_device(live1):
    manifest = manifest_json(live1)
    write_manifest(live1, {**manifest, "identity": {**manifest["identity"], "device": "cuda"}})

    notes = build_paper_table(LAYOUTS["I"], [live1], 0).notes
    assert any(" --device cuda --qf " in note for note in notes)


def test_a_cell_that_cannot_be_there_is_not_asked_for(live1):
    manifest = manifest_json(live1)
    why = "arcnn has no checkpoint for QF 30."
    write_manifest(live1, {**manifest, "absent": {"fidelity/arcnn-q30": why}})

    notes = build_paper_table(LAYOUTS["I"], [live1], 0).notes

    assert f"empty: {why}" in notes
    assert any("ARCNN at QF 20, 40" in note for note in notes)


def test_the_papers_figures_stand_beside_and_are_never_the_measured_ones(live1):
    table = build_paper_table(LAYOUTS["I"], [live1], 0, published=True)

    line = row(table, "live1", "10", "PSNR")
    assert (line.text("arcnn"), line.text("arcnn", PUBLISHED)) == ("27.00", "26.43")
    assert line.text("arcnn", DIFFERENCE) == "+0.57"
    assert [line.text("dagn"), line.text("dagn", PUBLISHED)] == ["–", "27.95"]
    assert line.text("dagn", DIFFERENCE) == line.text("mine_50%", PUBLISHED) == "–"
    assert "LIVE1 beside live1" in table.comparison
    assert all(not r.published for r in build_paper_table(LAYOUTS["I"], [live1], 0).rows)
    text = render_text(table, colour=False).splitlines()
    first = next(index for index, shown in enumerate(text) if shown.startswith("live1"))
    assert " measured " in text[first]
    assert text[first + 1].split()[:3] == ["paper", "25.69", "26.43"]
    assert text[first + 2].split()[:5] == ["measured", "−", "paper", "+0.31", "+0.57"]


def test_every_published_figure_of_the_data_is_shown_once(tmp_path):
    runs = [
        table_run(tmp_path / name, "fidelity", "", {("jpeg", 10): 26.0}, name)
        for name in ("LIVE1", "bsd500")
    ]
    frame = paper_frame(build_paper_table(LAYOUTS["I"], runs, 0, published=True))

    with (FOLDER / "table_i.csv").open() as file:
        given = [float(line["value"]) for line in csv.DictReader(file) if line["value"]]
    assert sorted(frame["published"].dropna()) == sorted(given)
    assert list(frame.columns) == PAPER_COLUMNS + COMPARED


def test_the_long_form_is_the_table_with_empty_numbers_where_it_has_dashes(live1):
    table = build_paper_table(LAYOUTS["I"], [live1], 100)
    frame = paper_frame(table)

    assert list(frame.columns) == PAPER_COLUMNS
    assert len(frame) == len(table.rows) * len(table.columns)
    found = frame.set_index(["qf", "metric", "restorer"]).loc[(10, "PSNR", "arcnn")]
    assert found["value"] == pytest.approx(27.0)
    assert found["ci_low"] < 27.0 < found["ci_high"]
    assert found["images"] == len(IMAGES)
    assert frame["value"].notna().sum() == 4 * 3
    again = io.StringIO(frame.to_csv(index=False))
    assert next(csv.reader(again)) == PAPER_COLUMNS


def test_table_iv_has_both_tasks_and_tells_data_sets_and_models_apart(tmp_path):
    run = segmentation(tmp_path / "a", {("original", None): 90, ("jpeg", 10): 50})
    alone = build_paper_table(LAYOUTS["IV"], [run], 0)
    other = segmentation(tmp_path / "b", {("jpeg", 10): 60}, dataset="voc2012")
    both = build_paper_table(LAYOUTS["IV"], [run, other], 0)

    assert alone.head == ("Task", "Metric", "QF")
    assert row(alone, "Semantic segmentation", "mean IoU", "40").text("original") == "45.0"
    assert any(note.startswith("–: Object detection was not measured") for note in alone.notes)
    assert both.head == ("Task", "Data set", "Model", "Metric", "QF")
    for name, value in (("live1", "25.0"), ("voc2012", "30.0")):
        line = row(both, "Semantic segmentation", name, "pspnet", "mean IoU", "10")
        assert line.text("jpeg") == value


def test_runs_of_one_data_set_are_joined_in_one_row_and_tested_against_each_other(tmp_path):
    one = segmentation(tmp_path / "a", {("jpeg", 10): 40})
    two = segmentation(tmp_path / "b", {("arcnn", 10): 60})

    table = build_paper_table(LAYOUTS["IV"], [one, two], 200)
    line = row(table, "Semantic segmentation", "mean IoU", "10")

    assert (line.text("jpeg"), line.text("arcnn")) == ("20.0", "30.0")
    assert line.tests["arcnn"].against_jpeg.images == len(IMAGES)
    assert line.tests["arcnn"].p_jpeg < 0.05


def test_the_same_cell_in_two_runs_is_refused(tmp_path):
    runs = [segmentation(tmp_path / name, {("jpeg", 10): 40}) for name in "ab"]

    with pytest.raises(UserError, match="both hold segmentation/jpeg-q10") as refused:
        build_paper_table(LAYOUTS["IV"], runs, 0)
    assert str(tmp_path / "a") in str(refused.value)
    with pytest.raises(UserError, match="both hold"):
        join([runs[0], runs[0]], LAYOUTS["IV"].takes)


def test_runs_by_other_weights_of_the_vision_model_are_not_joined_in_one_row(tmp_path):
    one = segmentation(tmp_path / "a", {("jpeg", 10): 40})
    two = segmentation(tmp_path / "b", {("arcnn", 10): 40}, weights="2")

    with pytest.raises(UserError, match="other weights of pspnet"):
        build_paper_table(LAYOUTS["IV"], [one, two], 0)


def test_runs_of_other_images_are_not_joined_in_one_row(tmp_path):
    one = segmentation(tmp_path / "a", {("jpeg", 10): 40})
    two = segmentation(tmp_path / "b", {("arcnn", 10): 40}, images=IMAGES[:4])

    with pytest.raises(UserError, match="not on the same images"):
        build_paper_table(LAYOUTS["IV"], [one, two], 0)


def test_the_ablation_has_dagns_variants_alone(tmp_path):
    names = ("jpeg", "dagn", "dagn:tiny-baseline", "dagn:tiny-cigm", "dagn:tiny-dagn")
    values = {(name, 10): 26.0 + index for index, name in enumerate(names)}
    run = table_run(tmp_path / "v", "fidelity", "", values)

    table = build_paper_table(LAYOUTS["V"], [run], 0)

    assert table.columns == ("baseline", "cigm", "csgm", "cfm", "dagn")
    assert table.heading("cigm") == "Baseline w. CIGM"
    first = row(table, "live1", "10", "PSNR")
    assert first.values == {"baseline": 28.0, "cigm": 29.0, "dagn": 30.0}
    assert first.cells["cigm"].cell.restorer == "dagn:tiny-cigm"
    assert any("dagn:tiny-csgm" in note for note in table.notes)


def test_two_sizes_of_one_variant_are_refused(tmp_path):
    values = {("dagn:tiny-cigm", 10): 26.0, ("dagn:small-cigm", 10): 27.0}
    run = table_run(tmp_path / "v", "fidelity", "", values)

    with pytest.raises(UserError, match="two sizes of one column of Table V"):
        build_paper_table(LAYOUTS["V"], [run], 0)


def test_a_run_without_what_the_table_is_of_is_one_sentence_with_the_command(live1):
    with pytest.raises(UserError, match="no record of detection or segmentation") as refused:
        build_paper_table(LAYOUTS["IV"], [live1], 0)
    assert "harness run --task detection,segmentation" in str(refused.value)
    with pytest.raises(UserError, match="DAGN's variants"):
        build_paper_table(LAYOUTS["V"], [live1], 0)


def test_table_ii_says_where_its_data_set_comes_from(tmp_path):
    run = segmentation(tmp_path / "a", {("jpeg", 10): 40})

    with pytest.raises(UserError, match=r"LIU4K, which its authors give out\..*path/to/LIU4K"):
        build_paper_table(LAYOUTS["II"], [run], 0)


def test_a_wheel_has_no_published_figures_and_says_so(tmp_path):
    with pytest.raises(UserError, match="Leave out --published"):
        read_figures("I", tmp_path)


def test_the_published_data_set_is_the_one_of_that_name_or_the_first():
    figures = read_figures("I")

    names = ("live1", "bsd500-test", "BSD500", "LIVE-1", "scenes")
    assert [figures.nearest(name) for name in names] == [
        *("LIVE1", "BSD500", "BSD500", "LIVE1", "LIVE1")
    ]


def test_text_and_markdown_show_the_same_numbers_aligned(live1):
    table = build_paper_table(LAYOUTS["I"], [live1], 100)
    text = render_text(table, colour=False).splitlines()
    markdown = render_markdown(table)

    start = next(index for index, shown in enumerate(text) if shown.startswith("Dataset"))
    head, rule, first, below = text[start : start + 4]
    assert "Multi Models" in text[start - 1]
    assert first.split()[:4] == ["live1", "10", "PSNR", "26.00‡"]  # three images prove nothing
    assert "±" in below
    assert "27.50*" in first
    assert first.index("26.00") + len("26.00") <= rule.rindex("─") + 1
    ends = [end for end, letter in enumerate(rule + " ") if letter == " " and rule[end - 1] == "─"]
    assert all(head[end : end + 1] in ("", " ") for end in ends)
    assert "| live1 | 10 | PSNR | 26.00" in markdown
    assert "**27.50**" in markdown
    assert "±" not in render_markdown(table, intervals=False)


def test_spans_are_cut_where_a_label_before_changes():
    labels = [("a", "x", "1"), ("a", "x", "2"), ("b", "x", "3"), ("b", "y", "4")]

    assert spans(labels, 0) == [(0, 2), (2, 2)]
    assert spans(labels, 1) == [(0, 2), (2, 1), (3, 1)]
