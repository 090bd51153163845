"""What an engineer is told to do: each sentence against numbers that were made for it."""

import re

import numpy as np
import pytest
from runs import fidelity_run

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import parse_operands
from harness.records.run_directory import RunDirectory
from harness.report.answer import answers, comparison_answer
from harness.report.tables.build import build_table

IMAGES = 60
ZERO = np.zeros(IMAGES)


def run_of(path, gains):
    """A fidelity run whose restorers differ from jpeg by ``gains`` dB on average, QF by QF."""
    random = np.random.default_rng(1)
    base = {qf: 30 + random.normal(0, 2, IMAGES) for qf in (10, 20, 30)}
    noise = {name: random.normal(0, 0.3, IMAGES) for name in gains}
    noise = {name: values - values.mean() for name, values in noise.items()}
    noise["jpeg"] = ZERO
    values = {
        name: {
            qf: {f"i{k:03}": float(v) for k, v in enumerate(base[qf] + gain + noise[name])}
            for qf, gain in zip(base, by_qf, strict=True)
        }
        for name, by_qf in {"jpeg": (0, 0, 0), **gains}.items()
    }
    fidelity_run(path, values)
    return RunDirectory(path)


def told(directory, milliseconds=None):
    (said,) = answers(build_table(directory, draws=200), milliseconds or {})
    return said


def test_where_one_helps_it_is_named_with_its_gain_and_elsewhere_the_loss_that_is_excluded(
    tmp_path,
):
    run = run_of(tmp_path / "run", {"arcnn": (1.0, 0.5, -0.01), "dagn": (-1, -1, -1)})

    said = told(run, {"fidelity/arcnn-q10": 12.0, "fidelity/arcnn-q20": 14.0})

    assert said.startswith("Fidelity to the original: At QF 10 and 20 put arcnn in front: +1.00 [")
    assert "], for 13 ms an image" not in said  # the unit comes first
    assert "] PSNR, for 13 ms an image. At QF 30 no restorer is shown to help" in said
    (loss,) = re.findall(r"a loss of more than (\d\.\d\d) with arcnn at QF 30 is excluded", said)
    (row,) = [r for r in build_table(run, draws=200).rows if r.labels[1:] == ("PSNR", "30")]
    assert float(loss) == pytest.approx(-row.tests["arcnn"].against_jpeg.interval.low, abs=0.005)


def test_one_that_does_as_well_everywhere_is_put_before_two_that_are_best_somewhere(tmp_path):
    run = run_of(
        tmp_path / "run", {"arcnn": (1.0, 0.97, 0.2), "dagn": (0.98, 1.0, 1.0), "qgac": (0.3,) * 3}
    )

    said = told(run)

    assert "At QF 10, 20 and 30 put dagn in front: +0.98 [" in said
    assert "arcnn" not in said  # it does as well at two of three


def test_those_that_do_as_well_are_named(tmp_path):
    run = run_of(tmp_path / "run", {"arcnn": (1.0,) * 3, "dagn": (0.99,) * 3})

    assert "(dagn does as well, as far as these images tell)" in told(run)


def test_without_tests_nothing_is_advised(tmp_path):
    run = run_of(tmp_path / "run", {"arcnn": (1.0,) * 3})

    assert answers(build_table(run, draws=0), {}) == ()


def test_a_comparison_says_gain_loss_and_what_is_excluded(tmp_path):
    run = run_of(tmp_path / "run", {"dagn": (1.0, -1.0, 0.0)})

    (said,) = comparison_answer(compare(*parse_operands("jpeg", "dagn", run), draws=200))

    assert re.fullmatch(
        r"In fidelity, dagn in the place of jpeg gains 1\.00 PSNR at QF 10 \[\+0\.\d\d, "
        r"\+1\.\d\d\]; it loses 1\.00 PSNR at QF 20 \[-1\.\d\d, -0\.\d\d\]; at QF 30 no "
        r"difference is shown, and a loss of more than 0\.\d\d or a gain of more than 0\.\d\d "
        r"PSNR is excluded\.",
        said,
    )
