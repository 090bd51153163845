"""Fixtures of the harness's tests."""

import os
import signal
import sys
import threading

import pytest
from fakes import World

from harness.assets.programs import VARIABLE as TRUST
from harness.assets.reading import PIXELS_VARIABLE
from harness.cli import main as cli

# A job in the background of a script is born with Ctrl-C ignored, and so would be the commands
# that tests interrupt.
ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
if ignored and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
        with pytest.raises(SystemExit) as stop:
            for name in (TRUST, PIXELS_VARIABLE):  # what they say is of one command
                monkeypatch.setenv(name, os.environ.get(name, ""))
            kept = [os.environ[name] for name in (TRUST, PIXELS_VARIABLE)]
            try:
                cli.main()
            finally:
                os.environ[TRUST], os.environ[PIXELS_VARIABLE] = kept
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return call
