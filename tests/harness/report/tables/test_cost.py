import csv
import io
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness.tools.cost
from harness.cli import main as cli
from harness.plugins import Restorer, registry
from harness.report.tables.cost import (
    CSV_HEAD,
    CostRow,
    CostTable,
    PublishedCost,
    read_published,
    render_cost,
)
from harness.tools.cost import CostRequest, cost_table, enough, span
from harness.tools.timing import Timing, repeats_within

RATE = 1e9
"""Multiply-accumulates a second of the pretended machine."""


class Network:
    """A restorer with a network; multiply-accumulates by size."""

    multi_model, year = False, 2020
    sizes = {"published": 10 * RATE, "small": RATE}  # noqa: RUF012

    @classmethod
    def presets(cls):
        return cls.sizes

    @classmethod
    def cost(cls, preset, height, width):
        return SimpleNamespace(
            parameters=height * width, macs=int(cls.sizes[preset]), macs_by_output=2
        )


class Slow(Network):
    multi_model = True
    sizes = {"published": 720 * RATE}  # noqa: RUF012


class Untouched(Restorer):
    multi_model, year = None, 0


@pytest.fixture
def world(monkeypatch):
    """Three restorers, and a machine on which nothing really runs; the jobs it was given."""
    entries = [
        registry.Entry(name, f"{__name__}:{kind.__name__}", "the tests")
        for name, kind in (("fbcnn", Network), ("slow", Slow), ("jpeg", Untouched))
    ]
    entries.append(registry.Entry("broken", "no_such_module:X", "the tests"))
    jobs = []

    def measure(job):
        jobs.append(job)
        return Timing(1234.5, 3_000_000, job.repeats)

    monkeypatch.setattr(registry, "restorers", lambda: registry.Registry("restorer", entries))
    monkeypatch.setattr(harness.tools.cost, "measured_rate", lambda device, threads: RATE)
    monkeypatch.setattr(harness.tools.cost, "measure", measure)
    return jobs


def table(**request):
    said = []
    return cost_table(CostRequest(**request), said.append), said


def test_every_network_is_counted_and_what_is_too_slow_is_not_timed_but_said(world):
    found, said = table(side=20, budget=60)

    assert [row.restorer for row in found.rows] == ["slow", "fbcnn"]  # as in the tables
    slow, fbcnn = found.rows
    assert (slow.milliseconds, slow.peak_bytes) == (None, None)
    assert (fbcnn.milliseconds, fbcnn.peak_bytes) == (1234.5, 3_000_000)
    assert slow.parameters == 400
    assert "slow not timed: about 12 min a call; --budget 1800 runs it." in found.notes
    assert any("no_such_module" in note for note in found.notes)
    assert "fbcnn: timing, about 10 s a call" in said
    assert [job.restorer for job in world] == ["fbcnn"]


@pytest.mark.parametrize(("budget", "repeats"), [(60, 5), (59, 4), (20, 1)])
def test_repeats_give_way_to_the_budget_before_the_timing_does(world, budget, repeats):
    found, _ = table(restorers=("fbcnn",), budget=budget)

    assert [job.repeats for job in world] == [repeats]
    few = {5: "", 4: "fbcnn: of 4 calls.", 1: "fbcnn: of one call."}[repeats]
    assert few in ["", *found.notes]


def test_a_network_that_fails_leaves_its_cells_empty_and_says_why(world, monkeypatch):
    monkeypatch.setattr(harness.tools.cost, "measure", lambda job: "out of memory")

    found, _ = table(restorers=("fbcnn",))

    assert found.rows[0].milliseconds is None
    assert "fbcnn not timed: out of memory." in found.notes


def test_an_interruption_keeps_what_was_timed_and_names_the_rest(world, monkeypatch):
    calls = []

    def measure(job):
        calls.append(job.restorer)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return Timing(7.0, None, job.repeats)

    monkeypatch.setattr(harness.tools.cost, "measure", measure)

    found, _ = table(budget=1e6)

    assert [row.milliseconds for row in found.rows] == [7.0, None]
    assert "Interrupted: not timed are fbcnn." in found.notes


def test_without_time_nothing_runs(world):
    found, said = table(timed=False)

    assert world == []
    assert said == ["slow: counting", "fbcnn: counting"]
    assert all(row.milliseconds is None for row in found.rows)


def test_a_network_of_one_size_is_shown_in_it_among_the_small_ones(world):
    found, _ = table(timed=False, preset="small")

    assert [(r.restorer, r.size) for r in found.rows] == [("slow", "published"), ("fbcnn", "small")]


@given(seconds=st.floats(1e-3, 1e6))
def test_the_budget_advised_is_enough_even_where_the_guess_is_a_tenth_low(seconds):
    assert repeats_within(enough(seconds), 1.1 * seconds, 5) >= 1
    assert enough(seconds) <= max(2, 4 * seconds)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0021, "2.1 ms"), (0.4, "400 ms"), (5.04, "5.0 s"), (99.7, "100 s"), (720, "12 min"),
     (9000, "2.5 h"), (1e6, "278 h")],
)  # fmt: skip
def test_a_length_of_time_in_words(seconds, words):
    assert span(seconds) == words


# --- beside Table III -----------------------------------------------------------------------


def test_table_iii_stands_beside_published_sizes_at_its_image_size_only(world):
    assert table(timed=False)[0].published["fbcnn"] == PublishedCost(71.9, 728.9, 13.0)
    assert not table(timed=False, side=256)[0].published
    assert not table(timed=False, preset="small")[0].published


def test_without_the_published_figures_their_columns_are_left_out(world, monkeypatch, tmp_path):
    assert read_published(tmp_path / "table_iii.csv") == {}
    monkeypatch.setattr(harness.tools.cost, "read_published", dict)

    text = render_cost(table(timed=False)[0], "text")

    assert "III" not in text
    assert "by output" not in text


def rendered(format, published=True):
    theirs = {"dagn": PublishedCost(109.9, 952.8, 29.7)} if published else {}
    rows = (
        CostRow("arcnn", "published", 117_731, 31_407_889_152, 31_407_889_152),
        CostRow("dagn", "published", 109_925_120, 932_631_683_072, 951_959_035_904, 1234.56, 2**30),
    )
    return render_cost(CostTable(512, "a machine", rows, theirs, ("a note",)), format)


def test_the_table_as_text():
    lines = rendered("text").splitlines()

    assert lines[:2] == ["Cost of restoring one 3×512×512 image", "Hardware: a machine"]
    assert lines[4].split() == ["arcnn", "published", "0.12", "31.4", "–", "–", "31.4", *"–––"]
    figures = "109.93 932.6 1234.6 1074 952.0 109.9 952.8 29.7"
    assert lines[5].split() == ["dagn", "published", *figures.split()]
    assert lines[-1] == "a note"


def test_the_table_as_markdown_and_as_csv():
    markdown = rendered("md").splitlines()
    assert markdown[3].count("|") == markdown[4].count("|") == markdown[6].count("|") == 11

    read = list(csv.DictReader(io.StringIO(rendered("csv"))))
    assert tuple(read[0]) == CSV_HEAD == ("restorer", "params_m", "gmacs", "ms", "peak_mb")
    assert list(read[0].values()) == ["arcnn", "0.117731", "31.407889", "", ""]
    assert list(read[1].values()) == ["dagn", "109.925120", "932.631683", "1234.56", "1073.7"]


# --- the command ----------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["harness", "cost", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return call


@pytest.mark.slow
def test_the_command_prints_csv_alone_to_standard_output(command):
    code, out, err = command(
        "--size", 32, "--restorers", "arcnn,arcnn", "--repeats", 1, "--threads", 1,
        "--format", "csv",
    )  # fmt: skip

    assert code == 0, err
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["restorer"] == "arcnn"
    assert float(row["params_m"]) == 0.117731
    assert float(row["ms"]) > 0
    assert "1 thread; torch" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--size 15", "--size 15: networks take images from 16×16 pixels up."),
        ("--repeats 0", "--repeats 0: at least 1"),
        ("--threads 0", "--threads 0: at least 1"),
        ("--budget 0", "--budget 0: seconds, more than 0"),
        ("--budget nan", "--budget nan: seconds, more than 0"),
        ("--device tpu", "--device tpu: auto, cpu, cuda, cuda:N or mps."),
        ("--format html", "Unknown format 'html'"),
        ("--restorers swin", "Unknown restorer 'swin'. Did you mean 'swinir'?"),
        ("--restorers arcnn,jpeg", "jpeg has no network to count: name another restorer, or all."),
        ("--preset huge", "No restorer has a size 'huge'. There are: published"),
        ("--restorers arcnn --preset tiny", "arcnn has no size 'tiny'. There are: published."),
        ("--device cuda --restorers arcnn", "--device cuda: torch finds no CUDA device here."),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(command, monkeypatch, arguments, sentence):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    code, out, err = command(*arguments.split())

    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
