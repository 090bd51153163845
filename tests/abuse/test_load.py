"""benchmarks/load.py, with hardly any load: what it measures are whole runs and their tables."""

import importlib.util
import subprocess
import sys
import warnings

import numpy as np
import pytest
from paths import ROOT

import harness

BENCHMARK = ROOT / "benchmarks" / "load.py"
SCALES = {
    "images": 0.0001,
    "cells": 0.05,
    "categories": 0.001,
    "boxes": 0.0004,
    "large": 0.00001,
    "small": 0.1,
}


@pytest.fixture(scope="module")
def load():
    spec = importlib.util.spec_from_file_location("load", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["load"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["load"]


def test_every_case_has_a_scale_here(load):
    assert set(load.CASES) == set(SCALES)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n == "boxes" else []) for n in SCALES]
)
def test_a_case_is_computed_and_has_numbers(load, tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load.CASES[name].make(tmp_path / name, SCALES[name])
        load.compute(name, tmp_path / name, SCALES[name])
        table = harness.open(tmp_path / name / "run").table(draws=10)
    numbers = table.select_dtypes("number").to_numpy()
    # One pixel has no SSIM, and may be restored to the last bit.
    assert np.isfinite(numbers).any() if name == "small" else np.isfinite(numbers).all()
    assert len(numbers)
    assert load.tabulate(tmp_path / name)


def test_a_stub_reads_the_number_of_a_picture_after_jpeg(load, tmp_path):
    from harness.images.io import read_image
    from harness.images.jpeg import Jpeg

    load._numbered(tmp_path / "images", 300)
    for number in (0, 15, 16, 299):
        image = read_image(tmp_path / "images" / f"{number:06}.png")
        assert load.read_number(Jpeg().compress(image, 90).pixels) == number


@pytest.mark.slow
def test_a_case_is_measured_in_processes_of_its_own(tmp_path):
    command = [sys.executable, str(BENCHMARK), "small", "--folder", str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, _, row = printed.splitlines()
    assert head.count("|") == row.count("|")
    peak = float(row.split("|")[5].removesuffix("GB "))
    assert 0.05 < peak < 8
