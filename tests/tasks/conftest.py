import pytest

from tasks.scenes.data_set import Scenes


@pytest.fixture(scope="session")
def few_scenes(tmp_path_factory):
    """The first evaluation scenes, rendered into a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        scenes = Scenes(count=16)
        scenes.images()
    return scenes
