"""What is printed before anything is computed: help, version, completion."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main as cli
from harness.cli.help import SECTIONS, kinds_of_names, names_of
from harness.study.study import Study

pytestmark = pytest.mark.integration

HARNESS = Path(sys.executable).with_name("harness")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_first_screen_has_every_command_in_a_line_and_fits(harness, flag):
    code, out, _ = harness(flag)

    assert code == 0
    lines = out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "..." not in out.replace("[ARGS]...", "")
    said = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert set(SECTIONS) <= set(said)
    assert all(re.search(r"\w\.$", said[name]) for name in SECTIONS)


def test_every_command_has_its_section():
    assert {name for name, _, _ in cli._COMMANDS} == set(SECTIONS)


def test_the_options_of_run_stand_in_sections_with_their_defaults(harness):
    _, out, _ = harness("run", "-h")

    headings = re.findall(r"^(\S.*):$", out, re.M)
    assert headings == [
        "What is measured",
        "On which images",
        "How it runs",
        "Where images fail",
        "What is printed",
        "Options",
    ]
    # The help does not import the study, whose defaults it tells.
    words = " ".join(out.split())
    study = Study()
    assert f"[default: {', '.join(study.task)}]" in words
    assert f"10-40:10 is {','.join(map(str, study.qf))}, the default" in words
    assert Study.model_validate({"qf": "10-40:10"}).qf == study.qf
    assert f"[default: {', '.join(study.codec)}]" in words
    assert f"[default: {study.seed}]" in words
    assert f"or {study.restorers[0]}, the default" in words
    assert f"or {study.dataset}, the default" in words


def test_the_version_is_said(harness):
    from harness import __version__

    assert harness("--version")[:2] == (0, f"restoration-harness {__version__}\n")


def test_run_alone_says_what_it_would_do_and_computes_nothing(harness, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("harness.cli.run._forecast", lambda study, options: asked.append(study))

    code, _, err = harness("run")

    assert code == 2
    assert asked == [Study()]
    assert "harness run --task detection --qf 10" in err
    assert list(tmp_path.iterdir()) == []


def test_lists_are_completed_at_their_last_name():
    assert names_of("restorers")("jpeg,d") == ["jpeg,dagn", "jpeg,dmcnn"]
    assert "fasterrcnn_resnet50_fpn" in names_of("models")("faster")
    assert names_of("tasks")("seg") == ["segmentation", "segmentation-agreement"]
    assert kinds_of_names("co") == ["codecs"]
    assert {"dagn", "scenes", "webp"} <= set(names_of()(""))


@pytest.mark.slow
def test_a_shell_is_answered():
    asked = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": "harness ru", "COMP_CWORD": "1"}

    done = subprocess.run([HARNESS], env=asked, capture_output=True, text=True)

    assert done.stdout.split() == ["run", "runs"]
