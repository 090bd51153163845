"""The command as its user meets it: what is printed, and the exit code."""

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from harness.cli import main as cli
from harness.images.io import write_png

pytestmark = pytest.mark.integration

HARNESS = Path(sys.executable).with_name("harness")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for index in range(3):
        rng = np.random.default_rng(index)
        small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image = np.asarray(Image.fromarray(small).resize((64, 48), Image.Resampling.BICUBIC))
        write_png(image, folder / f"{index}.png")
    return folder


def fidelity(photos, *more):
    return ("run", "--task", "fidelity", "--dataset", photos, "--restorers", "jpeg", *more)


def test_a_run_prints_its_table_and_says_where_the_records_are(harness, photos):
    code, out, err = harness(*fidelity(photos, "--qf", "10,40", "--output", "out"))

    assert code == 0
    assert re.findall(r"^(?:fidelity)? +(\S+) +10 ", out, re.M) == ["PSNR", "SSIM", "PSNR-B"]
    assert len(re.findall(r" ±\d", out)) == 6
    assert "Data set photos (3 images), codec jpeg (4:2:0, libjpeg" in out
    assert "Records: out (6 of 6 computed now)" in err


def test_the_same_command_again_computes_nothing_and_prints_the_same_table(harness, photos):
    command = fidelity(photos, "--qf", "10", "--output", "out")
    _, first, _ = harness(*command)

    code, second, err = harness(*command)

    assert (code, second) == (0, first)
    assert "nothing to compute" in err


def test_table_prints_from_the_records_alone(harness, photos):
    _, printed, _ = harness(*fidelity(photos, "--qf", "10", "--output", "out"))
    for path in photos.iterdir():
        path.unlink()

    code, out, _ = harness("table", "out")

    assert (code, out) == (0, printed)


def test_the_default_directory_is_the_latest_for_table(harness, photos):
    _, printed, err = harness(*fidelity(photos, "--qf", "10"))

    assert "Records: results/runs/photos-" in err
    assert harness("table")[1] == printed


def test_csv_goes_to_standard_output_alone(harness, photos):
    code, out, _ = harness(*fidelity(photos, "--qf", "10,20", "--format", "csv"))
    rows = list(csv.DictReader(io.StringIO(out)))

    assert code == 0
    assert list(rows[0]) == (
        "task,dataset,model,codec,qf,restorer,metric,value,ci_low,ci_high,images,"
        "minus_jpeg,minus_jpeg_low,minus_jpeg_high,p_jpeg,"
        "minus_best,minus_best_low,minus_best_high,p_best".split(",")
    )
    assert all(float(r["ci_low"]) <= float(r["value"]) <= float(r["ci_high"]) for r in rows)
    assert [(row["qf"], row["metric"]) for row in rows][:2] == [("10", "PSNR"), ("10", "SSIM")]
    assert all(float(row["value"]) > 0 and row["images"] == "3" for row in rows)


def test_compare_prints_the_difference(harness, photos):
    harness(*fidelity(photos, "--restorers", "arcnn", "--qf", "10", "--output", "out"))

    code, out, _ = harness("compare", "jpeg", "arcnn", "--run", "out")
    lines = [line.split() for line in out.splitlines()]
    head = "task metric QF jpeg arcnn B − A 95 % interval p better/same/worse images"

    assert code == 0
    assert lines[:2] == [["A", "=", "jpeg", "of", "out"], ["B", "=", "arcnn", "of", "out"]]
    assert head.split() in lines
    assert [line[:3] for line in lines if line[:1] == ["fidelity"] and line[-1] == "3"] == [
        ["fidelity", name, "10"] for name in ("PSNR", "SSIM", "PSNR-B")
    ]


def test_flags_lie_over_the_study_and_show_study_prints_the_merger(harness, tmp_path):
    (tmp_path / "s.yaml").write_text("task: segmentation\nqf: [10, 20]\nseed: 3\n")

    code, out, _ = harness("run", "--study", "s.yaml", "--qf", "30", "--show-study")
    merged = yaml.safe_load(out)

    assert code == 0
    assert (merged["task"], merged["qf"], merged["seed"]) == (["segmentation"], [30], 3)
    assert merged["restorers"] == ["all"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--restorers", "arcn"], "Unknown restorer 'arcn'. Did you mean 'arcnn'?"),
        (["--task", "detect"], "Unknown task 'detect'. Did you mean 'detection'?"),
        (["--dataset", "scene"], "Unknown data set 'scene'. Did you mean 'scenes'?"),
        (["--model", "faster"], "Unknown detection model 'faster'. Did you mean"),
        (["--codec", "jpg"], "Unknown codec 'jpg'. Did you mean 'jpeg'?"),
        (["--qf", "0"], "QF 0 is outside 1..100"),
        (["--qf", "101"], "QF 101 is outside 1..100"),
        (["--limit", "0"], "Bad value for limit"),
        (["--format", "pdf"], "Unknown format 'pdf'. Available: text, md, csv"),
        (["--study", "none.yaml"], "Cannot read the study none.yaml"),
        (["--qf", "15", "--restorers", "arcnn", "--dataset", "scenes"], "10, 20, 30"),
        (["--task", "fidelity", "--restorers", "original"], "Nothing to measure"),
        (["--task", "fidelity", "--model", "pspnet_scenes"], "runs no vision model"),
        (["--no-such-flag"], "No such option"),
    ],
)
def test_a_mistake_is_one_clear_sentence_and_exit_code_2(harness, arguments, sentence):
    code, out, err = harness("run", *arguments)

    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert out == ""


def test_a_folder_of_images_needs_a_detector_that_is_fetched_when_asked_for(harness, photos):
    code, _, err = harness("run", "--task", "detection", "--dataset", photos)

    assert code == 2
    assert "The weights fasterrcnn_resnet50_fpn are not on this machine" in err
    assert "`harness fetch fasterrcnn_resnet50_fpn`" in err


def test_an_output_that_holds_another_study_is_refused(harness, photos):
    harness(*fidelity(photos, "--qf", "10", "--output", "out"))

    code, _, err = harness(*fidelity(photos, "--qf", "10", "--output", "out", "--limit", "2"))

    assert code == 2
    assert "out holds another study: " in err
    assert "limit None instead of 2" in err


def test_an_unreadable_image_is_named_counted_and_exits_with_2(harness, photos):
    (photos / "1.png").write_bytes(b"\x89PNG broken")

    code, out, err = harness(*fidelity(photos, "--qf", "10", "--output", "out"))

    assert code == 2
    assert "1 of 3 images failed and are not in the numbers of their cells: 1.png" in out
    assert "1.png" in err
    assert "--retry-failed computes them again" in err
    # What the advice says of a folder is true.
    write_png(np.zeros((48, 64, 3), np.uint8), photos / "1.png")
    code, _, err = harness(*fidelity(photos, "--qf", "10", "--output", "out", "--retry-failed"))
    assert code == 2
    assert "out holds another study: data" in err


def test_fail_fast_stops_at_the_unreadable_image(harness, photos):
    (photos / "1.png").write_bytes(b"\x89PNG broken")

    code, out, err = harness(*fidelity(photos, "--qf", "10", "--fail-fast"))

    assert (code, out) == (2, "")
    assert "1.png" in err
    assert "stopped by --fail-fast" in err


def test_a_cell_that_only_fails_is_given_up_named_and_exits_with_2(harness, photos):
    for path in photos.glob("*.png"):
        path.write_bytes(b"\x89PNG broken")
    given = fidelity(photos, "--qf", "10", "--output", "out", "--workers", "1")

    code, _, err = harness(*given, "--max-equal-failures", "2")

    said = " ".join(err.split())
    assert code == 2
    assert "Stopped: fidelity/jpeg-q10 was stopped after 2 equal failures in a row, with 1" in said
    assert "2 of 3 images failed" in said
    code, _, err = harness(*given, "--max-equal-failures", "0")
    assert (code, "Stopped" in err, "3 of 3 images failed" in err) == (2, False, True)


def test_an_unexpected_failure_is_one_sentence_and_exit_code_1(harness, photos, monkeypatch):
    from harness.engine import manifest

    monkeypatch.setattr(manifest, "environment", lambda device: 1 / 0)

    code, _, err = harness(*fidelity(photos))
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "--debug" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["harness", "run", "--qf", "0", "--debug"])

    with pytest.raises(cli.HarnessError):
        cli.main()


def test_list_names_everything(harness):
    code, out, _ = harness("list")

    assert code == 0
    for name in ("original", "jpeg", "arcnn", "scenes", "faster_rcnn_scenes", "pspnet_scenes"):
        assert f"  {name} " in out


def test_list_of_one_kind(harness):
    code, out, _ = harness("list", "restorers")
    assert code == 0
    assert out.splitlines()[0] == "restorers"
    assert "scenes" not in out

    code, _, err = harness("list", "networks")
    assert code == 2
    assert "Kinds: restorers, tasks" in err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("arcnn", "sha256:"),
        ("faster_rcnn_scenes", "licence:"),
        ("jpeg", "codecs: jpeg"),
        ("detection", "pycocotools"),
    ],
)
def test_show_says_what_is_known(harness, name, said):
    code, out, _ = harness("show", name, "--full")

    assert code == 0
    assert said in out


def test_show_is_short_and_leaves_no_licence_out(harness):
    _, out, _ = harness("show", "fbcnn")

    assert "    licence   Apache-2.0" in out
    assert "for non-commercial research and education." in " ".join(out.split())
    assert "sha256:" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_show_of_a_run_says_how_far_it_is_and_with_what(harness, photos):
    harness(*fidelity(photos, "--qf", "10", "--output", "out"))

    code, out, _ = harness("show", "out")

    assert code == 0
    assert "fidelity/jpeg-q10" in out
    assert "3 of 3 records" in out
    assert "libjpeg_turbo" in out


def test_show_of_nothing_known_is_answered(harness):
    code, _, err = harness("show", "arcn")

    assert code == 2
    assert "Did you mean 'arcnn'?" in err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_answers(harness, arguments):
    code, out, _ = harness(*arguments)

    assert code == 0
    assert "Usage: harness" in out


@pytest.fixture
def finished(tmp_path, photos):
    subprocess.run(
        [HARNESS, *fidelity(photos, "--qf", "10", "--output", "out")],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["table", "out"], ["list"], ["run", "--show-study"]])
def test_the_reader_of_a_pipe_may_leave(finished, arguments):
    reading, writing = os.pipe()
    os.close(reading)  # before the command writes, so that every write fails

    done = subprocess.run(
        [HARNESS, *arguments], cwd=finished, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_terminal_without_the_tables_signs_gets_others(finished):
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}

    done = subprocess.run(
        [HARNESS, "table", "out"], cwd=finished, capture_output=True, env=environment, check=True
    )

    assert b"????" in done.stdout
    assert b"PSNR-B" in done.stdout
