"""``--offline`` and the other options of every command."""

import os
import subprocess
import sys

import pytest

from harness.assets.offline import VARIABLE, offline
from harness.cli.console import common_options
from harness.errors import UserError

REACH = """
import socket, sys
from harness.assets.offline import enforce
enforce()
{code}
"""


def python(code):
    command = [sys.executable, "-c", REACH.format(code=code)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('example.org', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', 9))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'])",
        "socket.gethostbyname('localhost')",
        "socket.gethostbyaddr('127.0.0.1')",
        "socket.getnameinfo(('127.0.0.1', 80), 0)",
    ],
)
def test_no_connection_is_tried(code):
    done = python(code)

    assert done.returncode == 1
    assert "--offline: something tried to reach" in done.stderr


def test_what_stays_on_the_machine_goes_on():
    done = python(
        "a, b = socket.socketpair(); a.send(b'x'); a.sendmsg([b'y']); print(b.recv(1), b.recv(1))"
    )

    assert done.stdout == "b'x' b'y'\n"


def test_the_hook_is_installed_once():
    code = (
        "import sys; sys.addaudithook = lambda hook: print('hook'); "
        "from harness.assets.offline import enforce; enforce(); enforce()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.stdout == "hook\n"


def test_the_variable_counts_too():
    environment = {**os.environ, VARIABLE: "1"}
    code = "from harness.cli.console import common_options as c; c([]); import socket; " + (
        "socket.getaddrinfo('example.org', 80)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "--offline" in done.stderr


@pytest.mark.parametrize(("value", "expected"), [("", False), ("0", False), ("1", True)])
def test_how_the_variable_is_read(monkeypatch, value, expected):
    monkeypatch.setenv(VARIABLE, value)

    assert offline() is expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data-root", "/d", "run", "--qf", "10"],
        ["run", "--data-root", "/d", "--qf", "10"],
        ["run", "--qf", "10", "--data-root=/d"],
    ],
)
def test_the_data_root_may_stand_anywhere(monkeypatch, arguments):
    monkeypatch.setenv("HARNESS_DATA", "/before")

    assert common_options(arguments) == (["run", "--qf", "10"], False)
    assert os.environ["HARNESS_DATA"] == "/d"


def test_a_data_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(UserError, match=r"--data-root .*/a is a file; it needs a folder\.$"):
        common_options(["run", "--data-root", str(tmp_path / "a")])


@pytest.mark.parametrize("arguments", [["run", "--data-root"], ["--data-root=", "run"]])
def test_a_data_root_without_a_folder_is_refused(arguments):
    with pytest.raises(UserError, match="--data-root needs a folder"):
        common_options(arguments)


def test_debug_is_found_and_the_rest_is_left():
    assert common_options(["run", "--debug", "--task", "detection"]) == (
        ["run", "--task", "detection"],
        True,
    )
