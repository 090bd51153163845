"""The embedded data sets may be asked by several threads before anything is loaded."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.classification.scenes_things import ScenesThings
from tasks.scenes.data_set import Scenes


@pytest.mark.parametrize(
    ("module", "kind", "ask"),
    [
        ("tasks.classification.crops", ScenesThings, "label"),
        ("tasks.scenes.cache", Scenes, "_entry"),
    ],
)
def test_the_first_question_may_come_from_two_threads_at_once(module, kind, ask, monkeypatch):
    begun, answered = threading.Event(), threading.Event()

    class Slow(list):
        """The first to read it is not done before another has its answer, or waits for it."""

        def __iter__(self):
            first = not begun.is_set()
            begun.set()
            if first:
                answered.wait(0.5)
            return super().__iter__()

    index = SimpleNamespace(images=Slow([SimpleNamespace(id="a", label=4)]))
    monkeypatch.setattr(f"{module}.prepared", lambda *_: (Path(), index))
    scenes = kind(count=1)

    def second():
        begun.wait(5)
        try:
            return getattr(scenes, ask)("a")
        finally:
            answered.set()

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(getattr(scenes, ask), "a"), pool.submit(second)
        assert one.result() == two.result()
