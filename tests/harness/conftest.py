"""Fixtures of the harness's tests."""

import pytest
from fakes import World


@pytest.fixture
def world(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return World(folder)
