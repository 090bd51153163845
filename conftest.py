"""One thread a process, as the harness runs its models: the tests run side by side."""

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, and for subprocesses


@pytest.fixture(autouse=True)
def _threads_are_given_back():
    """A test that changes torch's thread count does not change the next one's arithmetic."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
