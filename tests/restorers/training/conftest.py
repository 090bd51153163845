import pytest
from training_tools import tinted, write


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of six pictures."""
    return write(
        tmp_path_factory.mktemp("training") / "tinted", [tinted(seed) for seed in range(6)]
    )
