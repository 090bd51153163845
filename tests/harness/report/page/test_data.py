"""What a page says is what the records say."""

import math
import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from manifests import append, manifest_json, write_manifest
from page_runs import STUDY, page_run
from runs import fidelity_run

from harness.records.run_directory import RunDirectory
from harness.records.schema import Manifest
from harness.report.page.forest import LEFT, RIGHT, WIDTH, forest
from harness.report.page.grid import GridLine, Number, PageTable, p_text
from harness.report.page.images import pack
from harness.report.page.page import describe_page
from harness.report.page.prose import join_words
from harness.report.page.provenance import package_versions, rerun_command
from harness.report.page.render import printable_json
from harness.study.study import Cell
from harness.text import printable


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return page_run(tmp_path_factory.mktemp("page") / "run")


@pytest.fixture(scope="module")
def page(directory):
    return describe_page(directory, draws=200)


def test_the_abstract_says_what_was_measured_on_what(page):
    assert page.title == "by hand: segmentation and fidelity on scenes"
    assert (
        "3 restorers (arcnn, fbcnn and dagn) were run on a subset, 30 of the 128" in page.abstract
    )
    assert "QF 10 and 20" in page.abstract
    assert "with pspnet_scenes" in page.abstract
    assert "rendered, not photographed" in page.notice


def test_findings_name_who_is_better_and_who_worse(page):
    finding = next(one for one in page.findings if one.heading == "segmentation, mIoU")

    assert "Significantly better than jpeg: arcnn (every QF)." in finding.sentences
    assert "Significantly worse than jpeg: dagn (every QF)." in finding.sentences
    assert "Not significantly different from jpeg: fbcnn (every QF)." in finding.sentences
    assert finding.sentences[0].startswith("mIoU is 95.1 on the uncompressed images; compressed")
    # 24 but for fbcnn's PSNR, which is infinite.
    assert "Holm's correction for 22 comparisons with jpeg" in page.judged
    assert "In segmentation the largest gain over jpeg is arcnn’s, +5.5 mIoU at QF 20." in page.gain


def test_without_draws_nothing_is_said_of_differences(directory):
    page = describe_page(directory, draws=0)

    assert page.judged == ""
    assert page.overall == ()
    assert all(one.differences is None for one in page.tasks)
    assert "Nothing can be said" in page.findings[0].sentences[-1]


def test_a_table_shows_what_harness_table_prints(page):
    grid = page.tasks[0].values
    row = page.table.rows[0]
    numbers = grid.lines[0].numbers

    assert grid.heads == ("QF",)  # one metric, which the caption names
    assert page.tasks[1].values.heads == ("metric", "QF")
    assert [numbers[n].text for n in page.table.restorers] == [
        row.text(n) for n in page.table.restorers
    ]
    low, high = row.intervals["jpeg"]
    assert numbers["jpeg"].below == f"{low:.1f}–{high:.1f}"
    assert [numbers[n].rank for n in ("fbcnn", "jpeg")] == [1, 2]
    assert numbers["arcnn"].rank == 0  # higher, but it failed on an image of the row
    assert numbers["arcnn"].text.endswith(" (n = 29)")
    assert numbers["fbcnn"].marks == row.marks["fbcnn"] == "†"


def test_differences_carry_interval_and_corrected_p(page):
    line = page.tasks[0].differences.lines[0]
    better, same = line.numbers["arcnn"], line.numbers["fbcnn"]

    assert set(line.numbers) == {"arcnn", "dagn", "fbcnn"}
    assert better.text.startswith("+")
    assert better.significant
    assert better.p == "p < 0.001"
    low, high = better.ends
    assert 0 < low < better.value < high
    assert better.below == f"+{low:.1f} … +{high:.1f}"
    assert not same.significant


def test_a_class_is_compared_with_jpeg_at_the_same_qf(page):
    grid = page.tasks[0].classes
    line = next(one for one in grid.lines if one.labels == ("thing", "20"))
    arcnn, jpeg = line.numbers["arcnn"], line.numbers["jpeg"]

    assert {one.labels[0] for one in grid.lines} == {"background", "thing", "other"}
    assert float(arcnn.below) == pytest.approx(arcnn.value - jpeg.value, abs=0.11)
    assert jpeg.below == ""
    assert arcnn.sign == 1
    assert line.numbers["original"].sign == 0  # not a gain anybody made
    other = next(one for one in grid.lines if one.labels == ("other", "20"))
    assert other.numbers["dagn"].below == "0.0"  # neither +0.0 nor -0.0
    assert page.tasks[1].classes is None


def test_images_hold_the_records_numbers_in_whole_units(page, directory):
    images = page.images
    psnr = next(what for what in images["what"] if what["name"] == "PSNR")
    score = images["what"][0]
    cell = next(c for c in directory.manifest().cells if c.key == "fidelity/dagn-q20")
    records = directory.records(cell)

    assert images["qfs"] == ["10", "20"]
    for index, image in enumerate(images["ids"]):
        found = psnr["cells"]["20"]["dagn"][index]
        assert found == round(100 * records[image].fidelity["psnr"])
        assert images["bpp"]["20"][index] == round(1000 * records[image].bpp)
    assert psnr["cells"]["10"]["arcnn"][3] is None  # it failed
    assert psnr["cells"]["10"]["fbcnn"][5] == "inf"
    assert (score["name"], score["unit"]) == ("segmentation: mIoU of the image", "%")
    assert score["cells"]["10"]["original"] == score["cells"]["20"]["original"]
    assert [what["name"] for what in images["what"]].count("PSNR") == 1


def test_failures_are_counted_by_reason(page):
    assert [(f.image, f.reason, f.cells, f.of) for f in page.failures] == [
        ("image-003", "image-003: out of memory <b>&", 2, 17)
    ]


def test_cells_have_their_state(page):
    states = {cell.key: (cell.images, cell.failed, cell.expected) for cell in page.cells}

    assert states["segmentation/arcnn-q10"] == (29, 1, 30)
    assert states["segmentation/arcnn-q20"] == (30, 0, 30)


def test_a_run_without_records_is_a_page_too(tmp_path):
    run = page_run(tmp_path / "run", 2)
    for path in (run.path / "records").rglob("*.jsonl"):
        path.unlink()

    page = describe_page(run)

    assert page.tasks == ()
    assert page.findings == ()
    assert len(page.cells) == 17


def test_the_command_makes_the_same_study(harness):
    command = shlex.split(
        rerun_command(
            Manifest.model_validate({"study": STUDY, "data_set": {"name": "scenes"}}), "out"
        )
    )
    at = command.index("--output")
    assert command[at:] == ["--output", "out"]

    code, out, err = harness(*command[1:at], "--show-study")

    assert code == 0, err
    study = yaml.safe_load(out)
    assert {key: study[key] for key in STUDY if key != "name"} == {
        key: value for key, value in STUDY.items() if key != "name"
    }


def test_the_command_names_the_data_set_that_auto_was():
    study = {**STUDY, "dataset": "auto"}

    assert "--dataset scenes " in rerun_command(
        Manifest.model_validate({"study": study, "data_set": {"name": "scenes"}}), "o"
    )


def test_the_cards_are_those_of_the_weights_used(tmp_path):
    from harness.assets.cards import read_card
    from harness.plugins import registry

    run = page_run(tmp_path / "run", 2)
    manifest = manifest_json(run)
    card = read_card(registry.restorers().get("arcnn").cards()[0])
    for cell in manifest["cells"]:
        if cell["restorer"] == "arcnn":
            cell["inputs"] = {"restorer": {"weights": card.sha256}}
        if cell["restorer"] == "dagn":
            cell["inputs"] = {"restorer": {"weights": "0" * 64}}
    write_manifest(run, manifest)

    assets = {one.name: one for one in describe_page(run, draws=0).assets}

    assert [one.name for one in assets["arcnn"].cards] == [card.name]
    assert assets["dagn"].cards == ()
    assert "none of the cards at hand" in assets["dagn"].note
    assert assets["jpeg"].note == ""


def test_environments_stand_side_by_side():
    first = {"packages": {"torch": "2.0"}, "cores": 2}
    second = {"packages": {"torch": "2.1", "numpy": "2"}}
    manifest = Manifest(environments=(first, second))

    assert package_versions(manifest) == (
        ("torch", ("2.0", "2.1")),
        ("cores", ("2", "–")),
        ("numpy", ("–", "2")),
    )


def test_several_codecs_are_told_apart(tmp_path):
    run = fidelity_run(tmp_path / "run", {"jpeg": {10: {"a": 30.0, "b": 31.0}}})
    manifest = manifest_json(run)
    webp = Cell("fidelity", "written", "", "webp", 20, "jpeg", {})
    for image in ("a", "b"):
        fidelity = {"psnr": 33.0, "ssim": 0.9, "psnr_b": 33.0}
        append(run, webp, {"image": image, "bpp": 1.0, "fidelity": fidelity, "outcome": {}})
    run.close()
    manifest["cells"].append({"key": webp.key, **webp.as_json()})
    manifest["identity"]["codecs"]["webp"] = {"codec": "webp"}
    write_manifest(run, manifest)

    page = describe_page(run, draws=10)

    assert page.images["qfs"] == ["jpeg 10", "webp 20"]
    assert page.images["bpp"] == {"jpeg 10": [1000, 1000], "webp 20": [1000, 1000]}


def test_a_forest_plot_keeps_its_marks_in_place():
    def number(value, low, high):
        return Number(str(value), value, "", ends=(low, high), significant=low > 0)

    numbers = {"a": number(2.0, 1.0, 3.0), "b": number(-1.0, -4.0, 2.0), "c": Number("–", None)}
    line = GridLine(("10",), "mAP", "10", numbers)
    (plot,) = forest(PageTable("id", "t", "", ("QF",), (("all", ("a", "b", "c")),), (line,)))

    assert [(m.restorer, m.kind) for m in plot.marks] == [("a", "better"), ("b", "same")]
    first, second = plot.marks
    assert LEFT == second.low < second.x < plot.zero < first.low < first.x < first.high
    assert first.high == WIDTH - RIGHT
    assert "0" in [text for _, text in plot.ticks]
    assert all(LEFT <= x <= WIDTH - RIGHT for x, _ in plot.ticks)
    assert 2 <= len(plot.ticks) <= 6


@given(st.text(st.characters(), max_size=30))
def test_printable_text_can_be_written_and_hides_nothing(text):
    found = printable(text)

    assert found.encode("utf-8").decode("utf-8") == found
    assert not set(found) & {"\0", "\x1b", "\u202e", "\u200b", "\ud800"}
    assert printable(found) == found
    assert printable_json({"a": [text, 1]}) == {"a": [found, 1]}


def test_small_words():
    assert [join_words([]), join_words(["a"]), join_words("ab"), join_words("abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [p_text(0.0004), p_text(0.04), p_text(math.nan)] == ["p < 0.001", "p = 0.040", ""]
    assert [pack("nan", 1), pack(None, 1), pack("inf", 2), pack(-0.26, 1)] == [
        None,
        None,
        "inf",
        -3,
    ]


def test_no_run_directory_is_one_sentence(tmp_path):
    with pytest.raises(Exception, match="not a run directory"):
        describe_page(RunDirectory(tmp_path))
