"""What a plugin says wrong of itself is said to its user before the first image."""

from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.images.io import write_png
from harness.images.jpeg import Jpeg
from harness.plugins import (
    Classifier,
    DataSet,
    ImageRef,
    Restorer,
    registry,
)
from harness.study import plugin_checks as checks
from harness.study.overrides import Overrides
from harness.study.plan import make_plan
from harness.study.study import Study
from tasks.classification.task import Classification
from tasks.fidelity import Fidelity


class Median(Restorer):
    name = "median"
    multi_model = False
    year = 1977

    def fingerprint(self, qf):
        return {"name": "median"}

    def restore(self, compressed):
        raise AssertionError("no image is touched")


class Photos(DataSet):
    name = "photos"
    tasks = ("classification", "fidelity")
    classes = ("dark", "bright")
    paths = ()

    def images(self):
        return [ImageRef(path.name, path) for path in self.paths]

    def fingerprint(self):
        return {"version": "1"}


class Brightness(Classifier):
    name = "brightness"
    classes = ("dark", "bright")

    def fingerprint(self):
        return {"version": "1"}

    def predict(self, image):
        raise AssertionError("no image is touched")


class Plain(Jpeg):
    name = "plain"


def changed(kind, **fields):
    """An object of a class with other fields or methods."""
    return type(kind.__name__, (kind,), fields)()


def gives(value):
    return lambda self, *_: value


def fails(self, *_):
    raise KeyError("weights")


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Plans a study of the plugins above, with some of them replaced; no image is there."""
    monkeypatch.setattr(Photos, "paths", (tmp_path / "a.png", tmp_path / "b.png"))

    def plan(restorer=None, data_set=None, model=None, codec=None, task=None):
        if codec is not None:
            known = registry.Registry("codec", [registry.Entry("plain", "x:y", "tests")])
            monkeypatch.setattr(known, "get", lambda name: lambda: codec)
            monkeypatch.setattr(registry, "codecs", lambda: known)
        if task is not None:
            entry = registry.Entry("classification", "x:y", "tests")
            known = registry.Registry("task", [entry])
            monkeypatch.setattr(known, "get", lambda name: type(task))
            monkeypatch.setattr(registry, "tasks", lambda: known)
        overrides = Overrides(
            restorers={"mine": restorer or Median()},
            data_set=data_set or Photos(),
            models={"classification": model or Brightness()},
        )
        study = Study(
            task="classification",
            dataset="photos",
            qf=10,
            restorers="mine",
            codec="jpeg" if codec is None else "plain",
        )
        return make_plan(study, overrides=overrides)

    return plan


def test_plugins_that_say_what_they_must_are_planned(planned):
    plan = planned(codec=Plain())

    assert [cell.key for cell in plan.cells] == ["classification/median@plain-q10"]
    assert [image.id for image in plan.images] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "its name is ''; it must be a string that is not empty"),
        ({"name": 3}, "its name is 3; it must be a string"),
        ({"name": None}, "its name is None"),
        ({"year": "1977"}, "its year is '1977'; it must be a whole number"),
        ({"year": True}, "its year is True; it must be a whole number"),
        ({"year": 19.5}, "its year is 19.5"),
        ({"multi_model": "yes"}, "its multi_model is 'yes'; it must be True or False, or None of"),
        ({"needs_jpeg": None}, "its needs_jpeg is None; it must be True or False"),
        ({"fingerprint": gives(None)}, r"its fingerprint\(\) is None; it must be a dictionary fro"),
        ({"fingerprint": gives({"v": 1})}, r"its fingerprint\(\) is {'v': 1}; it must be a dictio"),
        ({"fingerprint": fails}, r"its fingerprint\(\) failed with KeyError: 'weights'. Mend that"),
    ],
)
def test_a_restorer_is_named_with_what_is_wrong(planned, fields, said):
    with pytest.raises(UserError, match=rf"^The restorer \w+ \({__name__}.Median\): {said}"):
        planned(restorer=changed(Median, __module__=__name__, **fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": " "}, "its name is ' '"),
        ({"tasks": "classification"}, "its tasks is 'classification'; it must be a tuple of strin"),
        ({"classes": (1, 2)}, r"its classes is \(1, 2\); it must be a tuple of strings"),
        ({"classes": {"dark": 0}}, "its classes is {'dark': 0}"),
        ({"notice": None}, "its notice is None; it must be a string"),
        ({"default_models": ["x"]}, r"its default_models is \['x'\]; it must be a dictionary of s"),
        ({"images": gives(["a.png"])}, r"images\(\) gives 'a.png'; it must give ImageRefs"),
        ({"images": gives(None)}, r"its images\(\) is None; it must be a sequence of ImageRef"),
        ({"images": fails}, r"its images\(\) failed with KeyError"),
        (
            {"images": gives([ImageRef("a", Path("a")), ImageRef("a", Path("b"))])},
            r"images\(\) gives two images of the id 'a', a and b; ids must differ",
        ),
        (
            {"images": gives([ImageRef(1, Path("a"))])},
            r"images\(\) gives ImageRef.* an id is a str",
        ),
        ({"images": gives([ImageRef("a", "a")])}, r"images\(\) gives ImageRef.* a pathlib.Path"),
        ({"fingerprint": gives("1")}, r"its fingerprint\(\) is '1'"),
    ],
)
def test_a_data_set_is_named_with_what_is_wrong(planned, fields, said):
    with pytest.raises(UserError, match=rf"^The data set .*\({__name__}.Photos\): {said}"):
        planned(data_set=changed(Photos, __module__=__name__, **fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "its name is ''"),
        ({"task": "detection"}, "its task is 'detection'; it must be 'classification', whose mod"),
        ({"classes": "dark"}, "its classes is 'dark'; it must be a tuple of strings"),
        ({"fingerprint": gives({1: "a"})}, r"its fingerprint\(\) is {1: 'a'}"),
        ({"fingerprint": fails}, r"its fingerprint\(\) failed with KeyError"),
    ],
)
def test_a_vision_model_is_named_with_what_is_wrong(planned, fields, said):
    with pytest.raises(UserError, match=rf"^The vision model .*\({__name__}.Brightness\): {said}"):
        planned(model=changed(Brightness, __module__=__name__, **fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "its name is ''"),
        ({"jpeg": "yes"}, "its jpeg is 'yes'; it must be True or False"),
        ({"quality": 5}, "its quality is 5; it must be a string"),
        ({"fingerprint": gives([])}, r"its fingerprint\(\) is \[\]"),
    ],
)
def test_a_codec_is_named_with_what_is_wrong(planned, fields, said):
    with pytest.raises(UserError, match=rf"^The codec plain \({__name__}.Plain\): {said}"):
        planned(codec=changed(Plain, __module__=__name__, **fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": ""}, "its metric is ''; it must be a string that is not empty"),
        ({"version": 2}, "its version is 2"),
        ({"title": None}, "its title is None"),
        ({"displayed_metrics": "top-1"}, "its displayed_metrics is 'top-1'; it must be a tuple of"),
    ],
)
def test_a_task_is_named_with_what_is_wrong(planned, fields, said):
    with pytest.raises(UserError, match=rf"^The task classification \(.*Classification\): {said}"):
        planned(task=changed(Classification, **fields))


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("Restorer", lambda: checks.check_restorer("x", object())),
        ("Codec", lambda: checks.check_codec("x", object())),
        ("DataSet", lambda: checks.check_data_set("x", None)),
        ("VisionModel", lambda: checks.check_model("detection", Median())),
        ("Task", lambda: checks.check_task("x", Fidelity)),  # the class instead of an object
    ],
)
def test_what_is_none_at_all_is_told_what_to_derive_from(kind, check):
    with pytest.raises(UserError, match=rf"is no harness.plugins.{kind}: derive its class from th"):
        check()


def test_one_of_all_that_is_wrong_is_left_out_and_named(monkeypatch, tmp_path):
    write_png(np.zeros((20, 20, 3), np.uint8), tmp_path / "photos" / "a.png")
    get, known = registry.Registry.get, registry.restorers()
    monkeypatch.setattr(
        registry.Registry,
        "get",
        lambda self, name: (
            Median if self.kind == "restorer" and name == "arcnn" else get(self, name)
        ),
    )
    monkeypatch.setattr(Median, "year", "1977")

    plan = make_plan(
        Study(task="fidelity", dataset=str(tmp_path / "photos"), restorers="all", qf=10)
    )

    assert "jpeg" in plan.restorers and "median" not in plan.restorers
    assert len(plan.restorers) >= len(known) - 3
    [notice] = [sentence for sentence in plan.notices if "1977" in sentence]
    assert notice.startswith(f"Left out: The restorer arcnn ({__name__}.Median): its year is")


def test_long_values_are_shown_in_part(planned):
    with pytest.raises(UserError) as error:
        planned(data_set=changed(Photos, classes="x" * 10_000))
    assert len(str(error.value)) < 300
