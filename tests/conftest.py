"""Fixtures of the harness's tests."""

import sys

import pytest
from fakes import World

from harness.assets.programs import VARIABLE as TRUST
from harness.assets.programs import trusting
from harness.cli import main as cli


@pytest.fixture
def world(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return World(folder)


@pytest.fixture
def trusted_code(monkeypatch):
    """The test's own TorchScript files are trusted."""
    monkeypatch.setenv(TRUST, "1")


@pytest.fixture
def harness(monkeypatch, capsys, tmp_path):
    """Runs the command in this process, in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop, trusting(False):  # what it says is of one command
            cli.main()
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return call
