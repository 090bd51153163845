import pytest
from runs import fidelity_run, psnrs

from harness.errors import UserError
from harness.tools.runs import runs_text


def test_each_run_is_a_line_with_how_far_it_is_and_a_number(tmp_path):
    values = {
        "jpeg": {10: psnrs([30, 31]), 20: psnrs([33, 34])},
        "dagn": {10: psnrs([31, 32]), 20: {"i000": 33.0}},
    }
    fidelity_run(tmp_path / "study" / "whole", values)

    head, line = runs_text(tmp_path).splitlines()

    assert head.split() == "run data set tasks QFs images cells updated headline".split()
    assert line.split()[:7] == ["study/whole", "written", "fidelity", "10,20", "2", "3", "of"]
    assert line.endswith("  PSNR QF 10: jpeg 30.50, dagn 31.50")


def test_a_run_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_text("{")

    assert "bad/manifest.json cannot be read" in runs_text(tmp_path)


def test_no_run_is_said(tmp_path):
    with pytest.raises(UserError, match="no run below"):
        runs_text(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        runs_text(tmp_path / "elsewhere")
