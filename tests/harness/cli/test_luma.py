"""`--luma`, `--tile`, `--nearest-qf` and weights by path, as the user of the command meets them."""

import csv
import functools
import io

import numpy as np
import pytest
import yaml
from paths import WEIGHTS

from harness.images.io import write_png
from restorers.checkpoints.sources import SHIPPED

pytestmark = pytest.mark.integration


@pytest.fixture
def fidelity(harness, tmp_path):
    """Runs the command for fidelity, in a folder with two images."""
    for index in range(2):
        rng = np.random.default_rng(index)
        image = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8).repeat(5, 0).repeat(5, 1)
        write_png(image, tmp_path / "photos" / f"{index}.png")
    return functools.partial(harness, "run", "--task", "fidelity", "--dataset", "photos")


def test_luma_has_its_own_metrics_heading_and_directory(fidelity, tmp_path):
    code, out, err = fidelity("--luma", "--qf", "10", "--restorers", "jpeg,arcnn")

    assert code == 0
    assert "codec jpeg (grey, libjpeg" in out
    assert "On luma alone: Y = 16 + (65.481 R" in out
    rows = out[out.index("────") :]
    assert all(f" {name} " in rows for name in ("PSNR-Y", "SSIM-Y", "PSNR-B-Y"))
    assert not any(f" {name} " in rows for name in ("PSNR", "SSIM", "PSNR-B"))
    assert "-luma" in err.split("Records: ")[1].split()[0]


def test_luma_and_colour_do_not_share_a_directory(fidelity):
    fidelity("--qf", "10", "--restorers", "jpeg", "--output", "out")

    code, _, err = fidelity("--luma", "--qf", "10", "--restorers", "jpeg", "--output", "out")

    assert code == 2
    assert "out holds another study" in err


def test_luma_rows_of_the_csv_and_of_a_comparison(fidelity, harness):
    code, out, _ = fidelity("--luma", "--qf", "10", "--restorers", "jpeg,arcnn", "--format", "csv",
                           "--output", "out")  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(out)))
    _, compared, _ = harness("compare", "jpeg", "arcnn", "--run", "out", "--format", "csv")

    assert code == 0
    metrics = ["PSNR-Y", "SSIM-Y", "PSNR-B-Y"]
    assert [row["metric"] for row in rows] == metrics * 2
    assert all(row["restorer"] in ("jpeg", "arcnn") and float(row["value"]) > 0 for row in rows)
    assert [row["metric"] for row in csv.DictReader(io.StringIO(compared))] == metrics


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--luma", "--task", "detection"], "detection needs colour: use it with --task fidelity"),
        (["--tile", "3"], "Bad value for tile: a tile has"),
        (["--restorers", "arcnn", "--qf", "50"], "take the nearest one's with --nearest-qf"),
        (["--restorers", "arcnn:told"], "arcnn cannot be told the quality factor"),
        (["--restorers", "arcnn:nowhere.mat"], "there is no such file or folder"),
        (["--restorers", "jpeg:told"], "jpeg has no variants, so not 'told'"),
        (["--restorers", "nowhere.pth"], "There are no weights at nowhere.pth"),
        (["--restorers", "photos"], "photos is a folder: say whose weights it holds"),
        (["--restorers", "photos/0.png"], "is in no known format of weights"),
    ],
)
def test_a_mistake_is_one_clear_sentence(fidelity, arguments, sentence):
    code, out, err = fidelity(*arguments)

    assert (code, out) == (2, "")
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err


def test_the_nearest_checkpoint_is_said_in_the_table(fidelity):
    code, out, _ = fidelity("--restorers", "arcnn", "--qf", "50", "--nearest-qf")

    assert code == 0
    assert "nearest: where a multi-model restorer has no checkpoint for a QF" in out


def test_weights_by_path_run_and_stand_in_the_table_and_the_study(fidelity, tmp_path):
    weights = tmp_path / "mine_q10.safetensors"
    weights.symlink_to(SHIPPED / "arcnn-q10.safetensors")

    code, out, _ = fidelity(
        "--restorers", f"arcnn,arcnn:{weights}", "--qf", "10", "--output", "out"
    )
    manifest = yaml.safe_load((tmp_path / "out" / "manifest.json").read_text())

    assert code == 0
    assert "arcnn:mine_q10" in out
    assert manifest["study"]["restorers"] == ["arcnn", f"arcnn:{weights}"]
    prints = [cell["inputs"]["restorer"] for cell in manifest["cells"]]
    assert prints[0] == prints[1]  # the same weights, whatever they are called


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="the authors' weights are not in ../shared")
def test_the_authors_weights_run_in_colour_and_on_luma(fidelity):
    names = ("--restorers", f"jpeg,arcnn:{WEIGHTS / 'arcnn'},{WEIGHTS / 'dncnn3/DnCNN3.mat'}")

    for more in ((), ("--luma",)):
        code, out, _ = fidelity(*names, "--qf", "10", *more)
        assert code == 0
        head = next(line for line in out.splitlines() if line.startswith("task"))
        assert head.split()[3:] == ["jpeg", "arcnn:arcnn", "DnCNN3"]
