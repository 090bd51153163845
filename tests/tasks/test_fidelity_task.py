"""Fidelity's figures are means over the images, infinities and NaN included."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.plugins import Record
from tasks.fidelity import Fidelity


def record(psnr=30.0, ssim=0.9, psnr_b=28.0, bpp=1.5):
    return Record("", fidelity={"psnr": psnr, "ssim": ssim, "psnr_b": psnr_b}, bpp=bpp)


def measure(*records):
    return Fidelity().metrics({str(n): r for n, r in enumerate(records)}, None)


def test_means_by_hand():
    figures = measure(record(), record(psnr=34.0, ssim=0.8, psnr_b=29.0, bpp=0.5))
    assert figures == pytest.approx({"PSNR": 32, "SSIM": 0.85, "PSNR-B": 28.5, "bpp": 1.0})


def test_identical_and_tiny_images():
    written = record(psnr="inf", ssim="nan").to_json()
    figures = measure(record(), Record.from_json(written))
    assert figures["PSNR"] == math.inf
    assert math.isnan(figures["SSIM"])
    assert figures["PSNR-B"] == 28.0
    as_numbers = measure(record(), record(psnr=math.inf, ssim=math.nan))
    assert as_numbers == pytest.approx(figures, nan_ok=True)
    assert all(math.isnan(value) for value in measure().values())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.randoms())
def test_the_mean_does_not_depend_on_the_order(values, random):
    records = [record(psnr=value, bpp=value / 9) for value in values]
    figures = measure(*records)
    assert figures["PSNR"] == pytest.approx(np.mean(values), rel=1e-12)
    assert measure(*random.sample(records, len(records))) == figures
    again = [Record.from_json(json.loads(json.dumps(one.to_json()))) for one in records]
    assert measure(*again) == figures


@pytest.mark.parametrize("broken", [Record(""), replace(record(), bpp=None), record(psnr=None)])
def test_a_record_without_a_number_is_named(broken):
    with pytest.raises(HarnessError, match="image '1' has no number"):
        measure(record(), broken)


def test_luma_has_names_of_its_own():
    luma = Record("", fidelity={"psnr_y": 30.0, "ssim_y": 0.9, "psnr_b_y": 28.0}, bpp=1.0)

    figures = measure(luma, replace(luma, bpp=3.0))

    assert figures == {"PSNR-Y": 30.0, "SSIM-Y": 0.9, "PSNR-B-Y": 28.0, "bpp": 2.0}
    assert set(figures) <= {*Fidelity.displayed_metrics, *Fidelity.unranked}
    assert set(figures) <= set(Fidelity.digits)
    with pytest.raises(HarnessError, match="image '1' has no number"):
        measure(luma, record())


def test_no_model_is_needed_and_nothing_is_left_by_an_image():
    assert Fidelity.needs_model is False
    assert Fidelity.metric in measure(record())
    assert Fidelity().outcome(None, None, "a") == {}
    assert Fidelity().ground_truth(None, ["a"]) is None
