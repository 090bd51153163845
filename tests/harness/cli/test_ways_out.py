"""Every way out of the command is one sentence and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from runs import table_run

from harness.cli import console, main
from harness.errors import UserError

HARNESS = Path(sys.executable).with_name("harness")


@pytest.mark.integration
def test_a_full_standard_output_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [HARNESS, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Standard output cannot be written to: No space left")
    assert done.stderr.count("\n") == 1


def test_a_closed_standard_output_is_one_sentence_and_closed_errors_are_left_out(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(UserError, match="Standard output is closed"):
        console.write("table\n")
    assert not console.coloured()
    monkeypatch.setattr(sys, "stderr", None)
    console.say("nothing to say it to")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (IsADirectoryError(21, "Is a directory", "a.json"), 1, "Is a directory a.json"),
        (OSError(36, "File name too long", "a" * 5000), 1, "File name too long aaa"),
        (RecursionError("maximum"), 2, "nested too deeply"),
    ],
)
def test_what_the_system_refuses_needs_no_traceback(monkeypatch, capsys, error, code, sentence):
    def fails(*_):
        raise error

    monkeypatch.setattr(main, "_run", fails)
    monkeypatch.setattr(sys, "argv", ["harness", "list"])
    with pytest.raises(SystemExit) as left:
        main.main()
    said = capsys.readouterr().err
    assert left.value.code == code
    assert sentence in said and "--debug" not in said and len(said) < 600


@pytest.mark.integration
def test_a_records_file_that_is_a_folder_is_named_and_taken_out(harness, tmp_path):
    table_run(tmp_path / "run", "fidelity", "", {("jpeg", 10): 26.0}, "live1")
    path = next((tmp_path / "run" / "records").rglob("*.jsonl"))
    path.unlink()
    path.mkdir()
    code, _, error = harness("table", "run")
    assert (code == 1 and "is damaged" in error) or "cannot be read" in error
    assert "verify --repair" in error and "--debug" not in error
    assert harness("verify", "run", "--repair")[0] == 0
    assert not path.exists()


@pytest.mark.integration
def test_an_interrupt_while_it_loads_is_no_traceback(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [HARNESS, "list"], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_few_open_files_are_enough_for_many_cells(monkeypatch):
    import resource

    from harness.records import run_directory

    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    assert run_directory.most_open_files() == 16
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert run_directory.most_open_files() == 128
