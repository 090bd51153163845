"""Functions, modules and objects of the caller's as restorers, data sets and vision models."""

import warnings
from functools import partial

import numpy as np
import pytest
from evaluations import evaluate, figures
from PIL import Image, ImageFilter

import harness as library
from harness.plugins import Restorer

pytestmark = pytest.mark.integration


def identity(rgb):
    return rgb


def median(rgb):
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.MedianFilter(3)))


class Median(Restorer):
    name = "plugin"

    def fingerprint(self, qf):
        return {"name": self.name, "version": "1"}

    def restore(self, compressed):
        return median(compressed.pixels)


def test_a_function_that_does_nothing_is_jpeg(photos):
    run = evaluate(photos, "jpeg", identity)

    assert figures(run, "identity").equals(figures(run, "jpeg"))
    table = run.table(draws=0)
    assert (table["identity"] == table["jpeg"]).all()


def test_a_function_is_what_a_plugin_of_the_same_work_is(photos):
    run = evaluate(photos, "jpeg", median, Median, workers=2)

    assert figures(run, "median").equals(figures(run, "plugin"))
    assert not figures(run, "median").equals(figures(run, "jpeg"))


def test_records_are_reused_while_the_version_is_the_same(photos):
    def run(version):
        return evaluate(photos, "jpeg", library.restorer(median, version=version)).computed

    assert [run("1"), run("1"), run("2"), run("2")] == [6, 0, 3, 0]


def test_without_a_version_nothing_is_reused_and_that_is_said(photos):
    with pytest.warns(UserWarning, match="median: nothing tells whether the code"):
        library.evaluate(task="fidelity", qf=10, dataset=photos, restorers=[median], output="out")

    assert evaluate(photos, median).computed == 3
    assert evaluate(photos, library.restorer(median)).computed == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        versioned = library.restorer(median, version="1")
        library.evaluate(
            task="fidelity", qf=10, dataset=photos, restorers=[versioned], output="out"
        )


def test_records_that_nothing_reuses_do_not_pile_up(photos):
    kept = evaluate(photos, "jpeg", library.restorer(median, version="1"))
    for _ in range(3):
        run = evaluate(photos, median)
        run.table(draws=20)

    files = [path.name for path in sorted(run.path.rglob("median-q10.*"))]
    assert len(files) == 4, files  # records of both, numbers of the last one
    assert evaluate(photos, library.restorer(median, version="1")).computed == 0
    assert kept.path == run.path


def test_a_function_may_take_the_compressed_file(photos):
    seen = []

    def reader(compressed):
        seen.append((compressed.qf, compressed.codec, compressed.data[:2]))
        return compressed.pixels

    run = evaluate(photos, "jpeg", library.restorer(reader, compressed=True), workers=1)

    assert seen == [(10, "jpeg", b"\xff\xd8")] * 3
    assert figures(run, "reader").equals(figures(run, "jpeg"))


def test_a_function_may_return_a_view_and_work_in_place(photos):
    def twice(rgb):
        rgb[:] = rgb[::-1]
        return rgb[::-1]

    run = evaluate(photos, "jpeg", twice)

    assert figures(run, "twice").equals(figures(run, "jpeg"))


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda rgb: None, "own gave NoneType; a restorer must return a uint8 RGB array"),
        (lambda rgb: rgb / 255, "the values are in 0..1: return np.clip(np.rint(255 * image)"),
        (lambda rgb: rgb * 1.0, "white is 255: return np.clip(np.rint(image)"),
        (lambda rgb: rgb[..., 0], "this is grey: np.dstack([grey] * 3)"),
        (lambda rgb: np.dstack([rgb, rgb])[..., :4], "image[:, :, :3] is without"),
        (lambda rgb: rgb.transpose(2, 0, 1), "image.transpose(1, 2, 0) puts them last"),
        (lambda rgb: rgb[None], "this is a batch: image[0]"),
        (lambda rgb: Image.fromarray(rgb), "own gave Image; a restorer must return a uint8 RGB"),
        (lambda rgb: rgb[1:], "a restorer must return uint8 RGB of the same size"),
        (lambda rgb: 1 // 0, "ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_on_an_image_is_in_its_record(photos, function, sentence):
    run = evaluate(photos, "jpeg", library.restorer(function, name="own"))

    assert len(run.failed) == 3
    assert all(
        error.startswith("restorer own failed on") and sentence in error
        for error in run.records("fidelity", "own")["error"]
    )
    assert run.table(draws=0)["jpeg"].notna().all()


def arcnn(photos):
    """A name that is taken."""


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (lambda: [lambda rgb: rgb], "'<lambda>' cannot be a restorer's name"),
        (lambda: [partial(median)], "'' cannot be a restorer's name"),
        (lambda: [arcnn], "There is a restorer arcnn already"),
        (lambda: [median, lambda rgb: rgb], "'<lambda>'"),
        (lambda: [library.restorer(median, name="a,b")], "it has one of"),
        (lambda: [library.restorer(median, name="dagn:x")], "it has one of"),
        (lambda: [library.restorer(median, name=" ")], "it is empty"),
        (lambda: [library.restorer(median, name="x" * 101)], "more than 100 characters"),
        (lambda: [library.restorer(median, name="all")], "There is a restorer all already"),
        (lambda: [library.restorer(median, multiple=8)], "Only a torch.nn.Module takes multiple"),
        (lambda: [library.restorer("median")], "'median' is no restorer"),
        (lambda: [7], "7 is no restorer"),
        (lambda: [library.restorer(library.restorer(median))], "came from harness.restorer"),
        (lambda: [modules()], "Wrong is a class: give a function, a module that was made"),
        (lambda: [library.restorer(median, multiple="8")], "multiple: '8' is not a whole number"),
        (lambda: [library.restorer(median, scale="255")], "scale: '255' is not a number above 0"),
        (lambda: [library.restorer(median, scale=float("inf"))], "inf is not a number above 0"),
        (lambda: [median, library.restorer(identity, name="median")], "Two restorers are called"),
        (lambda: [type("Half", (), {"restore": 1, "name": "x"})()], "it has no multi_model"),
    ],
)
def test_what_is_no_restorer_is_refused(photos, wanted, sentence):
    with pytest.raises(library.UserError, match=sentence):
        evaluate(photos, *wanted())


def test_the_same_function_twice_is_one(photos):
    assert list(evaluate(photos, median, median).table(draws=0)) == ["median"]


def test_all_and_an_own_one_stand_together(photos):
    run = evaluate(photos, "all", median, limit=1)

    assert {"median", "jpeg", "arcnn", "dagn"} < set(run.table(draws=0))


def test_an_evaluation_within_a_restorer_is_refused(photos):
    def nested(rgb):
        evaluate(photos, "jpeg", output="inner")

    with pytest.raises(library.UserError, match="it would wait for itself"):
        evaluate(photos, nested)


def modules():
    from torch import nn

    class Wrong(nn.Module):
        def __init__(self, change):
            super().__init__()
            self.change = change

        def forward(self, image):
            return self.change(image)

    return Wrong


def test_a_data_set_and_a_model_may_be_objects(photos):
    from harness.plugins import DataSet, ImageRef, VisionModel

    class Few(DataSet):
        name = "few"
        tasks = ("classification",)
        classes = ("dark", "bright")
        notice = "Few images."

        def images(self):
            return [ImageRef(path.name, path) for path in sorted(photos.glob("*.png"))[:2]]

        def fingerprint(self):
            return {"version": "1"}

        def label(self, image_id):
            return int(image_id[0])

    class Brightness(VisionModel):
        name = "brightness"
        task = "classification"
        classes = ("dark", "bright")

        def fingerprint(self):
            return {"version": "1"}

        def predict(self, image):
            level = image.mean() / 255
            return np.array([1 - level, level])

    given = {"task": "classification", "qf": 10, "restorers": ["original", "jpeg"]}
    run = library.evaluate(given, dataset=Few(), model=Brightness(), output="own")

    assert run.frame(draws=0)["model"].unique().tolist() == ["brightness"]
    assert run.frame(draws=0)["dataset"].unique().tolist() == ["few"]
    assert run.notices == ("Few images.",)
    assert len(run.records("classification", "original")) == 2
    with pytest.raises(library.UserError, match="There is a data set scenes already"):
        taken = Few()
        taken.name = "scenes"
        library.evaluate(given, dataset=taken, model=Brightness())
    with pytest.raises(library.UserError, match="no task of the vision model brightness"):
        evaluate(photos, "jpeg", model=Brightness())
    with pytest.raises(library.UserError, match="object is no data set"):
        library.evaluate(given, dataset=object())


def test_objects_that_have_the_parts_without_the_base_class_are_taken(photos):
    class Dark:
        name, multi_model, year, reference = "dark", False, 2000, False

        def prepare(self, qf):
            self.qf = qf

        def fingerprint(self, qf):
            return {"version": "1"}

        def restore(self, compressed):
            assert self.qf == 10
            return compressed.pixels // 2

    class Few:
        name, tasks, classes = "few", ("classification",), ("dark", "bright")
        notice, default_models = "Few images.", {}

        def images(self):
            from harness.plugins import ImageRef

            return [ImageRef(path.name, path) for path in sorted(photos.glob("*.png"))[:2]]

        def fingerprint(self):
            return {"version": "1"}

        def label(self, image_id):
            return int(image_id[0])

    class Brightness:
        name, task, classes = "brightness", "classification", ("dark", "bright")

        def prepare(self):
            self.ready = True

        def fingerprint(self):
            return {"version": "1"}

        def predict(self, image):
            assert self.ready
            level = image.mean() / 255
            return np.array([1 - level, level])

    run = library.evaluate(
        task="classification", qf=10, restorers=["original", "jpeg", Dark()], dataset=Few(),
        model=Brightness(), output="own",
    )  # fmt: skip

    assert run.frame(draws=0)["restorer"].unique().tolist() == ["original", "jpeg", "dark"]
    assert run.frame(draws=0)["model"].unique().tolist() == ["brightness"]
    assert run.notices == ("Few images.",)
    dark = run.records("classification", "dark")
    assert len(dark) == 2 and not run.failed
    assert (dark["psnr"] < run.records("classification", "jpeg")["psnr"]).all()


def test_a_restorer_that_always_fails_is_given_up_and_told(photos):
    def broken(rgb):
        raise RuntimeError("no memory")

    given = {"task": "fidelity", "qf": 10, "dataset": photos}
    spec = [library.restorer(broken, version="1")]
    with pytest.warns(UserWarning, match="2 of 3 images failed"):
        run = library.evaluate(given, restorers=spec, max_equal_failures=2, output="out", workers=1)
    assert "fidelity/broken-q10 was stopped after 2 equal failures" in run.notices[-1]
    with pytest.warns(UserWarning, match="3 of 3 images failed"):
        again = library.evaluate(given, restorers=spec, max_equal_failures=0, output="out")
    assert not any("stopped" in notice for notice in again.notices)
    with pytest.raises(library.UserError, match="Bad value for max_equal_failures"):
        library.evaluate(given, restorers=spec, max_equal_failures=-1, output="out")
