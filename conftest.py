"""What all tests share: one thread a process, and none of the user's own data sets."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

# Set before torch is imported, and for subprocesses: the tests run side by side, each process on
# one thread, as the harness runs its models.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where COCO is prepared, `auto` would take it.
os.environ["HARNESS_DATA"] = str(Path(tempfile.gettempdir()) / "restoration-harness-no-data")


@pytest.fixture(autouse=True)
def _threads_are_given_back():
    """A test that changes torch's thread count does not change the next one's arithmetic."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
