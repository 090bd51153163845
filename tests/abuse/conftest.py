"""Tests that attack: parts that misbehave, processes that die, files that lie.

Those that take more than two seconds are marked ``slow``.
"""

import os
import subprocess
import sys

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "abuse" in item.path.parts:
            item.add_marker(pytest.mark.abuse)


class Watched:
    """Runs a walk without models (`misbehaving_walk.py`) in a process that is watched."""

    def __init__(self, folder, support):
        self.folder = folder
        self._walk = support / "misbehaving_walk.py"

    def start(self, *images, workers=1, limit=60.0):
        code = (
            "import sys\n"
            "from harness.engine.supervisor import Supervisor\n"
            "sys.exit(Supervisor([sys.executable, *sys.argv[1:]]).run())\n"
        )
        command = [sys.executable, "-c", code, str(self._walk), str(workers), str(limit), *images]
        return subprocess.Popen(
            command, cwd=self.folder, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
        )

    def run(self, *images, workers=1, limit=60.0):
        """The exit code, what was said, and by image ``well`` or why it failed."""
        process = self.start(*images, workers=workers, limit=limit)
        _, said = process.communicate(timeout=60)
        return process.returncode, said, self.records()

    def records(self):
        written = self.folder / "records"
        lines = written.read_text().splitlines() if written.exists() else []
        records = dict(line.split("\t") for line in lines)
        assert len(records) == len(lines)  # none twice
        return records


@pytest.fixture
def watched(tmp_path, request):
    return Watched(tmp_path, request.config.rootpath / "tests" / "support")
