"""What a user calls a data set and a vision model, looked up."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import UserError
from harness.plugins import DataSet, DataSetFormat, registry
from harness.plugins.registry import Registry
from harness.study.resolve import resolve_data_set, resolve_models, split_auto
from harness.study.study import Study


class Known(Registry):
    """A registry of things that are there already."""

    def __init__(self, kind, **things):
        super().__init__(kind, [registry.Entry(name, "x:y", "here") for name in things])
        self.things = things

    def get(self, name):
        self.entry(name)
        return self.things[name]


def opener(label, suffix, takes=(), **more):
    class Format(DataSet, DataSetFormat):
        options = takes

        @classmethod
        def accepts(cls, path, options):
            return path.name.endswith(suffix)

        @classmethod
        def open(cls, path, **options):
            return cls(**options)

        def __init__(self, **options):
            self.name, self.options = label, options

        def images(self):
            return []

        def fingerprint(self):
            return {}

    for key, value in more.items():
        setattr(Format, key, value)
    return Format


@pytest.fixture
def formats(monkeypatch):
    known = Known(
        "data set format",
        any=opener("any", "", fallback=True),
        coco=opener("coco", ".json", ("images",)),
        parted=opener("parted", ".part", available=lambda self, limit: seen.append(limit)),
    )
    seen = []
    monkeypatch.setattr(registry, "formats", lambda: known)
    return seen


@pytest.mark.parametrize(("name", "kind"), [("a.json", "coco"), ("folder", "any")])
def test_the_format_that_takes_everything_is_asked_last(formats, tmp_path, name, kind):
    (tmp_path / name).touch()

    assert resolve_data_set(Study(dataset=str(tmp_path / name)))[0].name == kind


def test_options_reach_the_format(formats, tmp_path):
    (tmp_path / "a.json").touch()
    found, _ = resolve_data_set(Study(dataset=str(tmp_path / "a.json"), images="photos"))

    assert found.options == {"images": "photos"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.json", r"--masks: a data set of the format coco .* takes: --images"),
        ("folder", r"--masks: .* the format any does not take it. Options it takes: none"),
        ("scenes", r"--masks: scenes does not take it"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(formats, tmp_path, name, said):
    path = tmp_path / name
    path.touch()
    with pytest.raises(UserError, match=said):
        resolve_data_set(Study(dataset=name if name == "scenes" else str(path), masks="m"))


def test_a_data_set_in_parts_is_asked_whether_enough_of_it_is_here(formats, tmp_path):
    (tmp_path / "a.part").touch()
    resolve_data_set(Study(dataset=str(tmp_path / "a.part"), limit=7))

    assert formats == [7]


def test_a_format_that_cannot_be_loaded_takes_nothing_else_down(formats, monkeypatch, tmp_path):
    known = registry.formats()
    get = known.get

    def broken(name):
        if name == "parted":
            raise UserError("the format parted cannot be loaded")
        return get(name)

    monkeypatch.setattr(known, "get", broken)
    (tmp_path / "a.json").touch()

    assert resolve_data_set(Study(dataset=str(tmp_path / "a.json")))[0].name == "coco"


def test_what_no_format_takes_says_what_there_is(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "formats", lambda: Known("format", coco=opener("c", ".json")))

    with pytest.raises(UserError, match=r"in no known data set format \(coco\)"):
        resolve_data_set(Study(dataset=str(tmp_path)))


# -- vision models ----------------------------------------------------------------------------


class Model:
    """A vision model that remembers how it was made."""

    def __init__(self, name, task="detection", variant=None):
        self.name, self.task, self.variant = name, task, variant


def maker(name, task="detection"):
    return SimpleNamespace(make=lambda variant=None: Model(name, task, variant))


@pytest.fixture
def models(monkeypatch):
    groups = {
        "detection": {"rcnn": maker("rcnn"), "both": maker("both")},
        "segmentation": {"pspnet": maker("pspnet", "segmentation"), "both": maker("both")},
    }
    cards = SimpleNamespace(
        accepts=lambda path: path.suffix == ".yaml" and (path.is_file() or path.stem == "carried"),
        open=lambda path, variant: Model(
            path.stem, path.read_text() if path.is_file() else "detection", variant
        ),
    )
    monkeypatch.setattr(
        registry, "models", lambda task: Known(f"{task} model", **groups.get(task, {}))
    )
    monkeypatch.setattr(registry, "model_formats", lambda: Known("kind of model", card=cards))


TASKS = {
    "detection": SimpleNamespace(needs_model=True, vision=""),
    "segmentation-agreement": SimpleNamespace(needs_model=True, vision="segmentation"),
    "fidelity": SimpleNamespace(needs_model=False, vision=""),
}
DATA = SimpleNamespace(name="data", default_models={"detection": "rcnn", "segmentation": "pspnet"})


def made(*specs, tasks=("detection",), data=DATA):
    study = Study(model=specs, task=tasks)
    return resolve_models(study, {name: TASKS[name] for name in tasks}, data)


def test_the_data_sets_own_models_serve(models):
    found = made(tasks=tuple(TASKS))

    assert {name: model.name for name, model in found.items()} == {
        "detection": "rcnn",
        "segmentation-agreement": "pspnet",  # a stand-in runs the models of its task
    }


@pytest.mark.parametrize(
    ("spec", "name", "variant"),
    [("both", "both", None), ("rcnn:mine.pth", "rcnn", "mine.pth"), ("rcnn:a:b", "rcnn", "a:b")],
)
def test_a_model_is_named_with_or_without_a_variant(models, spec, name, variant):
    model = made(spec)["detection"]

    assert (model.name, model.variant) == (name, variant)


def test_home_is_known_behind_the_colon(models, monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")

    assert made("rcnn:~/mine.pth")["detection"].variant == "/somewhere/mine.pth"


@pytest.mark.parametrize(("more", "variant"), [("", None), (":w.pth", "w.pth")])
def test_a_model_is_opened_by_path(models, tmp_path, more, variant):
    card = tmp_path / "own.yaml"
    card.write_text("detection")
    model = made(f"{card}{more}")["detection"]

    assert (model.name, model.variant) == ("own", variant)


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (("nobody",), r"Unknown detection model 'nobody'.* Nor is there a file"),
        (("rcnn:",), "names nothing behind the colon"),
        (("rcnn", "both"), "Two detection models given: rcnn and both"),
        (("pspnet",), "a segmentation model, and the study has no such task"),
    ],
)
def test_a_wrong_name_is_one_sentence(models, specs, said):
    with pytest.raises(UserError, match=said):
        made(*specs)


def test_a_file_of_another_task_or_of_no_kind_is_refused(models, tmp_path):
    (tmp_path / "s.yaml").write_text("segmentation")
    (tmp_path / "x.bin").touch()

    with pytest.raises(UserError, match="a segmentation model, and the study has no such task"):
        made(str(tmp_path / "s.yaml"))
    with pytest.raises(UserError, match=r"no vision model of a known kind \(card\).*model_cards"):
        made(str(tmp_path / "x.bin"))


def test_without_a_model_of_its_own_a_data_set_asks_for_one(models):
    bare = SimpleNamespace(name="bare", default_models={})

    with pytest.raises(UserError, match="bare has no detection model of its own; .* both, rcnn"):
        made(data=bare)
    with pytest.raises(UserError, match="the task fidelity runs no vision model"):
        made("rcnn", tasks=("fidelity",))


# -- auto -------------------------------------------------------------------------------------


@pytest.fixture
def coco(monkeypatch):
    """Pretends that some named data sets are on this machine."""

    def call(*here):
        get = Registry.get

        def patched(self, name):
            if self.kind == "data set":
                return SimpleNamespace(prepared=lambda: name in here)
            return get(self, name)

        monkeypatch.setattr(Registry, "get", patched)

    return call


def split(*tasks):
    return {part.dataset: part.task for part, _ in split_auto(Study(task=tasks))}


def test_auto_takes_the_papers_data_sets_where_they_are_prepared(coco):
    coco("coco-val2017", "voc2012")

    assert split("detection", "segmentation", "fidelity") == {
        "coco-val2017": ("detection", "fidelity"),
        "voc2012": ("segmentation",),
    }


def test_auto_falls_back_task_by_task_and_says_so_loudly(coco, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", "/data")
    coco("coco-val2017")
    study = Study(task=("detection", "segmentation", "classification"))
    parts = {part.dataset: notices for part, notices in split_auto(study)}

    assert set(parts) == {"coco-val2017", "scenes", "scenes-things"}
    assert parts["coco-val2017"] == ["auto: coco-val2017 is prepared under /data."]
    assert "voc2012 is not prepared under /data (`harness fetch voc2012`)" in parts["scenes"][0]
    assert "embedded data set scenes" in parts["scenes"][0]


def test_without_auto_a_study_stays_whole():
    study = Study(task=("detection", "classification"), dataset="scenes")

    assert split_auto(study) == ((study, []),)


def test_auto_serves_agreement_tasks_like_the_tasks_they_stand_in_for(coco):
    coco()

    assert split("detection-agreement") == {"scenes": ("detection-agreement",)}


@pytest.mark.parametrize("name", ["nope.pt", "nope.onnx"])
def test_a_model_file_that_is_not_there_is_said_to_be_missing(name, tmp_path):
    study = Study(model=(str(tmp_path / name),))

    with pytest.raises(UserError, match=f"There is no vision model at .*{name}: check the path"):
        resolve_models(study, {"detection": TASKS["detection"]}, DATA)


def test_a_model_file_may_not_be_a_made_up_path(models):
    with pytest.raises(UserError, match="Unknown detection model"):
        made(str(Path("/nowhere/card.yaml")))


def test_each_part_of_auto_keeps_the_models_of_its_tasks(coco, models, tmp_path):
    coco("coco-val2017", "voc2012")
    card = tmp_path / "own.yaml"
    card.write_text("segmentation")
    study = Study(task=("detection", "segmentation"), model=("rcnn", str(card), "unheard-of"))
    parts = {part.dataset: part.model for part, _ in split_auto(study)}

    assert parts == {
        "coco-val2017": ("rcnn", "unheard-of"),  # the unknown one is refused when it is made
        "voc2012": (str(card), "unheard-of"),
    }


def test_a_format_may_carry_models_of_its_own(models):
    assert made("carried.yaml:w.pth")["detection"].variant == "w.pth"
